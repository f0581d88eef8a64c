from abc import ABC, abstractmethod

from pydantic import Field
from temporalio import activity

from workflows.domain.artifact import Sha256
from workflows.domain.model import Model
from workflows.domain.plan import Guard


class TurnRequest(Model):
    """Which turn of which attempt; what was said before lies in the store."""

    objective_id: str
    plan: Sha256
    task_id: str
    attempt: int
    turn: int = Field(ge=1)
    feedback: str = ""
    profile: str = Field("", description="the model profile that a person chose; none: the role's")


class TurnReceipt(Model):
    calls: tuple[str, ...] = Field((), max_length=16, description="the tools to call now, side by side")
    submitted: bool = Field(False, description="the worker says that it is done; what it submits holds together")
    guards: dict[int, Guard] = Field({}, description="calls that take care, by place in `calls`")
    stopped: str = Field("", max_length=600, description="why the attempt ends here without a submission")


class CallRequest(Model):
    """Which tool call of a turn; `call` counts from 0."""

    objective_id: str
    plan: Sha256
    task_id: str
    attempt: int
    turn: int
    call: int
    allowed: bool = Field(False, description="a person has allowed it")
    refusal: str = Field("", max_length=1000, description="why a person did not; the model reads it")
    arguments: Sha256 | None = Field(None, description="its input as a person edited it: JSON in the store")


class CallReceipt(Model):
    summary: str = Field(max_length=300)


class Turns(ABC):
    """A worker with a model: turns of the model, and the tool calls that it asks for."""

    @activity.defn
    @abstractmethod
    async def take_turn(self, request: TurnRequest) -> TurnReceipt:
        """One model call. A retry finds the answer of the one before, if it had one."""

    @activity.defn
    @abstractmethod
    async def call_tool(self, request: CallRequest) -> CallReceipt:
        """One tool call. What the tool refuses goes back to the model; only what may pass later is an error."""
