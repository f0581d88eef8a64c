"""`botted approvals`: what waits for a person; and one approval with what is to be decided."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import click

from activities.store.artifacts import ArtifactLost
from api.cli import settings
from api.cli.actor import Actor
from api.cli.errors import BadInput
from api.cli.plan_lines import how_done, plan_lines
from api.cli.printable import printable
from api.cli.questions import how
from api.cli.session import Session, open_session
from api.services.approvals import ApprovalInDetail, WaitingApproval
from api.services.view import ObjectiveView
from workflows.domain.artifact import ArtifactRef
from workflows.domain.outcome import TaskState
from workflows.domain.plan import Plan
from workflows.domain.verdict import Subject

MOST_LINES = 60
"""Of what was made, all files together."""
_MOST_READ = 64 * 1024
_WIDEST = 200
_ENDS = {"revise": "sent back", "rejected": "denied"}
_FAILED = (TaskState.REJECTED, TaskState.FAILED, TaskState.CANCELLED, TaskState.BLOCKED)


def list_approvals(asked: str | None, *, mine: bool, state: str, objective: str | None, as_json: bool) -> None:
    """`asked` is an approval to show; none: all that fit."""
    with open_session(settings.load(), _progress) as session:
        actor = Actor(session)
        if asked:
            _one(session, actor, asked, as_json=as_json)
            return
        only = actor.objective(objective).request.id if objective else ""
        found = actor.waiting(mine=mine, state=None if state == "any" else state, objective_id=only)
    found.sort(key=lambda approval: (approval.deadline or datetime.max.replace(tzinfo=UTC), approval.asked_at))
    if as_json:
        click.echo(json.dumps([one.model_dump(mode="json") for one in found], ensure_ascii=False, indent=2))
    elif found:
        _print(found)
    else:
        click.echo(_nothing(mine=mine, state=state))


def find(actor: Actor, asked: str) -> ApprovalInDetail:
    """By its id; of the objective's id in it the beginning is enough."""
    objective, _, rest = asked.partition(".")
    return actor.approval(f"{actor.objective(objective).request.id}.{rest}")


def show(session: Session, approval: ApprovalInDetail) -> None:
    """What is to be decided, and everything that one needs for it."""
    for line in _page(session, approval):
        click.echo(line)


def _one(session: Session, actor: Actor, asked: str, *, as_json: bool) -> None:
    if "." not in asked:
        raise BadInput(
            f"{asked!r} is not the id of an approval; those look like OBJECTIVE.plan.1",
            f"what waits of an objective: botted approvals --objective {asked}",
        )
    approval = find(actor, asked)
    if as_json:
        click.echo(json.dumps(approval.model_dump(mode="json"), ensure_ascii=False, indent=2))
        return
    show(session, approval)
    if approval.state == "open":
        click.echo(f"\n{how(approval)}")


def _print(found: Sequence[WaitingApproval]) -> None:
    """Lines instead of a table: a command that was cut short could not be copied."""
    for approval in found:
        open_ = approval.state == "open"
        until = _until(approval) if open_ else _ended(approval)
        click.echo(f"{click.style(printable(approval.text), bold=True)}   {until}")
        click.secho(f"  of: {printable(' '.join(approval.objective.split()))[:100]}", dim=True)
        click.echo(f"  {how(approval) if open_ else approval.id}")


def _until(approval: WaitingApproval) -> str:
    until = f"until {_moment(approval.deadline)}" if approval.deadline else "without a deadline"
    return f"{until}, escalated" if approval.escalated else until


def _nothing(*, mine: bool, state: str) -> str:
    what = "nothing waits for you now" if mine else "nothing waits for anybody now"
    if state != "open":
        return f"there is no approval that is {state}"
    return f"{what}; `botted approvals --all` shows what waits for others" if mine else what


def _page(session: Session, approval: ApprovalInDetail) -> Iterator[str]:
    yield click.style(printable(approval.objective), bold=True)
    yield f"{approval.id}: {printable(approval.text)}"
    yield click.style(_terms(approval), dim=True)
    view = session.view(approval.objective_id)
    match approval.subject:
        case Subject.PLAN:
            yield from plan_lines(_plan(session, approval), view)
        case Subject.STEP:
            yield from _step(approval)
        case Subject.TASK:
            yield from _opinions(view, approval)
            yield from _made(session, approval.artifacts)
        case Subject.RESULT:
            yield from _tasks(view, tuple(TaskState))
            yield from _made(session, approval.artifacts)
        case Subject.EXHAUSTED:
            yield from _tasks(view, _FAILED)
        case Subject.WORK:
            yield from _work(_plan(session, approval), approval.task_id)
        case Subject.BUDGET:
            yield f"  what is spent: botted budget {approval.objective_id}"


