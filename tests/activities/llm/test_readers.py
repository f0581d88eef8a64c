"""What servers send beside the protocol, read one event after another."""

import json

import pytest
from pydantic import JsonValue

from activities.llm.chat import ChatReader
from activities.llm.claude import ClaudeReader
from activities.llm.faults import FaultKind, ModelFault
from activities.llm.messages import Finish
from activities.llm.responses import ResponsesReader

Json = dict[str, JsonValue]


def _delta(**delta: JsonValue) -> Json:
    return {"id": "1", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}


def _piece(name: str = "", arguments: str = "", **more: JsonValue) -> JsonValue:
    function: Json = {"arguments": arguments, **({"name": name} if name else {})}
    return {"function": function, **more}


def _calls(*pieces: JsonValue) -> list[tuple[str, str, str]]:
    reader = ChatReader("p")
    for piece in pieces:
        reader.read_event(_delta(tool_calls=[piece]))
    return [(call.id, call.name, call.arguments) for call in reader.answer().calls]


def test_calls_are_put_together_by_their_numbers() -> None:
    first, second = _piece("a", "", index=0, id="x"), _piece("b", "", index=1, id="y")
    more = [_piece(arguments="1", index=0), _piece(arguments="2", index=1), _piece(arguments="3", index=0)]
    assert _calls(first, second, *more) == [("x", "a", "13"), ("y", "b", "2")]


def test_calls_that_are_all_number_zero_are_told_apart_by_their_ids() -> None:
    assert _calls(_piece("a", "1", index=0, id="x"), _piece("b", "2", index=0, id="y")) == [
        ("x", "a", "1"),
        ("y", "b", "2"),
    ]


def test_calls_without_numbers_begin_with_a_name() -> None:
    assert _calls(_piece("a", "1", id="x"), _piece(arguments="2"), _piece("b", "3", id="y")) == [
        ("x", "a", "12"),
        ("y", "b", "3"),
    ]


def test_calls_without_ids_get_some() -> None:
    assert _calls(_piece("a", "1"), _piece("b", "2")) == [("call_1_0", "a", "1"), ("call_1_1", "b", "2")]


def test_contents_in_parts_and_arguments_as_objects_are_read() -> None:
    message: Json = {
        "content": [{"type": "thinking", "thinking": []}, {"type": "text", "text": "Hello."}],
        "tool_calls": [{"id": "x", "function": {"name": "a", "arguments": {"city": "Zürich"}}}],
    }
    reader = ChatReader("p")
    reader.read(json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}))
    answer = reader.answer()
    assert answer.text == "Hello."
    assert answer.calls[0].arguments == '{"city": "Zürich"}'


def test_thinking_that_only_the_total_counts_is_paid_for() -> None:
    usage: Json = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 115}
    reader = ChatReader("p")
    reader.read(json.dumps({"choices": [{"message": {"content": "x"}}], "usage": usage}))
    assert reader.answer().usage.output_tokens == 105


def test_an_answer_that_finishes_with_an_error_is_none() -> None:
    choice: Json = {"message": {"content": "half"}, "finish_reason": "error"}
    with pytest.raises(ModelFault) as raised:
        ChatReader("p").read(json.dumps({"choices": [choice]}))
    assert raised.value.kind is FaultKind.SERVER


@pytest.mark.parametrize(
    ("code", "kind"), [("server_error", FaultKind.SERVER), ("rate_limit_exceeded", FaultKind.RATE_LIMIT)]
)
def test_a_failed_response_is_a_fault_with_its_usage(code: str, kind: FaultKind) -> None:
    error: Json = {"code": code, "message": "Oh dear."}
    usage: Json = {"input_tokens": 7, "output_tokens": 0}
    with pytest.raises(ModelFault, match="Oh dear") as raised:
        ResponsesReader("p").read(json.dumps({"status": "failed", "output": [], "error": error, "usage": usage}))
    assert raised.value.kind is kind
    assert raised.value.usage
    assert raised.value.usage.input_tokens == 7


def test_reasoning_that_is_not_there_in_full_is_not_referred_to() -> None:
    output: list[JsonValue] = [
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "function_call", "call_id": "x", "name": "a", "arguments": "{}"},
    ]
    reader = ResponsesReader("p")
    reader.read(json.dumps({"status": "completed", "output": output}))
    assert reader.answer().calls[0].private == {}


def test_claude_blocks_may_lack_their_start() -> None:
    reader = ClaudeReader("p")
    reader.read_event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello."}})
    reader.read_event({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}})
    assert reader.answer().finish is None
    reader.read_event({"type": "message_stop"})
    answer = reader.answer()
    assert (answer.text, answer.finish, answer.usage.output_tokens) == ("Hello.", Finish.STOP, 3)
