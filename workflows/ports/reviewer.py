from abc import ABC, abstractmethod

from temporalio import activity

from workflows.domain.artifact import Sha256
from workflows.domain.model import Model


class TaskReviewRequest(Model):
    objective_id: str
    plan: Sha256
    task_id: str
    attempt: int


class ResultReviewRequest(Model):
    objective_id: str
    plan: Sha256
    round: int = 0


class Reviewer(ABC):
    """Sends its verdict to the workflow that asked as the signal `verdict`: a person's door and its own are one."""

    @activity.defn
    @abstractmethod
    async def review_task(self, request: TaskReviewRequest) -> None: ...

    @activity.defn
    @abstractmethod
    async def review_result(self, request: ResultReviewRequest) -> None: ...
