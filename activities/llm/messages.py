"""What goes to a language model and what comes back, the same for every provider. Imports no SDK."""

from enum import StrEnum, auto
from typing import Literal

from pydantic import Field, JsonValue

from workflows.domain.model import Model


class ToolCall(Model):
    """A call that a model asks for. `arguments` is its raw text: it may not be JSON."""

    id: str
    name: str
    arguments: str
    origin: str = Field("", description="the profile that made it; private parts go back only there")
    private: dict[str, JsonValue] = Field({}, description="echoed verbatim: reasoning items, thought signatures")


class Message(Model):
    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = Field("", description="of a tool message: the call that it answers")


class ToolSpec(Model):
    """A tool as a model sees it; `name` fits ^[a-zA-Z0-9_-]{1,64}$."""

    name: str
    description: str
    parameters: dict[str, JsonValue] = Field(description="JSON Schema of an object")
    strict: bool = Field(True, description="whether the schema is portable, so that providers can enforce it")


class OutputSpec(Model):
    """The form that the answer must have: a portable JSON Schema of an object."""

    name: str
    json_schema: dict[str, JsonValue]


class ModelRequest(Model):
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    tool_choice: Literal["auto", "required", "none"] = "auto"
    output: OutputSpec | None = None
    max_output_tokens: int = Field(4096, ge=1)
    deadline_seconds: float = Field(180, gt=0, description="for the whole call")
    cache_key: str = Field("", description="equal for requests that begin alike")

    @property
    def characters(self) -> int:
        """Roughly what is paid for: about four of them make a token."""
        texts = sum(
            len(message.content) + sum(len(call.arguments) + len(call.name) for call in message.tool_calls)
            for message in self.messages
        )
        forms = sum(len(str(tool.parameters)) + len(tool.description) for tool in self.tools)
        return texts + forms + (len(str(self.output.json_schema)) if self.output else 0)


class Finish(StrEnum):
    STOP = auto()
    TOOL_CALLS = auto()
    LENGTH = auto()
    CONTENT_FILTER = auto()
    REFUSAL = auto()


class Usage(Model):
    """Tokens. `input_tokens` includes cached and cache-written ones; `output_tokens` includes reasoning."""

    input_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = Field(False, description="the provider sent no usage: four characters count as a token")


class ModelResponse(Model):
    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish: Finish
    model: str = Field(description="as the provider names it")
    response_id: str = ""
    request_id: str = ""
    usage: Usage
    latency_seconds: float = 0
    first_token_seconds: float | None = None
