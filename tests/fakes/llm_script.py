"""What the fake provider is told to say, and what it saw: the same on every wire."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum, auto
from typing import Any

from activities.llm.model import Wire

Json = Any
"""A parsed body of a request. It is the real one: the fake understands what providers understand."""


@dataclass(frozen=True)
class Tokens:
    """`input` includes the cached and cache-written ones, `output` the reasoning."""

    input: int
    output: int
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0


@dataclass(frozen=True)
class Call:
    """A tool call; arguments given as text may be broken."""

    name: str
    arguments: Mapping[str, Json] | str = field(default_factory=dict)
    id: str = ""

    @property
    def text(self) -> str:
        return self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments, ensure_ascii=False)


@dataclass(frozen=True)
class Say:
    """An answer: text, calls or both."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    finish: str = "stop"
    """Or: length, content_filter, refusal."""
    tokens: Tokens | None = None
    """None: four characters make one."""
    counted: bool = True
    """False: the answer says nothing about tokens."""
    thought: str = ""
    """What only this provider may see again: encrypted reasoning, a thought signature, a thinking block."""
    delay: float = 0
    """Seconds before the first byte."""
    pace: float = 0
    """Seconds between the events of a stream."""
    chunk: int = 16
    """Characters in an event of a stream."""


def calls(*wanted: Call, text: str = "", thought: str = "") -> Say:
    """Several tool calls at once."""
    return Say(text, calls=wanted, thought=thought)


class Trouble(StrEnum):
    # answered with another status
    RATE_LIMIT = auto()
    QUOTA = auto()
    PAYMENT = auto()
    UNAUTHORIZED = auto()
    FORBIDDEN = auto()
    NOT_FOUND = auto()
    SERVER_ERROR = auto()
    UNAVAILABLE = auto()
    OVERLOADED = auto()
    CONTEXT_LENGTH = auto()
    CONTENT_POLICY = auto()
    BAD_REQUEST = auto()
    REDIRECT = auto()
    # the connection
    HANG = auto()
    DROP = auto()
    CUT = auto()
    """The connection is reset in the middle of the body."""
    EARLY_END = auto()
    """A stream ends cleanly before the answer does; a body is shorter than it should be."""
    ERROR_EVENT = auto()
    """A stream reports an error in its middle; without a stream: a success whose body is an error."""
    # successes that are none
    HTML = auto()
    TRUNCATED_JSON = auto()
    NOTHING = auto()
    """A JSON object without an answer."""
    # answers that are of no or of little use
    EMPTY = auto()
    REFUSAL = auto()
    CONTENT_FILTER = auto()
    LENGTH = auto()
    NO_USAGE = auto()
    MALFORMED_ARGUMENTS = auto()
    MEGABYTE = auto()
    CONTROL_CHARACTERS = auto()


@dataclass(frozen=True)
class Fault:
    trouble: Trouble
    retry_after: float | None = None
    """Seconds, sent as a header."""
    text: str = "Once upon a time there was an answer that nobody heard to its end."
    """What is said before, or in spite of, the trouble."""


Reply = Say | Call | Fault


@dataclass(frozen=True)
class Turn:
    """One message of a conversation, whichever wire it came by."""

    role: str
    text: str = ""
    calls: tuple[Call, ...] = ()
    call_id: str = ""


@dataclass(frozen=True)
class SeenRequest:
    wire: Wire
    path: str
    headers: Mapping[str, str]
    """Their names in lower case."""
    body: Json
    at: float
    """Of time.monotonic()."""

    @property
    def model(self) -> str:
        return str(self.body.get("model", ""))

    @property
    def streamed(self) -> bool:
        return bool(self.body.get("stream"))

    @property
    def turns(self) -> tuple[Turn, ...]:
        """Without the system's."""
        match self.wire:
            case Wire.CHAT:
                return tuple(_chat_turn(part) for part in self.body["messages"] if part["role"] != "system")
            case Wire.RESPONSES:
                return tuple(turn for item in self.body["input"] if (turn := _responses_turn(item)))
            case Wire.CLAUDE:
                return tuple(turn for message in self.body["messages"] for turn in _claude_turns(message))

    @property
    def system(self) -> str:
        match self.wire:
            case Wire.CHAT:
                return "\n\n".join(part["content"] for part in self.body["messages"] if part["role"] == "system")
            case Wire.RESPONSES:
                return str(self.body.get("instructions", ""))
            case Wire.CLAUDE:
                return "\n\n".join(block["text"] for block in self.body.get("system", ()))

    @property
    def last(self) -> str:
        return self.turns[-1].text if self.turns else ""

    @property
    def tools(self) -> tuple[str, ...]:
        return tuple(tool.get("function", tool)["name"] for tool in self.body.get("tools", ()))

    @property
    def schema(self) -> Mapping[str, Json] | None:
        """The form that the answer must have."""
        match self.wire:
            case Wire.CHAT:
                form = self.body.get("response_format", {}).get("json_schema")
            case Wire.RESPONSES:
                form = self.body.get("text", {}).get("format")
            case Wire.CLAUDE:
                form = self.body.get("output_config", {}).get("format")
        return form["schema"] if form else None

    @property
    def characters(self) -> int:
        said = sum(len(turn.text) + sum(len(call.text) for call in turn.calls) for turn in self.turns)
        forms = json.dumps(self.body["tools"]) if self.tools else ""
        return said + len(self.system) + len(forms)


