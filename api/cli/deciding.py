"""`botted approve`, `botted deny`, `botted cancel` and `botted tell`: what a person says to what runs."""

from uuid import uuid4

import click

from api.cli import settings
from api.cli.errors import BadInput
from api.cli.person import person
from api.cli.session import Session, open_session
from api.cli.task_view import Wait
from api.cli.view import ObjectiveView
from workflows.domain.budget import BudgetAnswer
from workflows.domain.message import Message
from workflows.domain.outcome import TaskState
from workflows.domain.verdict import MAX_FEEDBACK, Decision, ObjectiveVerdict, Subject, TaskVerdict

BUDGET = "budget"
_OVER = (TaskState.APPROVED, TaskState.REJECTED, TaskState.FAILED, TaskState.BLOCKED, TaskState.CANCELLED)


def decide(asked: str, *, approved: bool, because: str, task: str | None) -> None:
    if len(because) > MAX_FEEDBACK:
        raise BadInput(f"--because has {len(because):,} characters, at most {MAX_FEEDBACK:,}")
    with open_session(settings.load(), _progress) as session:
        view = session.view(session.objective(asked).request.id)
        wait = _the_one(session, view, task, "approve" if approved else "deny")
        send(session, view.id, wait, approved=approved, because=because)
        click.echo(_said(view, wait, approved=approved))
        if approved and wait.subject == BUDGET:
            click.echo(f"its limits are as they were; `botted budget {view.id} --usd …` raises them")


def waiting(session: Session, view: ObjectiveView) -> tuple[Wait, ...]:
    """What waits for a person: of the objective as its workflow says, of its tasks as the journal says."""
    if view.stage.ended:
        return ()
    asked = view.waits.get("")
    pending = session.workflows.pending(view.id)
    own = (
        asked if asked and asked.subject == subject else Wait(subject, "", 0, f"the {subject}") for subject in pending
    )
    return (*own, *(wait for wait in view.waits.values() if wait.task_id))


def send(session: Session, objective_id: str, wait: Wait, *, approved: bool, because: str = "") -> None:
    """To the workflow that waits."""
    decision = Decision.APPROVED if approved else Decision.REJECTED
    match wait.subject:
        case "budget":
            session.workflows.answer_budget(objective_id, wait.task_id, BudgetAnswer(granted=approved, by=person()))
        case "task":
            verdict = TaskVerdict(attempt=wait.attempt, decision=decision, by=person(), feedback=because)
            session.workflows.decide_task(objective_id, wait.task_id, verdict)
        case subject:
            session.workflows.decide(
                objective_id,
                ObjectiveVerdict(subject=Subject(subject), decision=decision, by=person(), feedback=because),
            )


def how(objective_id: str, wait: Wait) -> str:
    """What to type to answer it."""
    task = f" --task {wait.task_id}" if wait.task_id else ""
    if wait.subject == BUDGET:
        return f"botted budget {objective_id} --usd …   or   botted deny {objective_id}{task}"
    return f"botted approve {objective_id}{task}   or   botted deny {objective_id}{task} --because …"


def cancel(asked: str) -> None:
    with open_session(settings.load(), _progress) as session:
        row = session.objective(asked)
        if row.ended_at is not None:
            raise BadInput(f"{row.request.id} has already ended: {str(row.stage).replace('_', ' ')}")
        session.workflows.cancel(row.request.id)
        click.echo(f"cancelling {row.request.id}; `botted show {row.request.id}` says when it is over")


def tell(asked: str, task_id: str, text: str) -> None:
    most = 2000
    if not text.strip() or len(text) > most:
        raise BadInput(f"a message has between 1 and {most:,} characters, this one has {len(text.strip()):,}")
    with open_session(settings.load(), _progress) as session:
        view = session.view(session.objective(asked).request.id)
        _require_listener(view, task_id)
        session.workflows.tell(view.id, task_id, Message(id=uuid4().hex, by=person(), text=text))
        click.echo(f"told {view.title(task_id)!r}; its worker reads it before its next turn")


def _require_listener(view: ObjectiveView, task_id: str) -> None:
    task = view.tasks.get(task_id)
    if task is None:
        raise BadInput(f"{view.id} has no task {task_id!r}; there are: {', '.join(view.tasks) or 'none yet'}")
    if task.kind != "turns":
        raise BadInput(
            f"no model works on the task {task_id!r}, so nobody would read a message; it is done by {task.kind}"
        )
    if view.stage.ended or task.state in _OVER:
        raise BadInput(f"the task {task_id!r} is over: {task.state}; nobody would read a message")


def _the_one(session: Session, view: ObjectiveView, task: str | None, verb: str) -> Wait:
    waits = waiting(session, view)
    chosen = [wait for wait in waits if task is None or wait.task_id == task]
    if len(chosen) == 1:
        return chosen[0]
    listed = [f"botted {verb} {view.id} --task {wait.task_id}   ({wait.text})" for wait in waits if wait.task_id]
    if chosen:
        raise BadInput(f"{len(chosen)} things of {view.id} wait for you; say which one", *listed)
    what = f"the task {task!r} of {view.id}" if task else f"nothing of {view.id}"
    if task:
        raise BadInput(f"{what} does not wait for you now", *listed)
    raise BadInput(
        f"{what} waits for you now; `botted show {view.id}` says where it is", *waiting_below(session, view.id, verb)
    )


def waiting_below(session: Session, objective_id: str, verb: str) -> tuple[str, ...]:
    """Tasks that are objectives of their own ask under their own id."""
    family = [session.view(child) for child in session.objectives.family(objective_id)[1:]]
    return tuple(f"botted {verb} {child.id}   ({wait.text})" for child in family for wait in child.waits.values())


def _said(view: ObjectiveView, wait: Wait, *, approved: bool) -> str:
    if wait.subject == BUDGET:
        whom = f"the task {wait.task_id}" if wait.task_id else view.id
        return f"{'granted' if approved else 'refused'} more budget for {whom}"
    what = f"task {wait.task_id}" if wait.task_id else wait.subject
    return f"{'approved' if approved else 'rejected'} the {what} of {view.id}"


def _progress(text: str) -> None:
    click.secho(text, dim=True, err=True)
