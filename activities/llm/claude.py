"""Claude's own wire, by the optional anthropic package."""

import json
from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import JsonValue
from typing_extensions import override

from activities.llm.adapter import Adapter
from activities.llm.answer import Answer, Part
from activities.llm.connection import Body, Connection
from activities.llm.faults import FaultKind, ModelFault
from activities.llm.messages import Finish, Message, ModelRequest, OutputSpec, ToolCall, ToolSpec, Usage

_PRIVATE = "thinking_blocks"
_THINKING = {"thinking", "redacted_thinking"}
_FINISHES = {
    "max_tokens": Finish.LENGTH,
    "model_context_window_exceeded": Finish.LENGTH,
    "tool_use": Finish.TOOL_CALLS,
    "refusal": Finish.REFUSAL,
}
_CHOICES = {"auto": "auto", "required": "any", "none": "none"}
_CACHED: JsonValue = {"type": "ephemeral"}


class _Usage(Part):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None

    def merged(self, later: "_Usage") -> "_Usage":
        """The start of a stream counts the input, its end the output."""
        return self.model_copy(update=later.model_dump(exclude_none=True))

    def counted(self) -> Usage:
        cached, written = self.cache_read_input_tokens or 0, self.cache_creation_input_tokens or 0
        return Usage(
            input_tokens=(self.input_tokens or 0) + cached + written,  # here they do not include the cached ones
            cached_tokens=cached,
            cache_write_tokens=written,
            output_tokens=self.output_tokens or 0,
        )


class _Message(Part):
    id: str = ""
    model: str = ""
    content: list[dict[str, JsonValue]]
    stop_reason: str | None = None
    usage: _Usage | None = None


class _Delta(Part):
    type: str = ""
    text: str = ""
    partial_json: str = ""
    thinking: str = ""
    signature: str = ""
    stop_reason: str | None = None


class _Event(Part):
    type: str
    index: int = 0
    message: _Message | None = None
    content_block: dict[str, JsonValue] | None = None
    delta: _Delta | None = None
    usage: _Usage | None = None


@dataclass
class _Block:
    """A block of content, as it began and with what was added."""

    start: dict[str, JsonValue]
    added: dict[str, list[str]] = field(default_factory=dict)

    @property
    def type(self) -> str:
        return str(self.start.get("type", "text"))

    def add(self, key: str, piece: str) -> None:
        if piece:
            self.added.setdefault(key, []).append(piece)

    def text(self, key: str) -> str:
        return str(self.start.get(key) or "") + "".join(self.added.get(key, ()))

    @property
    def arguments(self) -> str:
        streamed = "".join(self.added.get("partial_json", ()))
        return streamed or json.dumps(self.start.get("input") or {}, ensure_ascii=False)

    @property
    def whole(self) -> JsonValue:
        return {**self.start, **{key: self.text(key) for key in self.added}}


class ClaudeReader:
    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._blocks: dict[int, _Block] = {}
        self._answer = Answer()
        self._usage = _Usage()
        self._stop: str | None = None
        self._ended = False

    def read(self, text: str) -> None:
        message = _Message.model_validate_json(text)
        self._begin(message)
        self._stop, self._ended = message.stop_reason or "end_turn", True

    def read_event(self, data: object) -> str:
        event = _Event.model_validate(data)
        if event.message:
            self._begin(event.message)
        if event.usage:
            self._usage = self._usage.merged(event.usage)
        if event.content_block is not None:
            self._blocks[event.index] = _Block(event.content_block)
        self._ended = self._ended or event.type == "message_stop"
        return self._add(event.index, event.delta) if event.delta else ""

    def answer(self) -> Answer:
        blocks = list(self._blocks.values())
        self._answer.pieces = [block.text("text") for block in blocks if block.type == "text"]
        self._answer.calls = self._calls(blocks)
        self._answer.usage = self._usage.counted()
        if self._ended and self._stop:
            self._answer.finish = _FINISHES.get(self._stop, Finish.STOP)
        return self._answer

    def _begin(self, message: _Message) -> None:
        self._answer.response_id, self._answer.model = message.id, message.model
        self._usage = message.usage or _Usage()
        self._blocks = {place: _Block(block) for place, block in enumerate(message.content)}

    def _add(self, index: int, delta: _Delta) -> str:
        self._stop = delta.stop_reason or self._stop
        if delta.type:
            block = self._blocks.setdefault(index, _Block({"type": "text"}))  # llama.cpp may skip a block's start
            for key in ("text", "partial_json", "thinking", "signature"):
                block.add(key, getattr(delta, key))
        return delta.text

    def _calls(self, blocks: list[_Block]) -> list[ToolCall]:
        calls = [
            ToolCall(id=block.text("id"), name=block.text("name"), arguments=block.arguments, origin=self._origin)
            for block in blocks
            if block.type == "tool_use"
        ]
        thinking = [block.whole for block in blocks if block.type in _THINKING]
        if not calls or not thinking:
            return calls
        return [calls[0].model_copy(update={"private": {_PRIVATE: thinking}}), *calls[1:]]


