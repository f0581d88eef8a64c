from abc import ABC, abstractmethod

from pydantic import Field
from temporalio import activity

from workflows.domain.artifact import ArtifactRef, Sha256
from workflows.domain.control import PlanRevision
from workflows.domain.model import Model
from workflows.domain.objective import Mode, Objective
from workflows.domain.plan import PlanOutline
from workflows.ports.drafter import Draft


class PlanRequest(Model):
    objective: Objective


class OutlineRequest(Model):
    plan: ArtifactRef
    page: int


class RevisionRequest(Model):
    """A plan that a person wrote or edited, to take the place of another."""

    objective: Objective
    plan: Sha256
    revision: PlanRevision
    fixed: tuple[str, ...] = Field(max_length=500, description="tasks that run or are approved: they stay as they are")
    number: int = Field(ge=1, description="which plan after the first it is")


class ModeRequest(Model):
    objective: Objective
    plan: Sha256


class ModeChoice(Model):
    mode: Mode
    reasons: tuple[str, ...] = Field(max_length=20)


class Planner(ABC):
    @activity.defn
    @abstractmethod
    async def make_plan(self, request: PlanRequest) -> PlanOutline:
        """Stores a validated plan and answers with the first page of its outline."""

    @activity.defn
    @abstractmethod
    async def outline(self, request: OutlineRequest) -> PlanOutline:
        """A further page of a stored plan's outline."""

    @activity.defn
    @abstractmethod
    async def revise_plan(self, request: RevisionRequest) -> Draft:
        """Stores a person's plan if it holds; says what is wrong with it if not."""

    @activity.defn
    @abstractmethod
    async def choose_mode(self, request: ModeRequest) -> ModeChoice:
        """Chooses by stated rules, and journals the reasons."""
