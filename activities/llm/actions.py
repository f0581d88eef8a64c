"""Tool calls for models without tools: the call is asked for as structured output."""

import json
import re
from uuid import uuid4

from pydantic import JsonValue

from activities.llm.answer import Part
from activities.llm.messages import Finish, Message, ModelRequest, ModelResponse, OutputSpec, ToolCall, ToolSpec
from activities.llm.parsing import Malformed, parse_output
from activities.llm.schema_prompt import with_rule

ANSWER = "final_answer"
"""Named like a tool, it carries what would have been the text."""
_DEFINITION = "#/$defs/"


class _Action(Part):
    tool: str
    arguments: JsonValue = None


class _Chosen(Part):
    action: _Action


def as_output(request: ModelRequest) -> ModelRequest:
    """The request without tools: an action instead, and the calls so far as ordinary messages."""
    plain = request.model_copy(update={"messages": _as_turns(request.messages), "tools": (), "tool_choice": "auto"})
    if not request.tools or request.tool_choice == "none":
        return plain
    choices = [_choice(tool) for tool in request.tools]
    if request.tool_choice == "auto":
        choices.append(_branch(ANSWER, _answer_form(request.output)))
    output = OutputSpec(name="action", json_schema=_action_schema(choices, request))
    return plain.model_copy(update={"output": output, "messages": with_rule(plain.messages, _rule(request))})


def as_calls(response: ModelResponse, request: ModelRequest, origin: str) -> ModelResponse:
    """The response to `as_output(request)` as the one to `request`. An answer that names no tool stays a text."""
    if not request.tools or request.tool_choice == "none":
        return response
    try:
        action = parse_output(response.text, _Chosen).action
    except Malformed:
        return response
    if action.tool == ANSWER:
        return response.model_copy(update={"text": _answer_text(action.arguments, request.output)})
    call = ToolCall(id=f"call_{uuid4().hex}", name=action.tool, arguments=_as_text(action.arguments), origin=origin)
    return response.model_copy(update={"text": "", "tool_calls": (call,), "finish": Finish.TOOL_CALLS})


def _action_schema(choices: list[JsonValue], request: ModelRequest) -> dict[str, JsonValue]:
    definitions: dict[str, JsonValue] = {}
    for tool in request.tools:
        definitions |= _definitions(tool.parameters, tool.name) if tool.strict else {}
    if request.output is not None:
        definitions |= _definitions(request.output.json_schema, ANSWER)
    schema = _closed({"action": {"anyOf": choices}})
    return {**schema, "$defs": definitions} if definitions else schema


def _choice(tool: ToolSpec) -> JsonValue:
    if tool.strict:
        return _branch(tool.name, _without_definitions(tool.parameters, tool.name))
    # An open schema cannot be enforced, and one open branch would make the whole form so.
    return _branch(tool.name, {"type": "string", "description": "the arguments, a JSON object written as text"})


def _branch(name: str, arguments: JsonValue) -> JsonValue:
    return _closed({"tool": {"type": "string", "const": name}, "arguments": arguments})


def _closed(properties: dict[str, JsonValue]) -> dict[str, JsonValue]:
    required: list[JsonValue] = list(properties)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _answer_form(output: OutputSpec | None) -> JsonValue:
    return _closed({"text": {"type": "string"}}) if output is None else _without_definitions(output.json_schema, ANSWER)


def _without_definitions(schema: dict[str, JsonValue], owner: str) -> JsonValue:
    return _renamed({key: value for key, value in schema.items() if key != "$defs"}, owner)


def _definitions(schema: dict[str, JsonValue], owner: str) -> dict[str, JsonValue]:
    """The definitions under names of their owner: two tools may mean different things by one name."""
    parts = schema.get("$defs")
    if not isinstance(parts, dict):
        return {}
    return {f"{owner}_{name}": _renamed(part, owner) for name, part in parts.items()}


def _renamed(schema: JsonValue, owner: str) -> JsonValue:
    if isinstance(schema, list):
        return [_renamed(part, owner) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _reference(key, value, owner) or _renamed(value, owner) for key, value in schema.items()}


def _reference(key: str, value: JsonValue, owner: str) -> str:
    if key != "$ref" or not isinstance(value, str):
        return ""
    return re.sub(f"^{re.escape(_DEFINITION)}", f"{_DEFINITION}{owner}_", value)


def _rule(request: ModelRequest) -> str:
    """A server that enforces a form need not show it to the model, so the tools are told as well."""
    lines = ['Take one action. Answer only with JSON: {"action": {"tool": name, "arguments": arguments}}. Tools:']
    lines += [
        f"- {tool.name}: {tool.description}\n  arguments: {json.dumps(tool.parameters)}" for tool in request.tools
    ]
    if request.tool_choice == "auto":
        lines.append(_told(ANSWER, "when no further tool is needed", _answer_form(request.output)))
    return "\n".join(lines)


def _told(name: str, description: str, arguments: JsonValue) -> str:
    return f"- {name}: {description}\n  arguments: {json.dumps(arguments, ensure_ascii=False)}"


def _as_turns(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Calls as the assistant's JSON and results as the user's words; turns alternate, as templates want them."""
    names = {call.id: call.name for message in messages for call in message.tool_calls}
    turns: list[Message] = []
    for message in messages:
        turn = _as_turn(message, names)
        if turns and turn.role == turns[-1].role != "system":
            merged = f"{turns[-1].content}\n\n{turn.content}"
            turns[-1] = turns[-1].model_copy(update={"content": merged})
        else:
            turns.append(turn)
    return tuple(turns)


def _as_turn(message: Message, names: dict[str, str]) -> Message:
    if message.role == "tool":
        name = names.get(message.tool_call_id, "a tool")
        return Message(role="user", content=f"Result of {name}:\n{message.content}")
    if message.tool_calls:
        parts = [message.content, *(_written(call) for call in message.tool_calls)]
        return Message(role="assistant", content="\n".join(part for part in parts if part))
    return message


def _written(call: ToolCall) -> str:
    try:
        arguments: JsonValue = json.loads(call.arguments or "{}")
    except ValueError:
        arguments = call.arguments
    return json.dumps({"action": {"tool": call.name, "arguments": arguments}}, ensure_ascii=False)


def _answer_text(arguments: JsonValue, output: OutputSpec | None) -> str:
    if output is None and isinstance(arguments, dict) and isinstance(arguments.get("text"), str):
        return str(arguments["text"])
    return _as_text(arguments)


def _as_text(arguments: JsonValue) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