class ClaudeModel(Adapter):
    path: ClassVar[str] = "/v1/messages"

    @override
    def _connect(self) -> Connection:
        try:
            from activities.llm.claude_connection import ClaudeConnection
        except ImportError as error:
            what = "install botted[anthropic] to ask Claude by its own protocol"
            raise ModelFault(FaultKind.BAD_REQUEST, what) from error
        return ClaudeConnection(self._profile)

    @override
    def _reader(self) -> ClaudeReader:
        return ClaudeReader(self._profile.name)

    @override
    def _body(self, request: ModelRequest, model: str) -> Body:
        messages: list[JsonValue] = [{"role": turn.role, "content": turn.content} for turn in self._turns(request)]
        body: Body = {"model": model, "max_tokens": request.max_output_tokens, "messages": messages}
        system = "\n\n".join(message.content for message in request.messages if message.role == "system")
        if system:
            body["system"] = [{"type": "text", "text": system, "cache_control": _CACHED}]
        if request.output is not None:
            body["output_config"] = {"format": _form(request.output)}
        if request.tools:
            body["tools"] = [_tool(tool) for tool in request.tools]
            body["tool_choice"] = {"type": _CHOICES[request.tool_choice]}
        return body

    def _turns(self, request: ModelRequest) -> list["_Turn"]:
        """Alternating turns: the results of parallel calls must share one. The last one ends what is cached."""
        turns: list[_Turn] = []
        for message in request.messages:
            role = "assistant" if message.role == "assistant" else "user"
            content = self._content(message)
            if turns and turns[-1].role == role:
                turns[-1].content += content
            elif content:
                turns.append(_Turn(role, content))
        if turns and isinstance(last := turns[-1].content[-1], dict):
            turns[-1].content[-1] = {**last, "cache_control": _CACHED}
        return turns

    def _content(self, message: Message) -> list[JsonValue]:
        if message.role == "system":
            return []
        if message.role == "tool":
            return [{"type": "tool_result", "tool_use_id": message.tool_call_id, "content": message.content}]
        said: list[JsonValue] = [{"type": "text", "text": message.content}] if message.content else []
        thought = [block for call in message.tool_calls[:1] for block in self._thought(call)]
        return [*thought, *said, *(_tool_use(call) for call in message.tool_calls)]

    def _thought(self, call: ToolCall) -> list[JsonValue]:
        blocks = call.private.get(_PRIVATE) if call.origin == self._profile.name else None
        return blocks if isinstance(blocks, list) else []


@dataclass
class _Turn:
    role: str
    content: list[JsonValue]


def _tool_use(call: ToolCall) -> JsonValue:
    try:
        arguments: JsonValue = json.loads(call.arguments or "{}")
    except ValueError:
        arguments = None
    if not isinstance(arguments, dict):
        arguments = {"unreadable": call.arguments}  # only an object is accepted
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": arguments}


def _tool(tool: ToolSpec) -> JsonValue:
    described: Body = {"name": tool.name, "description": tool.description}
    if not tool.strict:
        return {**described, "input_schema": tool.parameters}
    return {**described, "input_schema": _enforceable(tool.parameters), "strict": True}


def _form(output: OutputSpec) -> JsonValue:
    return {"type": "json_schema", "schema": _enforceable(output.json_schema)}


def _enforceable(schema: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """With limits of numbers and lengths, which Claude refuses, told in descriptions instead."""
    from anthropic import transform_schema

    return transform_schema(schema)
