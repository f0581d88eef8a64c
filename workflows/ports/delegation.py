from abc import ABC, abstractmethod

from temporalio import activity

from workflows.domain.artifact import Sha256
from workflows.domain.model import Model
from workflows.domain.objective import Objective


class DelegationRequest(Model):
    """A task that is done as an objective of its own."""

    objective_id: str
    plan: Sha256
    task_id: str
    attempt: int
    feedback: str = ""


class Delegation(ABC):
    @activity.defn
    @abstractmethod
    async def delegate(self, request: DelegationRequest) -> Objective:
        """The objective to start as a child. The same request gives the same one."""

    @activity.defn
    @abstractmethod
    async def adopt(self, request: DelegationRequest) -> None:
        """Takes over what the child objective delivered, as if the task had made it."""
