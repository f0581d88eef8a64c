"""The Responses wire: OpenAI itself, whose newer models refuse tools with reasoning on any other."""

import json
from typing import ClassVar

from pydantic import JsonValue
from typing_extensions import override

from activities.llm.adapter import Adapter
from activities.llm.answer import Answer, Part
from activities.llm.classification import stream_fault
from activities.llm.connection import Body, Connection
from activities.llm.faults import FaultKind, ModelFault
from activities.llm.messages import Finish, Message, ModelRequest, ToolCall, ToolSpec, Usage
from activities.llm.sanitising import brief

_PRIVATE = "response_items"
_ENDS = {"response.completed", "response.incomplete", "response.failed"}
# They know no reasoning and refuse to be asked for it.
_WITHOUT_REASONING = ("gpt-3", "gpt-4", "chatgpt-4")


class _Content(Part):
    type: str = ""
    text: str = ""


class _Item(Part):
    type: str = ""
    content: list[_Content] | None = None
    call_id: str = ""
    name: str = ""
    arguments: str = ""
    encrypted_content: str | None = None


class _Problem(Part):
    code: str | None = None
    message: str | None = None


class _Incomplete(Part):
    reason: str | None = None


class _InputDetails(Part):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _OutputDetails(Part):
    reasoning_tokens: int | None = None


class _Usage(Part):
    input_tokens: int = 0
    output_tokens: int = 0
    input_tokens_details: _InputDetails | None = None
    output_tokens_details: _OutputDetails | None = None

    def counted(self) -> Usage:
        read = self.input_tokens_details or _InputDetails()
        return Usage(
            input_tokens=self.input_tokens,
            cached_tokens=read.cached_tokens or 0,
            cache_write_tokens=read.cache_write_tokens or 0,
            output_tokens=self.output_tokens,
            reasoning_tokens=(self.output_tokens_details or _OutputDetails()).reasoning_tokens or 0,
        )


class _Response(Part):
    id: str = ""
    model: str = ""
    status: str | None = None
    output: list[dict[str, JsonValue]]
    error: _Problem | None = None
    incomplete_details: _Incomplete | None = None
    usage: _Usage | None = None


class _Event(Part):
    type: str
    delta: str = ""


class _End(Part):
    response: _Response


class ResponsesReader:
    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._answer = Answer()

    def read(self, text: str) -> None:
        self._take(_Response.model_validate_json(text))

    def read_event(self, data: object) -> str:
        event = _Event.model_validate(data)
        if event.type == "error":
            raise stream_fault(json.dumps(data))
        if event.type in _ENDS:
            self._take(_End.model_validate(data).response)
        if event.type != "response.output_text.delta":
            return ""
        self._answer.pieces.append(event.delta)
        return event.delta

    def answer(self) -> Answer:
        return self._answer

    def _take(self, response: _Response) -> None:
        if response.status == "failed":
            raise _failure(response)
        items = [_Item.model_validate(item) for item in response.output]
        answer = self._answer
        answer.response_id, answer.model = response.id, response.model
        answer.pieces = [part.text for part in _contents(items, "output_text")] or answer.pieces
        answer.calls = self._calls(items, response.output)
        answer.usage = (response.usage or _Usage()).counted()
        answer.finish = _finish(response, items)

    def _calls(self, items: list[_Item], output: list[dict[str, JsonValue]]) -> list[ToolCall]:
        calls = [
            ToolCall(id=item.call_id, name=item.name, arguments=item.arguments, origin=self._origin)
            for item in items
            if item.type == "function_call"
        ]
        # Nothing is stored at the provider, so reasoning that is not there in full cannot be referred to.
        if not calls or any(item.type == "reasoning" and not item.encrypted_content for item in items):
            return calls
        return [calls[0].model_copy(update={"private": {_PRIVATE: _echo(output)}}), *calls[1:]]


class ResponsesModel(Adapter):
    path: ClassVar[str] = "/responses"

    @override
    def _connect(self) -> Connection:
        from activities.llm.openai_connection import OpenAiConnection

        return OpenAiConnection(self._profile)

    @override
    def _reader(self) -> ResponsesReader:
        return ResponsesReader(self._profile.name)

    @override
    def _body(self, request: ModelRequest, model: str) -> Body:
        body: Body = {
            "model": model,
            "input": [item for message in request.messages for item in self._items(message)],
            "max_output_tokens": request.max_output_tokens,
            "store": False,
        }
        instructions = [message.content for message in request.messages if message.role == "system"]
        if instructions:
            body["instructions"] = "\n\n".join(instructions)
        if not model.startswith(_WITHOUT_REASONING):
            body["include"] = ["reasoning.encrypted_content"]
        if request.output is not None:
            form: Body = {"name": request.output.name, "schema": request.output.json_schema, "strict": True}
            body["text"] = {"format": {"type": "json_schema", **form}}
        if request.tools:
            body["tools"] = [_tool(tool) for tool in request.tools]
            body["tool_choice"] = request.tool_choice
        if request.cache_key:
            body["prompt_cache_key"] = request.cache_key
        return body

    def _items(self, message: Message) -> list[JsonValue]:
        if message.role == "system":
            return []
        if message.role == "tool":
            return [{"type": "function_call_output", "call_id": message.tool_call_id, "output": message.content}]
        echoed = [part for call in message.tool_calls[:1] for part in self._echoed(call)]
        if echoed:
            return echoed
        items: list[JsonValue] = [{"role": message.role, "content": message.content}] if message.content else []
        return items + [
            {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments}
            for call in message.tool_calls
        ]

    def _echoed(self, call: ToolCall) -> list[JsonValue]:
        """All that the model put out in that turn, if this profile's model did."""
        items = call.private.get(_PRIVATE) if call.origin == self._profile.name else None
        return items if isinstance(items, list) else []


def _tool(tool: ToolSpec) -> JsonValue:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
        "strict": tool.strict,
    }


def _failure(response: _Response) -> ModelFault:
    problem = response.error or _Problem()
    code = brief(problem.code or "", 60)
    kind = FaultKind.RATE_LIMIT if "rate" in code else FaultKind.SERVER
    usage = response.usage.counted() if response.usage else None
    return ModelFault(kind, f"The response failed: {brief(problem.message or code)}", code=code, usage=usage)


def _finish(response: _Response, items: list[_Item]) -> Finish:
    if response.status == "incomplete":
        reason = (response.incomplete_details or _Incomplete()).reason
        return Finish.CONTENT_FILTER if reason == "content_filter" else Finish.LENGTH
    return Finish.REFUSAL if _contents(items, "refusal") else Finish.STOP


def _contents(items: list[_Item], kind: str) -> list[_Content]:
    return [part for item in items if item.type == "message" for part in item.content or () if part.type == kind]


def _echo(output: list[dict[str, JsonValue]]) -> list[JsonValue]:
    """Verbatim but for what the API sends and refuses to take back."""
    return [{key: value for key, value in item.items() if key != "status" and value is not None} for item in output]
