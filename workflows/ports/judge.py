from abc import ABC, abstractmethod

from pydantic import Field
from temporalio import activity

from workflows.domain.artifact import Sha256
from workflows.domain.model import Model

MAX_ROUNDS = 3
"""How often a verifier may correct an answer that is malformed or contradicts itself; then it counts as uncertain."""


class JudgeRequest(Model):
    """What to judge by its criteria. Without a task: the result of the objective."""

    objective_id: str
    plan: Sha256
    task_id: str = ""
    attempt: int = 0
    seat: int = Field(1, ge=1, description="each seat is a verifier of its own, on another profile if there is one")
    round: int = Field(1, ge=1)


class JudgeReceipt(Model):
    settled: bool = Field(description="false: the answer does not hold; ask again in another round")


class Judge(ABC):
    """Judges with a model in a fresh context. Sends its verdict as the signal `verdict`, as every reviewer does."""

    @activity.defn
    @abstractmethod
    async def judge(self, request: JudgeRequest) -> JudgeReceipt: ...
