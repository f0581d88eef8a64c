"""What each workflow starts with; `carried` is its state when it continues as new."""

from pydantic import Field

from workflows.domain.artifact import ArtifactRef
from workflows.domain.budget import OnLimit
from workflows.domain.model import Model
from workflows.domain.objective import Objective
from workflows.domain.outcome import TaskOutcome
from workflows.domain.plan import TaskOutline


class ObjectiveProgress(Model):
    plan: ArtifactRef
    outcomes: tuple[TaskOutcome, ...] = ()
    replans: int = Field(0, ge=0, description="how often it was planned anew")


class ObjectiveOrder(Model):
    objective: Objective
    carried: ObjectiveProgress | None = None


class TaskProgress(Model):
    attempt: int = Field(1, ge=1)
    position: int = Field(0, ge=0, description="the step or turn to do next, from 0")
    feedback: str = ""
    fingerprints: tuple[str, ...] = ()
    heard: tuple[str, ...] = Field((), description="ids of the messages that were passed on")


class TaskOrder(Model):
    objective_id: str
    tenant: str
    plan: ArtifactRef
    task: TaskOutline
    queue: str = Field(description="the activity queue of the worker that does it")
    on_limit: OnLimit = OnLimit.STOP
    carried: TaskProgress = TaskProgress()
