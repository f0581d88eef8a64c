from abc import ABC, abstractmethod
from datetime import datetime

from pydantic import Field
from temporalio import activity

from workflows.domain.model import Model
from workflows.domain.notice import Notice, Occasion, Outcome


class DeliveryRequest(Model):
    notice: Notice
    channel: str
    at: datetime = Field(description="when it happened, however often it is tried")
    asked_by: str = Field("", description="id of the workflow that waits for the answer; empty: the approval's own")


class DeliveryReceipt(Model):
    outcome: Outcome
    said: str = Field("", max_length=500, description="what the channel answered, or why it was not told; no secret")


class DeliveryRecord(Model):
    objective_id: str
    task_id: str
    approval: str
    occasion: Occasion
    channel: str
    receipt: DeliveryReceipt


class Herald(ABC):
    """Tells people outside botted, by the channels that its host knows."""

    @activity.defn
    @abstractmethod
    async def deliver_notice(self, request: DeliveryRequest) -> DeliveryReceipt:
        """Tells one channel, at least once. Tried again, the receiver sees the same id."""

    @activity.defn
    @abstractmethod
    async def record_delivery(self, record: DeliveryRecord) -> None:
        """Writes down what came of it."""
