"""What a wire's reader makes of a response, and the test that it is complete."""

import math
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from activities.llm.faults import FaultKind, ModelFault
from activities.llm.messages import Finish, ModelRequest, ToolCall, Usage

MOST_TEXT = 4_000_000
"""Characters of an answer. Nothing that we ask for is nearly as long."""


class Part(BaseModel):
    """A part of a provider's answer: read leniently, everything may be missing and more may come."""

    model_config = ConfigDict(extra="ignore")


@dataclass
class Answer:
    """What has come so far."""

    pieces: list[str] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    finish: Finish | None = None
    model: str = ""
    response_id: str = ""
    usage: Usage = field(default_factory=Usage)

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class Reader(Protocol):
    """Reads one response, whole or event by event."""

    def read(self, text: str) -> None:
        """A whole response. Raises ModelFault(BAD_BODY) or a ValidationError."""
        ...

    def read_event(self, data: object) -> str:
        """The piece of text in this event, to be shown; often empty."""
        ...

    def answer(self) -> Answer:
        """All of it. `finish` is None when a stream ended early."""
        ...


_FAULTS = {
    Finish.CONTENT_FILTER: (FaultKind.CONTENT_FILTER, "The provider filtered the answer"),
    Finish.REFUSAL: (FaultKind.REFUSED, "The model refused to answer"),
    Finish.LENGTH: (FaultKind.TRUNCATED, "The answer was cut at the limit of output tokens"),
}


def usage_of(answer: Answer, request: ModelRequest) -> Usage:
    """What the provider counted; if it did not count, four characters are a token."""
    if answer.usage.input_tokens or answer.usage.output_tokens:
        return answer.usage
    return Usage(
        input_tokens=math.ceil(request.characters / 4),
        output_tokens=math.ceil(_length(answer) / 4),
        estimated=True,
    )


def finish_of(answer: Answer, usage: Usage, request_id: str) -> Finish:
    """How it ended. Raises ModelFault with the usage, which is paid for, where there is nothing to work with."""
    if answer.finish is None:
        raise ModelFault(
            FaultKind.STREAM_CUT, "The stream ended before the answer did", request_id=request_id, usage=usage
        )
    if _length(answer) > MOST_TEXT:
        raise too_long(usage)
    if answer.finish in _FAULTS:
        kind, message = _FAULTS[answer.finish]
        raise ModelFault(kind, message, request_id=request_id, usage=usage)
    if answer.calls:
        return Finish.TOOL_CALLS  # some servers say "stop"
    if not answer.text.strip():
        raise ModelFault(FaultKind.EMPTY, "The answer is empty", request_id=request_id, usage=usage)
    return Finish.STOP


def too_long(usage: Usage | None = None) -> ModelFault:
    return ModelFault(FaultKind.BAD_BODY, f"The answer is longer than {MOST_TEXT // 1_000_000} MB", usage=usage)


def _length(answer: Answer) -> int:
    return len(answer.text) + sum(len(call.name) + len(call.arguments) for call in answer.calls)
