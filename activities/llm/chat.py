"""The Chat Completions wire: Gemini, vLLM, Ollama, llama.cpp, OpenRouter and many more."""

import json
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, JsonValue
from typing_extensions import override

from activities.llm import actions
from activities.llm.adapter import Adapter
from activities.llm.answer import Answer, Part
from activities.llm.connection import Body, Connection
from activities.llm.faults import FaultKind, ModelFault
from activities.llm.messages import Finish, Message, ModelRequest, ModelResponse, ToolCall, ToolSpec, Usage
from activities.llm.model import OnText

_FINISHES = {"length": Finish.LENGTH, "content_filter": Finish.CONTENT_FILTER, "tool_calls": Finish.TOOL_CALLS}


class _Function(Part):
    name: str | None = None
    arguments: str | dict[str, JsonValue] | None = None


class _Call(Part):
    """What it has beyond the protocol (Gemini's thought signature in `extra_content`) is echoed verbatim."""

    model_config = ConfigDict(extra="allow")

    index: int | None = None
    id: str | None = None
    type: str | None = None
    function: _Function = _Function()

    @property
    def private(self) -> dict[str, JsonValue]:
        return dict(self.model_extra or {})

    @property
    def arguments(self) -> str:
        arguments = self.function.arguments or ""
        return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


class _Words(Part):
    text: str = ""


class _Said(Part):
    """A message, or the difference that an event makes to one."""

    content: str | list[_Words] | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content or ""


class _Choice(Part):
    message: _Said | None = None
    delta: _Said | None = None
    finish_reason: str | None = None


class _InputDetails(Part):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _OutputDetails(Part):
    reasoning_tokens: int | None = None


class _Usage(Part):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: _InputDetails | None = None
    completion_tokens_details: _OutputDetails | None = None

    def counted(self) -> Usage:
        read = self.prompt_tokens_details or _InputDetails()
        prompt = self.prompt_tokens or 0
        return Usage(
            input_tokens=prompt,
            cached_tokens=read.cached_tokens or 0,
            cache_write_tokens=read.cache_write_tokens or 0,
            # Gemini counts its thinking, which is paid for, in the total only.
            output_tokens=max(self.completion_tokens or 0, (self.total_tokens or 0) - prompt),
            reasoning_tokens=(self.completion_tokens_details or _OutputDetails()).reasoning_tokens or 0,
        )


class _Completion(Part):
    """A response, or one event of it: only a whole one must have a choice."""

    id: str | None = None
    model: str | None = None
    choices: list[_Choice]
    usage: _Usage | None = None


class _Whole(_Completion):
    choices: list[_Choice] = Field(min_length=1)


@dataclass
class _Growing:
    """A call whose pieces are still coming in."""

    index: int | None
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)
    private: dict[str, JsonValue] = field(default_factory=dict)

    def add(self, piece: _Call) -> None:
        self.id = self.id or piece.id or ""
        self.name = self.name or piece.function.name or ""
        self.arguments.append(piece.arguments)
        self.private |= piece.private


class ChatReader:
    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._answer = Answer()
        self._calls: list[_Growing] = []
        self._refused = False

    def read(self, text: str) -> None:
        completion = _Whole.model_validate_json(text)
        choice = completion.choices[0]
        self._take(completion)
        self._hear(choice.message or _Said())
        self._end(choice.finish_reason or "stop")

    def read_event(self, data: object) -> str:
        event = _Completion.model_validate(data)
        self._take(event)
        pieces = []
        for choice in event.choices[:1]:  # the event with the usage has none
            pieces.append(self._hear(choice.delta or _Said()))
            self._end(choice.finish_reason)
        return "".join(pieces)

    def answer(self) -> Answer:
        self._answer.calls = [self._finished(call, place) for place, call in enumerate(self._calls)]
        if self._refused and self._answer.finish:
            self._answer.finish = Finish.REFUSAL
        return self._answer

    def _take(self, part: _Completion) -> None:
        self._answer.response_id = part.id or self._answer.response_id
        self._answer.model = part.model or self._answer.model
        if part.usage:
            self._answer.usage = part.usage.counted()

    def _hear(self, said: _Said) -> str:
        self._answer.pieces.append(said.text)
        self._refused = self._refused or bool(said.refusal)
        for piece in said.tool_calls or ():
            self._call_of(piece).add(piece)
        return said.text

    def _end(self, reason: str | None) -> None:
        if reason == "error":
            raise ModelFault(FaultKind.SERVER, "The provider broke off the answer with an error")
        if reason:
            self._answer.finish = _FINISHES.get(reason, Finish.STOP)

    def _call_of(self, piece: _Call) -> _Growing:
        """The call that the piece belongs to. Some servers number all calls 0 but give each an id of its own,
        others give no numbers."""
        known = [call for call in self._calls if piece.index in (None, call.index)]
        begins = bool(piece.id or piece.function.name) if piece.index is None else bool(piece.id)
        if not known or (begins and piece.id != known[-1].id):
            known.append(_Growing(piece.index))
            self._calls.append(known[-1])
        return known[-1]

    def _finished(self, call: _Growing, place: int) -> ToolCall:
        return ToolCall(
            id=call.id or f"call_{self._answer.response_id}_{place}",
            name=call.name,
            arguments="".join(call.arguments),
            origin=self._origin,
            private=call.private,
        )


class ChatModel(Adapter):
    path: ClassVar[str] = "/chat/completions"

    @override
    async def ask(self, request: ModelRequest, on_text: OnText | None = None) -> ModelResponse:
        if self._profile.native_tools:
            return await super().ask(request, on_text)
        # What streams in are pieces of JSON: nobody wants to see them.
        shown = on_text if not request.tools else None
        response = await super().ask(actions.as_output(request), shown)
        return actions.as_calls(response, request, self._profile.name)

    @override
    def _connect(self) -> Connection:
        from activities.llm.openai_connection import OpenAiConnection

        return OpenAiConnection(self._profile)

    @override
    def _reader(self) -> ChatReader:
        return ChatReader(self._profile.name)

    @override
    def _body(self, request: ModelRequest, model: str) -> Body:
        messages: list[JsonValue] = [self._message(message) for message in request.messages]
        body: Body = {
            "model": model,
            "messages": messages,
            self._profile.tokens_parameter: request.max_output_tokens,
        }
        if request.output is not None:
            form: JsonValue = {"name": request.output.name, "schema": request.output.json_schema, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        if request.tools:
            body["tools"] = [_tool(tool) for tool in request.tools]
            body["tool_choice"] = request.tool_choice
        if request.cache_key and urlsplit(self._profile.base_url).hostname == "api.openai.com":
            body["prompt_cache_key"] = request.cache_key  # others refuse a field that they do not know
        return body

    @override
    def _streaming(self, body: Body) -> Body:
        return {**body, "stream": True, "stream_options": {"include_usage": True}}

    def _message(self, message: Message) -> JsonValue:
        if message.role == "tool":
            return {"role": "tool", "tool_call_id": message.tool_call_id, "content": message.content}
        if not message.tool_calls:
            return {"role": message.role, "content": message.content}
        calls: list[JsonValue] = [self._call(call) for call in message.tool_calls]
        return {"role": message.role, "content": message.content or None, "tool_calls": calls}

    def _call(self, call: ToolCall) -> JsonValue:
        private = call.private if call.origin == self._profile.name else {}
        function: JsonValue = {"name": call.name, "arguments": call.arguments}
        return {"id": call.id, "type": "function", "function": function, **private}


def _tool(tool: ToolSpec) -> JsonValue:
    function: Body = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": {**function, "strict": True} if tool.strict else function}
