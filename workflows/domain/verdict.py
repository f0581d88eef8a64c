from enum import StrEnum, auto
from typing import Self

from pydantic import Field, model_validator

from workflows.domain.artifact import Sha256
from workflows.domain.model import Model
from workflows.domain.text import Said

MAX_FEEDBACK = 2000
"""Characters of feedback that travel in a signal; the whole report lies in the store."""


CHECKS = "verifier:"
"""Verifiers' verdicts are signed with this; any other signature is a person's or another system's."""
BY_CHECKS = f"{CHECKS}checks"
"""Signs the verdict of deterministic checks; every other verifier's is an opinion."""
BY_PANEL = f"{CHECKS}panel"
"""Signs what the opinions come to."""


class Decision(StrEnum):
    APPROVED = auto()
    REJECTED = auto()
    REVISE = auto()
    """A person's alone: to be done again, with instructions."""
    UNCERTAIN = auto()
    """A verifier's alone: it needs another opinion, and is never an approval."""


class Subject(StrEnum):
    """What is decided on. Verdicts on an objective are about its plan or its result."""

    PLAN = auto()
    RESULT = auto()
    TASK = auto()
    """An attempt at a task."""
    STEP = auto()
    """A step before it is done, with its input."""
    WORK = auto()
    """A task that a person does: answered by submitting it."""
    BUDGET = auto()
    EXHAUSTED = auto()
    """Tasks that are not approved after all attempts: whether and how to go on."""


class TaskVerdict(Model):
    """A reviewer's decision on one attempt at a task, as it comes in by signal."""

    attempt: int = Field(ge=1, le=1000, description="which attempt it is about; another attempt's is stale")
    decision: Decision
    by: Said = Field(min_length=1, max_length=120)
    feedback: Said = Field("", max_length=MAX_FEEDBACK)
    fingerprint: Said = Field("", max_length=64, description="equal for attempts that fail in the same way")
    report: Sha256 | None = None

    @model_validator(mode="after")
    def _decides(self) -> Self:
        _require_decision(self.decision, self.by)
        return self

    @property
    def approved(self) -> bool:
        return self.decision is Decision.APPROVED


class ObjectiveVerdict(Model):
    """A decision on an objective's plan or on its result, as it comes in by signal."""

    subject: Subject
    decision: Decision
    by: Said = Field(min_length=1, max_length=120)
    feedback: Said = Field("", max_length=MAX_FEEDBACK)

    @model_validator(mode="after")
    def _decides(self) -> Self:
        _require_decision(self.decision, self.by)
        return self

    @property
    def approved(self) -> bool:
        return self.decision is Decision.APPROVED


def _require_decision(decision: Decision, by: str) -> None:
    if decision is Decision.UNCERTAIN and not by.startswith(CHECKS):
        raise ValueError("decide: approved or rejected")
