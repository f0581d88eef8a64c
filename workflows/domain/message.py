from pydantic import Field

from workflows.domain.model import Model
from workflows.domain.text import Said


class Message(Model):
    """Something that somebody tells the worker of a task, by the signal `message`; it is in the next model turn."""

    id: Said = Field(min_length=1, max_length=64, description="a message that comes twice counts once")
    by: Said = Field(min_length=1, max_length=120)
    text: Said = Field(min_length=1, max_length=2000)
