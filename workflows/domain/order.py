"""What each workflow starts with; `carried` is its state when it continues as new."""

from pydantic import Field

from workflows.domain.approval import ApprovalPolicy
from workflows.domain.artifact import ArtifactRef
from workflows.domain.budget import OnLimit
from workflows.domain.model import Model
from workflows.domain.objective import Mode, Objective, Oversight
from workflows.domain.outcome import TaskOutcome
from workflows.domain.plan import TaskOutline


class TaskProgress(Model):
    attempt: int = Field(1, ge=1)
    first: int = Field(1, ge=1, description="the attempt that this round of attempts began with")
    position: int = Field(0, ge=0, description="the step or turn to do next, from 0")
    feedback: str = ""
    fingerprints: tuple[str, ...] = ()
    heard: tuple[str, ...] = Field((), description="ids of the messages that were passed on")
    asked: dict[str, int] = Field({}, description="subject → how often a person was asked about it")


class Supervision(Model):
    """How closely people follow the work; an objective tells its tasks when it changes."""

    mode: Mode = Mode.AUTO
    oversight: Oversight = Oversight.END
    paused: bool = False


class ObjectiveProgress(Model):
    plan: ArtifactRef
    outcomes: tuple[TaskOutcome, ...] = ()
    replans: int = Field(0, ge=0, description="how often it was planned anew, by a model or a person")
    automatic: int = Field(0, ge=0, description="how often of these because tasks were not approved")
    supervision: Supervision = Supervision()
    again: dict[str, TaskProgress] = Field({}, description="where tasks that are done again begin")
    assigned: dict[str, str] = Field({}, description="task → the worker that a person chose")
    asked: dict[str, int] = Field({}, description="subject → how often a person was asked about it")
    reviews: int = Field(0, ge=0, description="how often the result was reviewed")


class ObjectiveOrder(Model):
    objective: Objective
    carried: ObjectiveProgress | None = None


class TaskOrder(Model):
    objective_id: str
    tenant: str
    plan: ArtifactRef
    task: TaskOutline
    queue: str = Field(description="the activity queue of the worker that does it")
    on_limit: OnLimit = OnLimit.STOP
    text: str = Field("", max_length=300, description="what the objective is about")
    approvals: ApprovalPolicy = ApprovalPolicy()
    notify: tuple[str, ...] = ()
    supervision: Supervision = Supervision()
    worker: str = Field("", max_length=120, description="chosen by a person: a model profile or person:NAME")
    carried: TaskProgress = TaskProgress()
