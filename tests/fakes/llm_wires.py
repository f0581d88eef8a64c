"""Answers and errors as the three protocols write them, whole and as events of a stream."""

import json
from collections.abc import Iterator
from typing import Any

from activities.llm.model import Wire
from tests.fakes.llm_script import Call, Json, Say, SeenRequest, Tokens, Trouble

Event = tuple[str, Json]
"""The event's name, empty where the wire names none, and its data."""

_MESSAGES: dict[Trouble, tuple[int, str, str, str]] = {
    # status, code of OpenAI, type of Anthropic, message
    Trouble.RATE_LIMIT: (429, "rate_limit_exceeded", "rate_limit_error", "Rate limit reached for requests"),
    Trouble.QUOTA: (429, "insufficient_quota", "rate_limit_error", "You exceeded your current quota"),
    Trouble.PAYMENT: (402, "payment_required", "billing_error", "Payment is required"),
    Trouble.UNAUTHORIZED: (401, "invalid_api_key", "authentication_error", "Incorrect API key provided: {key}"),
    Trouble.FORBIDDEN: (403, "unsupported_country", "permission_error", "Not available to you"),
    Trouble.NOT_FOUND: (404, "model_not_found", "not_found_error", "The model does not exist"),
    Trouble.SERVER_ERROR: (500, "server_error", "api_error", "The server had an error"),
    Trouble.UNAVAILABLE: (503, "unavailable", "api_error", "The service is unavailable"),
    Trouble.OVERLOADED: (529, "overloaded", "overloaded_error", "Overloaded"),
    Trouble.CONTEXT_LENGTH: (400, "context_length_exceeded", "invalid_request_error", "prompt is too long"),
    Trouble.CONTENT_POLICY: (400, "content_policy_violation", "invalid_request_error", "Output blocked"),
    Trouble.BAD_REQUEST: (400, "invalid_value", "invalid_request_error", "A parameter is wrong"),
    Trouble.ERROR_EVENT: (200, "server_error", "api_error", "The server had an error"),
    Trouble.REDIRECT: (307, "", "", "Elsewhere"),
}


def has_status(trouble: Trouble) -> bool:
    """Whether it is answered with a status of its own, before any body."""
    return trouble in _MESSAGES and trouble is not Trouble.ERROR_EVENT


def error(trouble: Trouble, wire: Wire, key: str) -> tuple[int, Json]:
    """The status and the body of an error; some providers repeat the key that was sent."""
    status, code, kind, message = _MESSAGES[trouble]
    said = message.format(key=key)
    if wire is Wire.CLAUDE:
        return status, {"type": "error", "error": {"type": kind, "message": said}, "request_id": "req_fake"}
    return status, {"error": {"message": said, "type": "invalid_request_error", "param": None, "code": code}}


def error_event(wire: Wire) -> Event:
    body = error(Trouble.ERROR_EVENT, wire, "")[1]
    match wire:
        case Wire.CHAT:
            return "", body
        case Wire.RESPONSES:
            return "error", {"type": "error", "code": "server_error", "message": "The server had an error"}
        case Wire.CLAUDE:
            return "error", body


def whole(say: Say, seen: SeenRequest) -> Json:
    match seen.wire:
        case Wire.CHAT:
            return _completion(say, seen)
        case Wire.RESPONSES:
            return _response(say, seen)
        case Wire.CLAUDE:
            return _message(say, seen)


def events(say: Say, seen: SeenRequest) -> Iterator[Event]:
    match seen.wire:
        case Wire.CHAT:
            return _completion_events(say, seen)
        case Wire.RESPONSES:
            return _response_events(say, seen)
        case Wire.CLAUDE:
            return _message_events(say, seen)


