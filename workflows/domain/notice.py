"""What people are told outside botted: that something waits for them, still waits, or has run out."""

from enum import StrEnum, auto

from pydantic import Field

from workflows.domain.approval import Approval
from workflows.domain.model import Model


class Occasion(StrEnum):
    ASKED = auto()
    REMINDED = auto()
    ESCALATED = auto()
    EXPIRED = auto()


class Notice(Model):
    occasion: Occasion
    approval: Approval
    objective: str = Field(max_length=300, description="what the objective is about")
    channels: tuple[str, ...] = Field(max_length=20, description="names of channels, as the settings have them")


class Outcome(StrEnum):
    """What came of telling one channel."""

    SENT = auto()
    MOOT = auto()
    """Somebody had answered before the channel could be told."""
    FAILED = auto()


class NoticeResult(Model):
    outcomes: dict[str, Outcome] = Field(description="by channel")
