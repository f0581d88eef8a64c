from abc import ABC, abstractmethod

from pydantic import Field
from temporalio import activity

from workflows.domain.artifact import Sha256
from workflows.domain.model import Model
from workflows.domain.objective import Objective
from workflows.domain.plan import PlanOutline

MAX_ROUNDS = 4
"""How often a model may correct a plan that does not hold."""


class DraftRequest(Model):
    objective: Objective
    round: int = Field(1, ge=1, description="rounds after the first carry what was wrong with the draft before")
    replan: int = Field(0, ge=0, description="0: the first plan; n: anew for the n-th time, keeping what is approved")
    plan: Sha256 | None = Field(None, description="the plan that is replaced")
    instructions: str = Field("", max_length=2000, description="how a person wants it changed")


class Draft(Model):
    outline: PlanOutline | None = Field(None, description="the first page; none: the draft does not hold")
    faults: str = Field("", max_length=600, description="what is wrong with it, in short")


class Drafter(ABC):
    """Plans with a model: each draft is one call."""

    @activity.defn
    @abstractmethod
    async def draft_plan(self, request: DraftRequest) -> Draft: ...
