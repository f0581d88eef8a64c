"""`botted approve`, `botted revise` and `botted deny`: a person's decisions on what waits for one."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from api.auth.principal import Right
from api.cli import approval_pages, asking, settings
from api.cli.actor import Actor, faults_in
from api.cli.errors import DELIVERED, NOT_DELIVERED, BadInput, Stopped, complain
from api.cli.questions import how, wanted
from api.cli.session import Session, open_session
from api.services.approvals import ApprovalInDetail, NewDecision, WaitingApproval
from workflows.domain.verdict import MAX_FEEDBACK, Decision, Subject

OPEN = "open"
_VERBS = {Decision.APPROVED: "approve", Decision.REVISE: "revise", Decision.REJECTED: "deny"}
_DONE = {Decision.APPROVED: "approved", Decision.REVISE: "sent back", Decision.REJECTED: "rejected"}


class Answer(BaseModel):
    """What a person typed beside the ids."""

    model_config = ConfigDict(frozen=True)

    decision: Decision
    text: str = ""
    task: str | None = None
    only: tuple[str, ...] = ()
    input: str | None = None
    """JSON, or @ and the path of a file with it."""
    at_once: bool = False
    """Without a look at it first, also in a terminal."""

    @property
    def asks_first(self) -> bool:
        bare = not (self.text or self.only or self.input or self.at_once)
        return bare and self.decision is not Decision.REJECTED and sys.stdin.isatty() and sys.stdout.isatty()


def decide(asked: Sequence[str], answer: Answer) -> int:
    """The exit code: of several, one that is refused does not hold up the others."""
    decision = _decision(answer)
    with open_session(settings.load(), _progress) as session:
        actor = Actor(session)
        actor.require(Right.DECIDE)
        if len(asked) == 1:
            _decide(session, actor, asked[0], answer, decision)
            return DELIVERED
        return max([_decided(session, actor, one, answer, decision) for one in asked])


def offer(session: Session, approval_id: str) -> None:
    """On the spot, to whoever watches. Somebody else may be faster, which is said and changes nothing."""
    try:
        actor = Actor(session)
        approval = actor.approval(approval_id)
        if approval.state != OPEN:
            return
        if approval.subject in (Subject.BUDGET, Subject.WORK) or not actor.principal.may(Right.DECIDE):
            click.echo(f"waits for {wanted(approval.subject, approval.text)}: {how(approval)}")
            return
        approval_pages.show(session, approval)
        decision = asking.ask(approval)
        if decision is None:
            click.echo(how(approval))
            return
        actor.decide(approval.id, decision)
        click.echo(_said(approval, decision.decision))
    except (BadInput, Stopped) as error:
        complain(error.lines)


def _decided(session: Session, actor: Actor, asked: str, answer: Answer, decision: NewDecision) -> int:
    try:
        _decide(session, actor, asked, answer, decision)
    except (BadInput, Stopped) as error:
        complain((f"{asked}: {error.lines[0]}", *error.lines[1:]))
        return NOT_DELIVERED
    return DELIVERED


def _decide(session: Session, actor: Actor, asked: str, answer: Answer, decision: NewDecision) -> None:
    approval = _find(session, actor, asked, answer)
    if approval.state == OPEN and answer.asks_first:
        approval_pages.show(session, approval)
        chosen = _chosen(approval, decision)
        if chosen is None:
            click.echo(how(approval))
            return
        decision = chosen
    actor.decide(approval.id, decision)
    click.echo(_said(approval, decision.decision))
    if decision.decision is Decision.APPROVED and approval.subject is Subject.BUDGET:
        click.echo(f"its limits are as they were; `botted budget {approval.objective_id} --usd …` raises them")


def _chosen(approval: ApprovalInDetail, decision: NewDecision) -> NewDecision | None:
    """As it was typed, or what is chosen now."""
    if decision.decision is Decision.REVISE:
        return decision.model_copy(update={"feedback": asking.reason(Decision.REVISE)})
    return asking.ask(approval)


def _find(session: Session, actor: Actor, asked: str, answer: Answer) -> ApprovalInDetail:
    """The approval of this id, or the only one of this objective that can be answered so."""
    if "." in asked:
        if answer.task:
            raise BadInput(f"{asked} is the id of an approval, which needs no --task; leave it out")
        return approval_pages.find(actor, asked)
    objective_id = actor.objective(asked).request.id
    waiting = actor.waiting(mine=False, objective_id=objective_id)
    named = [one for one in waiting if answer.task is None or one.task_id == answer.task]
    fitting = [one for one in named if answer.decision in one.choices]
    if len(fitting) == 1:
        return actor.approval(fitting[0].id)
    if fitting:
        raise BadInput(f"{len(fitting)} things of {objective_id} wait for you; say which one", *_each(fitting, answer))
    raise BadInput(*_why_none(session, actor, objective_id, named, answer))


def _why_none(
    session: Session, actor: Actor, objective_id: str, named: Sequence[WaitingApproval], answer: Answer
) -> list[str]:
    verb = _VERBS[answer.decision]
    if named:
        return [f"what waits of {objective_id} cannot be answered by `botted {verb}`", *map(how, named)]
    whose = f"the task {answer.task!r} of {objective_id} waits for nobody" if answer.task else ""
    below = [
        approval
        for child in session.objectives.family(objective_id)[1:]
        for approval in actor.waiting(mine=False, objective_id=child)
    ]
    return [
        whose or f"nothing of {objective_id} waits for you now; `botted show {objective_id}` says where it is",
        *_each([one for one in below if answer.decision in one.choices], answer),
    ]


def _each(waiting: Sequence[WaitingApproval], answer: Answer) -> list[str]:
    verb = _VERBS[answer.decision]
    return [f"botted {verb} {approval.id}   ({approval.text})" for approval in waiting]


def _decision(answer: Answer) -> NewDecision:
    if len(answer.text) > MAX_FEEDBACK:
        option = "--with" if answer.decision is Decision.REVISE else "--because"
        raise BadInput(f"{option} has {len(answer.text):,} characters, at most {MAX_FEEDBACK:,}")
    if answer.decision is Decision.REVISE and not answer.text.strip() and not answer.asks_first:
        raise BadInput("say what is to change: --with 'Use the median instead of the mean.'")
    try:
        return NewDecision(
            decision=answer.decision,
            feedback=answer.text,
            tasks=answer.only,
            arguments=_input(answer.input) if answer.input else None,
        )
    except ValidationError as error:
        raise faults_in(error) from error


def _input(text: str) -> dict[str, JsonValue]:
    if text.startswith("@"):
        try:
            text = Path(text[1:]).expanduser().read_text("utf-8")
        except (OSError, ValueError) as error:
            raise BadInput(f"--input {text}: cannot be read: {error}") from error
    try:
        found = json.loads(text)
    except ValueError as error:
        raise BadInput(f"--input is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise BadInput('--input is not an object: write it like {"name": "report.md"}')
    return found


def _said(approval: WaitingApproval, decision: Decision) -> str:
    whole, done = approval.objective_id, _DONE[decision]
    match approval.subject:
        case Subject.BUDGET:
            whom = f"the task {approval.task_id}" if approval.task_id else whole
            return f"{'granted' if decision is Decision.APPROVED else 'refused'} more budget for {whom}"
        case Subject.TASK:
            return f"{done} the task {approval.task_id} of {whole}"
        case Subject.STEP:
            return f"{done} {approval.step_id} of the task {approval.task_id} of {whole}"
        case Subject.WORK:
            return f"the task {approval.task_id} of {whole} is given back"
        case Subject.EXHAUSTED:
            return f"{whole} {_GOES_ON[decision]}"
        case subject:
            return f"{done} the {subject} of {whole}"


_GOES_ON = {
    Decision.APPROVED: "goes on without what is not approved",
    Decision.REVISE: "goes on: what is not approved is done again",
    Decision.REJECTED: "ends, undelivered",
}


def _progress(text: str) -> None:
    click.secho(text, dim=True, err=True)
