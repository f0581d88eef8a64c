"""What came of one run of a case, from what the stack wrote down of it."""

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum, auto
from typing import Annotated

from pydantic import Field, PlainSerializer

from activities.reviewer import OPINION
from activities.store.journal import JournalRow
from api.evaluation.suite import Truth
from workflows.domain.model import Model
from workflows.domain.objective import Stage
from workflows.domain.verdict import BY_CHECKS, BY_PANEL, Decision

"""Signs what verifiers' opinions came to."""


class Judged(StrEnum):
    """What verifiers said of a work."""

    APPROVED = auto()
    REJECTED = auto()
    UNCERTAIN = auto()


class Run(Model):
    """The n-th run of a case. An `error` says why it could not be run; it then counts in no rate."""

    case: str
    n: int
    objective_id: str
    stage: Stage | None = None
    success: bool = False
    judged: Judged | None = Field(None, description="of a verdict case")
    faults: tuple[str, ...] = Field((), description="why it is no success")
    error: str = ""
    seconds: float = 0.0
    tasks: int = Field(0, description="tasks that were tried")
    reworked: int = Field(0, description="tasks that took more than one attempt")
    calls: int = 0
    failed_calls: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Annotated[Decimal, PlainSerializer(float, return_type=float, when_used="json")] = Decimal(0)
    unpriced_calls: int = 0


def attempts_in(rows: Sequence[JournalRow]) -> dict[str, int]:
    """Task id → its last attempt, for the tasks that were tried."""
    found: dict[str, int] = {}
    for row in rows:
        if row.task_id and row.attempt:
            found[row.task_id] = max(row.attempt, found.get(row.task_id, 0))
    return found


def judged_in(rows: Sequence[JournalRow]) -> Judged | None:
    """What the panel came to; by doubt alone it rejects, which is told apart here. None: it came to nothing."""
    verdicts = [row for row in rows if row.kind == "verdict" and row.task_id]
    panel = [row.data.get("decision") for row in verdicts if row.actor == BY_PANEL]
    opinions = [
        row.data.get("decision") for row in verdicts if row.data.get("subject") == OPINION and row.actor != BY_CHECKS
    ]
    if not panel or not opinions:
        return None
    if panel[-1] == Decision.APPROVED:
        return Judged.APPROVED
    return Judged.REJECTED if Decision.REJECTED in opinions else Judged.UNCERTAIN


def faults_in_verdict(judged: Judged, truth: Truth, planted: str) -> tuple[str, ...]:
    match judged, truth:
        case Judged.REJECTED, Truth.DEFECT:
            return ()
        case Judged.APPROVED, Truth.GOOD:
            return ()
        case Judged.APPROVED, _:
            return (f"a defect was approved: {planted}",)
        case Judged.REJECTED, _:
            return ("good work was rejected",)
        case _:
            return ("the verifier could not tell",)


def last_failure(rows: Sequence[JournalRow]) -> str:
    """Why the last model call failed that did."""
    return next((row.text for row in reversed(rows) if row.kind == "model.failed"), "")
