from abc import ABC, abstractmethod

from pydantic import Field
from temporalio import activity

from workflows.domain.artifact import Sha256
from workflows.domain.model import Model


class StepRequest(Model):
    """Which step to do; what it is stands in the plan. `position` counts from 0."""

    objective_id: str
    plan: Sha256
    task_id: str
    attempt: int
    position: int
    feedback: str = ""
    arguments: Sha256 | None = Field(None, description="its input as a person edited it: JSON in the store")


class StepReceipt(Model):
    summary: str = Field(max_length=300)


class Executor(ABC):
    @activity.defn
    @abstractmethod
    async def execute_step(self, request: StepRequest) -> StepReceipt:
        """Does one step once: a retry after a crash finds the result of the one before, if it had one."""