def _terms(approval: ApprovalInDetail) -> str:
    if approval.state != "open":
        return _ended(approval) + (f": {printable(approval.feedback)}" if approval.feedback else "")
    who = f"{', '.join(approval.deciders)} may decide" if approval.deciders else "whoever has the right may decide"
    if approval.deadline is None:
        return f"{who}; it waits for as long as it takes"
    then = "approved" if approval.on_timeout == "approve" else "denied"
    return f"{who}; {then} if nobody does before {_moment(approval.deadline)}"


def _plan(session: Session, approval: ApprovalInDetail) -> Plan:
    row = session.objectives.get(approval.objective_id)
    assert row is not None
    assert row.plan is not None
    return Plan.model_validate_json(session.artifacts.read(row.plan))


def _step(approval: ApprovalInDetail) -> Iterator[str]:
    if approval.step is None:
        yield "  its input is not there any more"
        return
    yield f"  {approval.step.tool}, with this input:"
    text = json.dumps(approval.step.arguments, ensure_ascii=False, indent=2)
    yield from _excerpt(text, MOST_LINES)
    yield click.style(f"  to change it: botted approve {approval.id} --input '{{…}}'", dim=True)


def _opinions(view: ObjectiveView, approval: ApprovalInDetail) -> Iterator[str]:
    for opinion in view.opinions:
        if (opinion.task_id, opinion.attempt) == (approval.task_id, approval.attempt):
            yield printable(f"  {opinion.decision} by {opinion.by}: {opinion.feedback}")


def _tasks(view: ObjectiveView, states: Sequence[TaskState]) -> Iterator[str]:
    for task in view.tasks.values():
        if task.state in states:
            why = f": {' '.join(task.feedback.split())}" if task.state is not TaskState.APPROVED else ""
            yield printable(f"  {task.id}  {task.title}  {task.state}{why if task.feedback else ''}"[:600])


def _work(plan: Plan, task_id: str) -> Iterator[str]:
    task = next((task for task in plan.tasks if task.id == task_id), None)
    if task is None:
        return
    yield f"  as it was planned: {how_done(task)}"
    if task.brief:
        yield from _excerpt(task.brief.instructions, MOST_LINES)
    if task.deliverables:
        yield printable(f"  it promises {', '.join(task.deliverables)}")
    if task.checks:
        yield f"  checked by {', '.join(check.check for check in task.checks)}"


def _made(session: Session, artifacts: Sequence[ArtifactRef]) -> Iterator[str]:
    """Each file by name; of texts the first lines, as long as there is room."""
    room = MOST_LINES
    for ref in artifacts:
        yield printable(f"  → {ref.name}  {ref.size:,} bytes, {ref.media_type}")
        text = _text(session, ref) if room > 0 else None
        if text is not None:
            lines = list(_excerpt(text, room))
            room -= len(lines)
            yield from lines


def _text(session: Session, ref: ArtifactRef) -> str | None:
    """None for what is no text, or lies on another machine."""
    try:
        beginning = b"".join(session.artifacts.stream(ref.sha256, 0, _MOST_READ))
    except (ArtifactLost, KeyError):
        return None
    text = beginning.decode("utf-8", "ignore" if ref.size > len(beginning) else "replace")
    return None if "\x00" in text or text.count("\ufffd") > len(text) // 20 else text


def _excerpt(text: str, room: int) -> Iterator[str]:
    lines = text.splitlines()
    for line in lines[:room]:
        yield f"    {printable(line.expandtabs(4))[:_WIDEST]}"
    if len(lines) > room:
        yield click.style(f"    … and {len(lines) - room:,} more lines", dim=True)


def _ended(approval: WaitingApproval) -> str:
    by = f" by {approval.decided_by}" if approval.decided_by else ""
    state = _ENDS.get(approval.state, approval.state)
    return f"{state}{by}, {_moment(approval.decided_at)}"


def _moment(moment: datetime | None) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M") if moment else ""


def _progress(text: str) -> None:
    click.secho(text, dim=True, err=True)
