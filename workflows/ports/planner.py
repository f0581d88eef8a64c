from abc import ABC, abstractmethod

from temporalio import activity

from workflows.domain.artifact import ArtifactRef
from workflows.domain.model import Model
from workflows.domain.objective import Objective
from workflows.domain.plan import PlanOutline


class PlanRequest(Model):
    objective: Objective


class OutlineRequest(Model):
    plan: ArtifactRef
    page: int


class Planner(ABC):
    @activity.defn
    @abstractmethod
    async def make_plan(self, request: PlanRequest) -> PlanOutline:
        """Stores a validated plan and answers with the first page of its outline."""

    @activity.defn
    @abstractmethod
    async def outline(self, request: OutlineRequest) -> PlanOutline:
        """A further page of a stored plan's outline."""
