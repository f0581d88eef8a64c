from enum import StrEnum, auto

from pydantic import Field

from workflows.domain.model import Model


class TaskState(StrEnum):
    WAITING = auto()
    WORKING = auto()
    REVIEW = auto()
    APPROVED = auto()
    REJECTED = auto()
    FAILED = auto()
    BLOCKED = auto()
    CANCELLED = auto()
    SKIPPED = auto()
    """A person said to go on without it."""


class TaskOutcome(Model):
    """How a task ended. `attempt` is the one that counts; `reason` says why it is not approved."""

    task_id: str
    state: TaskState
    attempt: int = 0
    reason: str = Field("", max_length=600)

    @property
    def approved(self) -> bool:
        return self.state is TaskState.APPROVED

    @property
    def settled(self) -> bool:
        """What builds on it may start."""
        return self.state in (TaskState.APPROVED, TaskState.SKIPPED)
