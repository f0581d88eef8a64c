"""What waits for a person: in words, and what to type to answer it. Imports nothing heavy."""

from collections.abc import Sequence
from typing import Protocol

from activities.store import approvals
from api.cli.session import Session
from workflows.domain.approval import Approval
from workflows.domain.verdict import Decision, Subject

_COMMANDS = {
    Decision.APPROVED: "botted approve {id}",
    Decision.REVISE: "botted revise {id} --with …",
    Decision.REJECTED: "botted deny {id} --because …",
}
_OR = "   or   "


class Question(Protocol):
    """As the workflow asks it, or as the front door shows it."""

    @property
    def id(self) -> str: ...
    @property
    def objective_id(self) -> str: ...
    @property
    def subject(self) -> Subject: ...
    @property
    def task_id(self) -> str: ...
    @property
    def choices(self) -> Sequence[Decision]: ...


def how(question: Question) -> str:
    """What to type to answer it."""
    deny = _COMMANDS[Decision.REJECTED].format(id=question.id)
    match question.subject:
        case Subject.BUDGET:
            return f"botted budget {question.objective_id} --usd …{_OR}{deny}"
        case Subject.WORK:
            return f"botted submit {question.objective_id} {question.task_id} --summary … --file …{_OR}{deny}"
        case _:
            return _OR.join(_COMMANDS[choice].format(id=question.id) for choice in question.choices)


def wanted(subject: str, text: str, whose: str = "your") -> str:
    """What is waited for."""
    match subject:
        case Subject.BUDGET | Subject.WORK:
            return text
        case Subject.EXHAUSTED:
            return f"{whose} word on {text}"
        case _:
            return f"{whose} approval of {text}"


def open_questions(session: Session, objective_id: str) -> tuple[Approval, ...]:
    """Of this objective, the oldest first."""
    row = session.objectives.get(objective_id)
    if row is None:
        return ()
    with session.engine.connect() as connection:
        found = approvals.listed(connection, row.request.tenant, objective_id=objective_id, limit=200)
    return tuple(reversed([row.request for row in found]))
