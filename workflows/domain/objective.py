from datetime import datetime
from enum import StrEnum, auto

from pydantic import Field, JsonValue

from workflows.domain.approval import ApprovalPolicy
from workflows.domain.artifact import ArtifactRef
from workflows.domain.budget import Budget, OnLimit
from workflows.domain.model import Model

MAX_DEPTH = 2
"""How deep objectives may nest."""


class Mode(StrEnum):
    AUTO = auto()
    MANUAL = auto()
    DECIDE = auto()
    """Chosen by rule once the plan is known; what runs is always one of the other two."""


class Oversight(StrEnum):
    """What a person approves in manual mode beside the plan."""

    END = auto()
    """The result."""
    TASK = auto()
    """Each task, and the result."""
    STEP = auto()
    """Each step before it is done, each task, and the result."""


class Stage(StrEnum):
    """Where an objective is; shown as the search attribute BottedStage."""

    PLANNING = auto()
    APPROVAL = auto()
    RUNNING = auto()
    REVIEW = auto()
    DELIVERED = auto()
    NOT_DELIVERED = auto()
    CANCELLED = auto()

    @property
    def ended(self) -> bool:
        return self in (Stage.DELIVERED, Stage.NOT_DELIVERED, Stage.CANCELLED)


class Objective(Model):
    """What a person asked for. Immutable: it is the input of the workflow and never changes while it runs."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}[a-z0-9]$")
    text: str = Field(max_length=4000)
    files: tuple[ArtifactRef, ...] = ()
    playbook: ArtifactRef | None = Field(
        None, description="the playbook's YAML as it was when the objective began; none: a model plans"
    )
    inputs: dict[str, JsonValue] = {}
    mode: Mode = Mode.AUTO
    oversight: Oversight = Field(Oversight.END, description="in manual mode")
    prefers: Mode | None = Field(None, description="which mode, where botted decides: auto or manual")
    approvals: ApprovalPolicy = ApprovalPolicy()
    notify: tuple[str, ...] = Field((), max_length=20, description="channels that hear what waits for a person")
    tenant: str = "default"
    asked_by: str = "someone"
    max_parallel: int = Field(8, ge=1, le=200)
    budget: Budget = Budget()
    worker_budget: Budget = Field(Budget(), description="of each worker in this objective")
    on_limit: OnLimit = OnLimit.STOP
    max_replans: int = Field(1, ge=0, le=5, description="how often a model may plan anew what was not approved")
    parent: str = Field("", description="the objective that this one is a task of")
    depth: int = Field(0, ge=0, le=MAX_DEPTH)


class Missing(Model):
    """A task whose work is not in the delivery, and why."""

    task_id: str
    title: str
    reason: str = Field(max_length=600)


class ObjectiveResult(Model):
    stage: Stage
    deliverables: tuple[ArtifactRef, ...] = ()
    missing: tuple[Missing, ...] = ()
    reason: str = Field("", max_length=600)

    def brief(self) -> "ObjectiveResult":
        """As it fits an event of a history; the whole lies in the store."""
        return self.model_copy(update={"deliverables": self.deliverables[:10], "missing": self.missing[:10]})


class ObjectiveStatus(Model):
    """Answer of the `status` query, small enough to read in a terminal."""

    stage: Stage
    mode: Mode
    oversight: Oversight = Oversight.END
    paused: bool = False
    tasks: dict[str, str] = Field({}, description="task id → state")
    waiting_for: str = ""
    since: datetime | None = None