def _tokens(say: Say, seen: SeenRequest) -> Tokens:
    made = len(say.text) + sum(len(call.name) + len(call.text) for call in say.calls)
    return say.tokens or Tokens(input=seen.characters // 4 + 1, output=made // 4 + 1)


def _ids(say: Say, seen: SeenRequest) -> list[tuple[str, Call]]:
    """Each call with an id that no other call of the conversation has."""
    return [(call.id or f"call_{len(seen.turns)}_{place}", call) for place, call in enumerate(say.calls)]


def _pieces(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


# Chat Completions


def _completion(say: Say, seen: SeenRequest) -> Json:
    refused = say.finish == "refusal"
    message: dict[str, Json] = {"role": "assistant", "content": None if refused else say.text or None}
    message["refusal"] = say.text if refused else None
    if say.calls:
        message["tool_calls"] = [_chat_call(id_, call, call.text, say.thought) for id_, call in _ids(say, seen)]
    choice = {"index": 0, "message": message, "finish_reason": _chat_finish(say), "logprobs": None}
    return {**_chat_frame("chat.completion", seen), "choices": [choice], **_chat_usage(say, seen)}


def _completion_events(say: Say, seen: SeenRequest) -> Iterator[Event]:
    yield _chunk({"role": "assistant", "content": ""}, seen)
    spoken = "refusal" if say.finish == "refusal" else "content"
    for piece in _pieces(say.text, say.chunk):
        yield _chunk({spoken: piece}, seen)
    for index, (id_, call) in enumerate(_ids(say, seen)):
        yield _chunk({"tool_calls": [{"index": index, **_chat_call(id_, call, "", say.thought)}]}, seen)
        for piece in _pieces(call.text, say.chunk):
            yield _chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}, seen)
    yield _chunk({}, seen, _chat_finish(say))
    if say.counted and seen.body.get("stream_options", {}).get("include_usage"):
        yield "", {**_chat_frame("chat.completion.chunk", seen), "choices": [], **_chat_usage(say, seen)}
    yield "", "[DONE]"


def _chunk(delta: Json, seen: SeenRequest, finish: str | None = None) -> Event:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return "", {**_chat_frame("chat.completion.chunk", seen), "choices": [choice]}


def _chat_frame(kind: str, seen: SeenRequest) -> dict[str, Json]:
    return {"id": "chatcmpl-fake", "object": kind, "created": 0, "model": seen.model}


def _chat_call(id_: str, call: Call, arguments: str, thought: str) -> Json:
    private = {"extra_content": {"google": {"thought_signature": thought}}} if thought else {}
    return {"id": id_, "type": "function", "function": {"name": call.name, "arguments": arguments}, **private}


def _chat_finish(say: Say) -> str:
    if say.finish in ("length", "content_filter"):
        return say.finish
    return "tool_calls" if say.calls else "stop"


def _chat_usage(say: Say, seen: SeenRequest) -> dict[str, Json]:
    if not say.counted:
        return {}
    tokens = _tokens(say, seen)
    usage = {
        "prompt_tokens": tokens.input,
        "completion_tokens": tokens.output,
        "total_tokens": tokens.input + tokens.output,
        "prompt_tokens_details": {"cached_tokens": tokens.cached, "cache_write_tokens": tokens.cache_write},
        "completion_tokens_details": {"reasoning_tokens": tokens.reasoning},
    }
    return {"usage": usage}


# Responses


def _response(say: Say, seen: SeenRequest) -> Json:
    return {
        **_response_frame(seen),
        "status": "incomplete" if say.finish in ("length", "content_filter") else "completed",
        "incomplete_details": _incomplete(say),
        "output": _output(say, seen),
        "usage": _response_usage(say, seen),
    }


def _response_events(say: Say, seen: SeenRequest) -> Iterator[Event]:
    started = {**_response_frame(seen), "status": "in_progress", "output": []}
    yield _named({"type": "response.created", "response": started})
    if say.finish != "refusal":
        for piece in _pieces(say.text, say.chunk):
            yield _named({"type": "response.output_text.delta", "output_index": 0, "delta": piece})
    for call in say.calls:
        for piece in _pieces(call.text, say.chunk):
            yield _named({"type": "response.function_call_arguments.delta", "output_index": 1, "delta": piece})
    ended = _response(say, seen)
    yield _named({"type": f"response.{ended['status']}", "response": ended})


def _named(data: dict[str, Json]) -> Event:
    return str(data["type"]), data


def _response_frame(seen: SeenRequest) -> dict[str, Json]:
    return {"id": "resp_fake", "object": "response", "created_at": 0, "model": seen.model, "error": None}


def _incomplete(say: Say) -> Json:
    reasons = {"length": "max_output_tokens", "content_filter": "content_filter"}
    return {"reason": reasons[say.finish]} if say.finish in reasons else None


