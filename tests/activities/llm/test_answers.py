"""What comes back from each wire is the same, whole or streamed."""

import asyncio
import sys

import pytest
from pydantic import JsonValue

from activities.llm.faults import FaultKind, ModelFault
from activities.llm.messages import Finish, Message, ModelResponse, OutputSpec, ToolSpec, Usage
from activities.llm.model import Wire
from tests.activities.llm.conftest import KEY, MakeModel, request
from tests.fakes.llm_script import Call, Fault, Say, SeenRequest, Tokens, Trouble, calls
from tests.fakes.llm_server import FakeLlm

_FORM: dict[str, JsonValue] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
_OPEN: dict[str, JsonValue] = {"type": "object", "additionalProperties": True}
WEATHER = ToolSpec(name="weather", description="Tells the weather.", parameters=_FORM)
ANYTHING = ToolSpec(name="anything", description="Takes anything.", parameters=_OPEN, strict=False)
OUTPUT = OutputSpec(name="place", json_schema=_FORM)
_MODES = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
_WIRES = pytest.mark.parametrize("wire", Wire)


def _ignore(_: str) -> None:
    pass


def _answered(question: Message, response: ModelResponse, results: dict[str, str]) -> tuple[Message, ...]:
    made = Message(role="assistant", content=response.text, tool_calls=response.tool_calls)
    told = [Message(role="tool", content=results[call.name], tool_call_id=call.id) for call in response.tool_calls]
    return (question, made, *told)


@_MODES
@_WIRES
async def test_text_comes_with_its_names_and_its_cost(
    llm: FakeLlm, model: MakeModel, wire: Wire, streamed: bool
) -> None:
    heard: list[str] = []
    llm.script(Say("Good morning to you all.", tokens=Tokens(100, 20, cached=60, cache_write=10)))
    response = await model(wire).ask(request(), heard.append if streamed else None)
    assert response.text == "Good morning to you all."
    assert (response.finish, response.model, response.request_id) == (Finish.STOP, "test-model", "req_fake")
    assert response.usage == Usage(input_tokens=100, cached_tokens=60, cache_write_tokens=10, output_tokens=20)
    assert "".join(heard) == (response.text if streamed else "")
    assert (response.first_token_seconds is not None) == streamed
    assert llm.requests[0].system == "Be brief."
    assert llm.requests[0].last == "Hello."


@_MODES
@_WIRES
async def test_calls_go_out_and_their_results_go_back(
    llm: FakeLlm, model: MakeModel, wire: Wire, streamed: bool
) -> None:
    asked = model(wire)
    show = _ignore if streamed else None
    llm.script(calls(Call("weather", {"city": "Zürich"}), Call("anything", {}), text="Let me see."), Say("Rain."))
    question = Message(role="user", content="How is the weather?")
    response = await asked.ask(request(question, tools=(WEATHER, ANYTHING)), show)
    assert [(call.name, call.arguments) for call in response.tool_calls] == [
        ("weather", '{"city": "Zürich"}'),
        ("anything", "{}"),
    ]
    assert response.finish is Finish.TOOL_CALLS
    conversation = _answered(question, response, {"weather": "rain", "anything": "nothing"})
    assert (await asked.ask(request(*conversation, tools=(WEATHER, ANYTHING)), show)).text == "Rain."
    seen = llm.requests[1]
    assert seen.tools == ("weather", "anything")
    assert [turn.text for turn in seen.turns if turn.role == "tool"] == ["rain", "nothing"]
    assert [call.name for turn in seen.turns for call in turn.calls] == ["weather", "anything"]
    assert "Let me see." in [turn.text for turn in seen.turns]


@_MODES
@_WIRES
async def test_private_parts_go_back_only_to_the_profile_that_made_them(
    llm: FakeLlm, model: MakeModel, wire: Wire, streamed: bool
) -> None:
    llm.script(calls(Call("weather", {"city": "Bern"}), Call("anything", {}), thought="TOP-SECRET-THOUGHT"))
    question = Message(role="user", content="How is the weather?")
    asked = model(wire)
    response = await asked.ask(request(question, tools=(WEATHER,)), _ignore if streamed else None)
    conversation = _answered(question, response, {"weather": "sun", "anything": "-"})
    await asked.ask(request(*conversation))
    assert "TOP-SECRET-THOUGHT" in str(llm.requests[-1].body)
    for other in Wire:
        await model(other, name="another").ask(request(*conversation))
        assert "TOP-SECRET-THOUGHT" not in str(llm.requests[-1].body)
        assert [call.name for turn in llm.requests[-1].turns for call in turn.calls] == ["weather", "anything"]


@_WIRES
async def test_broken_arguments_come_as_they_are(llm: FakeLlm, model: MakeModel, wire: Wire) -> None:
    llm.script(Fault(Trouble.MALFORMED_ARGUMENTS))
    response = await model(wire).ask(request(tools=(WEATHER,)), _ignore)
    assert response.tool_calls[0].arguments == '{"path": "unfinis'
    question = Message(role="user", content="How is the weather?")
    await model(wire).ask(request(*_answered(question, response, {"weather": "?"})))


@_WIRES
async def test_calls_cut_at_the_limit_are_not_made(llm: FakeLlm, model: MakeModel, wire: Wire) -> None:
    llm.script(Say(calls=(Call("weather", '{"city": "Zü'),), finish="length"))
    with pytest.raises(ModelFault) as raised:
        await model(wire).ask(request(tools=(WEATHER,)))
    assert raised.value.kind is FaultKind.TRUNCATED


