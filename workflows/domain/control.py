"""How a person steers an objective while it runs: by signals of these names, or by the update `control`."""

from enum import StrEnum, auto
from typing import Self

from pydantic import Field, model_validator

from workflows.domain.artifact import ArtifactRef
from workflows.domain.model import Model
from workflows.domain.objective import Mode, Oversight
from workflows.domain.text import Said
from workflows.domain.verdict import MAX_FEEDBACK


class Action(StrEnum):
    PAUSE = auto()
    """Nothing new starts; what runs is finished."""
    RESUME = auto()
    ADVANCE = auto()
    """While paused: lets one task, step or turn start."""
    RETRY_TASK = auto()
    """Again, with `text` as feedback; what builds on it is done again too."""
    SKIP_TASK = auto()
    """Goes on without it, with `text` as the reason."""
    CANCEL_TASK = auto()
    ASSIGN_TASK = auto()
    """To `worker`: a model profile, or person:NAME, who then submits the result."""
    SET_MODE = auto()


TASK_ACTIONS = (Action.RETRY_TASK, Action.SKIP_TASK, Action.CANCEL_TASK, Action.ASSIGN_TASK)
PERSON = "person:"
"""Begins the name of a worker that is a person."""


class Control(Model):
    action: Action
    by: Said = Field(min_length=1, max_length=120)
    task: Said = Field("", max_length=60)
    text: Said = Field("", max_length=MAX_FEEDBACK, description="instructions, or the reason")
    worker: Said = Field("", max_length=120)
    mode: Mode | None = None
    oversight: Oversight | None = None
    origin: Said = Field("", max_length=200, description="from where it came")

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        if self.action in TASK_ACTIONS and not self.task:
            raise ValueError(f"{self.action} needs a task")
        if self.action is Action.ASSIGN_TASK and not self.worker:
            raise ValueError("assign_task needs a worker: a model profile, or person:NAME")
        if self.action is Action.SET_MODE and self.mode not in (Mode.AUTO, Mode.MANUAL):
            raise ValueError("set_mode needs a mode: auto or manual")
        return self


class ControlReceipt(Model):
    """The answer of `control`, once it is done and written down."""

    action: Action
    task: str = ""


class PlanRevision(Model):
    """A plan that a person wrote or edited: by the update `revise_plan`."""

    revision: ArtifactRef = Field(description="YAML of tasks in the store; with `add`, of the tasks to add")
    replaces: str = Field(max_length=64, description="SHA-256 of the plan that it was made from; another one is stale")
    by: Said = Field(min_length=1, max_length=120)
    add: bool = False
    origin: Said = Field("", max_length=200)


class PlanReceipt(Model):
    """The answer of `revise_plan`."""

    plan: str = Field(description="SHA-256 of the plan that counts now")
    tasks: int


class Submission(Model):
    """The work of a person on a task that is assigned to them: by the update `submit` of the task's workflow."""

    by: Said = Field(min_length=1, max_length=120)
    summary: Said = Field(min_length=1, max_length=2000)
    artifacts: tuple[ArtifactRef, ...] = Field((), max_length=50)
    attempt: int = Field(0, ge=0, description="which attempt it is for; 0: the one that waits")
    origin: Said = Field("", max_length=200)


class SubmissionReceipt(Model):
    task: str
    attempt: int