def _output(say: Say, seen: SeenRequest) -> list[Json]:
    items: list[Json] = []
    if say.thought:
        items.append({"type": "reasoning", "id": "rs_fake", "summary": [], "encrypted_content": say.thought})
    if say.text:
        refused = {"type": "refusal", "refusal": say.text}
        content = refused if say.finish == "refusal" else {"type": "output_text", "text": say.text, "annotations": []}
        done = {"role": "assistant", "status": "completed"}
        items.append({"type": "message", "id": "msg_fake", **done, "content": [content]})
    for id_, call in _ids(say, seen):
        made = {"call_id": id_, "name": call.name, "arguments": call.text, "status": "completed"}
        items.append({"type": "function_call", "id": f"fc_{id_}", **made})
    return items


def _response_usage(say: Say, seen: SeenRequest) -> Json:
    if not say.counted:
        return None
    tokens = _tokens(say, seen)
    return {
        "input_tokens": tokens.input,
        "output_tokens": tokens.output,
        "total_tokens": tokens.input + tokens.output,
        "input_tokens_details": {"cached_tokens": tokens.cached, "cache_write_tokens": tokens.cache_write},
        "output_tokens_details": {"reasoning_tokens": tokens.reasoning},
    }


# Claude


def _message(say: Say, seen: SeenRequest) -> Json:
    usage = {"usage": _claude_usage(say, seen)} if say.counted else {}
    ended = {"stop_reason": _stop_reason(say), "stop_sequence": None}
    return {**_message_frame(seen), "content": [_parsed(block) for block in _blocks(say, seen)], **ended, **usage}


def _message_events(say: Say, seen: SeenRequest) -> Iterator[Event]:
    usage = _claude_usage(say, seen) if say.counted else {}
    opening = {**_message_frame(seen), "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 0}}
    yield _named({"type": "message_start", "message": opening})
    yield _named({"type": "ping"})
    for index, block in enumerate(_blocks(say, seen)):
        yield from _block_events(index, block, say.chunk)
    counted = {"output_tokens": usage.get("output_tokens", 0)}
    yield _named({"type": "message_delta", "delta": {"stop_reason": _stop_reason(say)}, "usage": counted})
    yield _named({"type": "message_stop"})


def _block_events(index: int, block: dict[str, Any], size: int) -> Iterator[Event]:
    key, delta = {"text": ("text", "text_delta"), "thinking": ("thinking", "thinking_delta")}.get(
        block["type"], ("input", "input_json_delta")
    )
    opening = {**block, key: {} if key == "input" else "", **({"signature": ""} if "signature" in block else {})}
    yield _named({"type": "content_block_start", "index": index, "content_block": opening})
    for piece in _pieces(block[key], size):
        part = {"type": delta, "partial_json" if key == "input" else key: piece}
        yield _named({"type": "content_block_delta", "index": index, "delta": part})
    if "signature" in block:
        part = {"type": "signature_delta", "signature": block["signature"]}
        yield _named({"type": "content_block_delta", "index": index, "delta": part})
    yield _named({"type": "content_block_stop", "index": index})


def _blocks(say: Say, seen: SeenRequest) -> list[dict[str, Any]]:
    """As they stream: the input of a tool as text."""
    thought = [{"type": "thinking", "thinking": "Hm.", "signature": say.thought}] if say.thought else []
    text = [{"type": "text", "text": say.text}] if say.text else []
    made = [{"type": "tool_use", "id": id_, "name": call.name, "input": call.text} for id_, call in _ids(say, seen)]
    return [*thought, *text, *made]


def _parsed(block: dict[str, Any]) -> Json:
    if block["type"] != "tool_use":
        return block
    try:
        return {**block, "input": json.loads(block["input"])}
    except ValueError:
        return {**block, "input": {"unfinished": block["input"]}}  # this wire cannot carry anything else


def _message_frame(seen: SeenRequest) -> dict[str, Json]:
    return {"id": "msg_fake", "type": "message", "role": "assistant", "model": seen.model}


def _stop_reason(say: Say) -> str:
    reasons = {"length": "max_tokens", "content_filter": "refusal", "refusal": "refusal"}
    return reasons.get(say.finish, "tool_use" if say.calls else "end_turn")


def _claude_usage(say: Say, seen: SeenRequest) -> dict[str, Json]:
    tokens = _tokens(say, seen)
    return {
        "input_tokens": tokens.input - tokens.cached - tokens.cache_write,
        "output_tokens": tokens.output,
        "cache_read_input_tokens": tokens.cached,
        "cache_creation_input_tokens": tokens.cache_write,
    }