def said(reply: Say | Call, seen: SeenRequest) -> Say:
    """The reply as the answer that it is; as JSON of an action where the model has no tools of its own."""
    answer = Say(calls=(reply,)) if isinstance(reply, Call) else reply
    branches = _actions(seen.schema)
    if not branches:
        return answer
    if answer.calls:
        call = answer.calls[0]
        textual = branches.get(call.name, {}).get("type") == "string"
        chosen = {"tool": call.name, "arguments": call.text if textual else json.loads(call.text)}
    elif "final_answer" in branches and '"action"' not in answer.text:
        chosen = {"tool": "final_answer", "arguments": _final(answer.text)}
    else:
        return answer
    return Say(json.dumps({"action": chosen}), finish=answer.finish, tokens=answer.tokens, counted=answer.counted)


def smallest(schema: Mapping[str, Json], root: Mapping[str, Json] | None = None, name: str = "text") -> Json:
    """The smallest value that fits a JSON Schema: an answer for whoever scripts none."""
    root = root or schema
    match schema:
        case {"$ref": str(reference)}:
            return smallest(root["$defs"][reference.removeprefix("#/$defs/")], root, name)
        case {"const": value} | {"enum": [value, *_]} | {"default": value}:
            return value
        case {"anyOf": [first, *_]} | {"oneOf": [first, *_]} | {"allOf": [first, *_]}:
            return smallest(first, root, name)
        case {"type": "object"}:
            return {key: smallest(part, root, key) for key, part in schema.get("properties", {}).items()}
        case {"type": "array"}:
            return [smallest(schema.get("items", {}), root, name)] * max(1, schema.get("minItems", 1))
        case {"type": "integer" | "number"}:
            return schema.get("minimum", 1)
        case {"type": "boolean"}:
            return True
        case {"type": "null"}:
            return None
    return name[: schema.get("maxLength", 999)].ljust(schema.get("minLength", 0), "x")


def _actions(schema: Mapping[str, Json] | None) -> dict[str, Mapping[str, Json]]:
    """The forms of the arguments of each tool in the schema of an action."""
    action = (schema or {}).get("properties", {}).get("action", {})
    branches: Sequence[Json] = action.get("anyOf", ())
    return {branch["properties"]["tool"]["const"]: branch["properties"]["arguments"] for branch in branches}


def _final(text: str) -> Json:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"text": text}


def _chat_turn(message: Json) -> Turn:
    made = tuple(
        Call(call["function"]["name"], call["function"]["arguments"], call["id"])
        for call in message.get("tool_calls") or ()
    )
    return Turn(message["role"], message.get("content") or "", made, message.get("tool_call_id", ""))


def _responses_turn(item: Json) -> Turn | None:
    match item:
        case {"type": "function_call", "call_id": id_, "name": name, "arguments": arguments}:
            return Turn("assistant", calls=(Call(name, arguments, id_),))
        case {"type": "function_call_output", "call_id": id_, "output": output}:
            return Turn("tool", output, call_id=id_)
        case {"type": "message", "content": [*parts]}:
            return Turn("assistant", "".join(part.get("text", "") for part in parts))
        case {"role": role, "content": content}:
            return Turn(role, content)
    return None


def _claude_turns(message: Json) -> list[Turn]:
    turns = []
    for block in message["content"]:
        match block:
            case {"type": "text", "text": text}:
                turns.append(Turn(message["role"], text))
            case {"type": "tool_use", "id": id_, "name": name, "input": arguments}:
                turns.append(Turn("assistant", calls=(Call(name, arguments, id_),)))
            case {"type": "tool_result", "tool_use_id": id_, "content": content}:
                turns.append(Turn("tool", content, call_id=id_))
    return turns