@_WIRES
async def test_the_form_of_the_answer_is_enforced_by_the_provider(llm: FakeLlm, model: MakeModel, wire: Wire) -> None:
    response = await model(wire).ask(request(output=OUTPUT))
    assert response.text == '{"city": "city"}'
    assert "JSON Schema" not in llm.requests[0].system


@_WIRES
async def test_the_form_is_told_where_it_cannot_be_enforced(llm: FakeLlm, model: MakeModel, wire: Wire) -> None:
    await model(wire, structured=False).ask(request(output=OUTPUT))
    assert llm.requests[0].schema is None
    assert llm.requests[0].system.startswith("Be brief.\n\nAnswer with one JSON object")
    assert '"city"' in llm.requests[0].system


@_MODES
@_WIRES
async def test_tokens_that_are_not_counted_are_estimated(
    llm: FakeLlm, model: MakeModel, wire: Wire, streamed: bool
) -> None:
    llm.script(Fault(Trouble.NO_USAGE, text="x" * 400))
    response = await model(wire).ask(request(), _ignore if streamed else None)
    assert response.usage == Usage(input_tokens=4, output_tokens=100, estimated=True)


@_MODES
@_WIRES
async def test_a_megabyte_arrives_whole(llm: FakeLlm, model: MakeModel, wire: Wire, streamed: bool) -> None:
    llm.script(Fault(Trouble.MEGABYTE))
    response = await model(wire).ask(request(), _ignore if streamed else None)
    assert len(response.text) > 1_000_000


async def test_many_small_pieces_take_no_quadratic_time(llm: FakeLlm, model: MakeModel) -> None:
    llm.script(Say("word " * 40_000, chunk=20))
    response = await model(Wire.CHAT).ask(request(deadline_seconds=15), _ignore)
    assert len(response.text) == 200_000


@_WIRES
async def test_only_our_own_key_leaves_the_house(
    llm: FakeLlm, model: MakeModel, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, f"leak-{name}")
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_PROFILE"):
        monkeypatch.setenv(name, f"leak-{name}")
    for name in ("OPENAI_CUSTOM_HEADERS", "ANTHROPIC_CUSTOM_HEADERS"):
        monkeypatch.setenv(name, "X-Gateway: leak-gateway\nAuthorization: leak-header\nX-Api-Key: leak-header")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:1")
    asked = model(wire, model="")
    await asked.ask(request())
    await asked.ask(request(), _ignore)
    for seen in llm.requests:
        assert "leak" not in f"{seen.headers} {seen.body}"
        sent = seen.headers["x-api-key" if wire is Wire.CLAUDE else "authorization"]
        assert sent.removeprefix("Bearer ") == KEY
        assert set(seen.headers) <= {
            "host", "connection", "content-length", "content-type", "accept", "accept-encoding", "user-agent",
            "authorization", "x-api-key", "anthropic-version",
        }  # fmt: skip


@_WIRES
async def test_the_model_is_found_out_once(llm: FakeLlm, model: MakeModel, wire: Wire) -> None:
    asked = model(wire, model="")
    for _ in range(3):
        assert (await asked.ask(request())).model == "fake-model"
    assert llm.listings == 1
    llm.models = ()
    with pytest.raises(ModelFault, match="lists no models") as raised:
        await model(wire, model="").ask(request())
    assert raised.value.kind is FaultKind.MODEL_NOT_FOUND


async def test_many_ask_at_once_over_one_client(llm: FakeLlm, model: MakeModel) -> None:
    asked = model(Wire.CHAT)

    def echo(seen: SeenRequest) -> Say:
        return Say(seen.last, delay=0.3)

    llm.responder = echo
    questions = [str(number) for number in range(40)]
    answers = await asyncio.gather(*(asked.ask(request(Message(role="user", content=text))) for text in questions))
    assert [answer.text for answer in answers] == questions
    assert llm.high_water > 20


@_WIRES
async def test_a_profile_may_always_stream(llm: FakeLlm, model: MakeModel, wire: Wire) -> None:
    assert (await model(wire, stream=True).ask(request())).text == "Understood."
    assert llm.requests[0].streamed


async def test_equal_beginnings_are_named_only_to_openai(llm: FakeLlm, model: MakeModel) -> None:
    await model(Wire.RESPONSES).ask(request(cache_key="plan"))
    await model(Wire.CHAT).ask(request(cache_key="plan"))
    responses, chat = (seen.body for seen in llm.requests)
    assert responses["prompt_cache_key"] == "plan"
    assert responses["store"] is False
    assert "prompt_cache_key" not in chat


async def test_claude_keeps_what_comes_before_the_last_turn(llm: FakeLlm, model: MakeModel) -> None:
    await model(Wire.CLAUDE).ask(request())
    body = llm.requests[0].body
    assert body["system"][-1]["cache_control"] == {"type": "ephemeral"}
    assert body["messages"][-1]["content"][-1]["cache_control"] == {"type": "ephemeral"}


async def test_claude_without_its_package_says_what_to_install(
    model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "anthropic", None)
    monkeypatch.delitem(sys.modules, "activities.llm.claude_connection", raising=False)
    with pytest.raises(ModelFault, match=r"install botted\[anthropic\]") as raised:
        await model(Wire.CLAUDE).ask(request())
    assert raised.value.kind is FaultKind.BAD_REQUEST


async def test_closing_twice_or_unused_does_nothing(llm: FakeLlm, model: MakeModel) -> None:
    asked = model(Wire.CHAT)
    await asked.close()
    await asked.ask(request())
    await asked.close()
    await asked.close()
