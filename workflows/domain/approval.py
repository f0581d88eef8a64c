"""What a person is asked, who may answer, how long it waits, and the answer."""

from datetime import datetime
from enum import StrEnum, auto
from typing import Self

from pydantic import Field, model_validator

from workflows.domain.artifact import Sha256
from workflows.domain.model import Model
from workflows.domain.text import Said
from workflows.domain.verdict import CHECKS, MAX_FEEDBACK, Decision, Subject

HOUR, DAY = 3600, 86_400
MOST = 3650 * DAY
ROLE = "role:"
"""Begins a decider that is a role instead of a name, as in role:approver."""


class OnTimeout(StrEnum):
    DENY = auto()
    APPROVE = auto()


class AskWhen(StrEnum):
    """When an objective in auto mode asks a person. Manual mode asks in all of these cases."""

    IRREVERSIBLE = auto()
    """Before a tool whose effect cannot be undone."""
    COSTLY = auto()
    """Before a tool that costs money or reaches many people."""
    EXHAUSTED = auto()
    """When tasks stay unapproved after their attempts and all planning anew."""


class ApprovalPolicy(Model):
    """How every approval of an objective is handled. Times in seconds from when it was asked; None: never."""

    deciders: tuple[str, ...] = Field(
        (), max_length=20, description="names, or roles as role:approver; none: whoever may decide at all"
    )
    remind_after: int | None = Field(DAY, ge=1, le=MOST)
    escalate_after: int | None = Field(3 * DAY, ge=1, le=MOST)
    escalate_to: tuple[str, ...] = Field(("role:admin",), max_length=20, description="may decide too, from then on")
    deadline: int | None = Field(30 * DAY, ge=1, le=MOST)
    on_timeout: OnTimeout = OnTimeout.DENY
    ask_when: tuple[AskWhen, ...] = (AskWhen.IRREVERSIBLE, AskWhen.COSTLY)


class Approval(Model):
    """A question to a person, written down before anybody waits for its answer."""

    id: str = Field(max_length=200, description="OBJECTIVE.SUBJECT.N, or of a task OBJECTIVE.SUBJECT.TASK.ATTEMPT.N")
    objective_id: str
    subject: Subject
    text: str = Field(max_length=400, description="what is to be decided")
    choices: tuple[Decision, ...]
    task_id: str = ""
    attempt: int = 0
    step_id: str = Field("", description="of the step whose input waits")
    deciders: tuple[str, ...] = ()
    remind_at: datetime | None = None
    escalate_at: datetime | None = None
    escalate_to: tuple[str, ...] = ()
    deadline: datetime | None = None
    on_timeout: OnTimeout = OnTimeout.DENY

    def may_be_decided_by(self, name: str, roles: tuple[str, ...], *, escalated: bool) -> bool:
        allowed = (*self.deciders, *(self.escalate_to if escalated else ()))
        return not self.deciders or name in allowed or any(f"{ROLE}{role}" in allowed for role in roles)


class ApprovalDecision(Model):
    """A person's answer to one approval: by the update `decide`, or the signal `verdict`."""

    approval: Said = Field(min_length=1, max_length=200, description="its id: an answer to another question is stale")
    decision: Decision
    by: Said = Field(min_length=1, max_length=120)
    roles: tuple[Said, ...] = Field((), max_length=10)
    feedback: Said = Field("", max_length=MAX_FEEDBACK, description="why; for revise: what is to change")
    tasks: tuple[Said, ...] = Field(
        (), max_length=100, description="of a plan: the only ones that run; of a result: those that are done again"
    )
    arguments: Sha256 | None = Field(None, description="of a step: its input as it was edited, in the store")
    origin: Said = Field("", max_length=200, description="from where it came")

    @model_validator(mode="after")
    def _is_a_persons(self) -> Self:
        if self.decision is Decision.UNCERTAIN:
            raise ValueError("decide: approved, revise or rejected")
        if self.decision is Decision.REVISE and not self.feedback.strip():
            raise ValueError("to revise, say in feedback what is to change")
        if self.by.startswith(CHECKS):
            raise ValueError(f"names that begin with {CHECKS!r} are not people's")
        return self

    @property
    def approved(self) -> bool:
        return self.decision is Decision.APPROVED


class DecisionReceipt(Model):
    """The answer of `decide`: what is now on record."""

    approval: str
    decision: Decision
    by: str
