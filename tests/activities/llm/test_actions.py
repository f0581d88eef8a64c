"""Models without tools of their own, which are asked for actions instead."""

import json

import pytest
from pydantic import JsonValue

from activities.llm import actions
from activities.llm.messages import Finish, Message, ToolCall, ToolSpec
from activities.llm.model import Wire
from tests.activities.llm.conftest import MakeModel, request
from tests.activities.llm.test_answers import ANYTHING, OUTPUT, WEATHER
from tests.fakes.llm_script import Call, Say
from tests.fakes.llm_server import FakeLlm


def _tool(name: str, kind: str) -> ToolSpec:
    definitions: JsonValue = {"Size": {"type": kind}}
    return ToolSpec(
        name=name,
        description="Has a definition of its own.",
        parameters={
            "type": "object",
            "properties": {"size": {"$ref": "#/$defs/Size"}},
            "required": ["size"],
            "additionalProperties": False,
            "$defs": definitions,
        },
    )


@pytest.mark.parametrize("structured", [True, False])
async def test_a_call_is_asked_for_as_an_action(llm: FakeLlm, model: MakeModel, structured: bool) -> None:
    action = '{"action": {"tool": "weather", "arguments": {"city": "Bern"}}}'
    llm.script(Call("weather", {"city": "Bern"}) if structured else Say(f"Sure:\n```json\n{action}\n```"))
    heard: list[str] = []
    asked = model(Wire.CHAT, native_tools=False, structured=structured)
    response = await asked.ask(request(tools=(WEATHER, ANYTHING)), heard.append)
    assert [(call.name, json.loads(call.arguments)) for call in response.tool_calls] == [("weather", {"city": "Bern"})]
    assert (response.finish, response.text, heard) == (Finish.TOOL_CALLS, "", [])
    seen = llm.requests[0]
    assert seen.tools == ()
    assert bool(seen.schema) == structured
    assert "- weather: Tells the weather." in seen.system


async def test_tools_without_a_portable_schema_take_their_arguments_as_text(llm: FakeLlm, model: MakeModel) -> None:
    llm.script(Call("anything", {"x": [1, {"y": 2}]}))
    response = await model(Wire.CHAT, native_tools=False).ask(request(tools=(WEATHER, ANYTHING)))
    assert json.loads(response.tool_calls[0].arguments) == {"x": [1, {"y": 2}]}
    schema = json.dumps(llm.requests[0].schema)
    assert '"additionalProperties": true' not in schema


async def test_the_last_word_is_an_action_too(llm: FakeLlm, model: MakeModel) -> None:
    asked = model(Wire.CHAT, native_tools=False)
    llm.script(Say("It rains."), Say('{"city": "Bern"}'))
    assert (await asked.ask(request(tools=(WEATHER,)))).text == "It rains."
    response = await asked.ask(request(tools=(WEATHER,), output=OUTPUT))
    assert json.loads(response.text) == {"city": "Bern"}
    assert response.finish is Finish.STOP
    assert response.tool_calls == ()


async def test_without_tools_to_choose_from_it_is_an_ordinary_request(llm: FakeLlm, model: MakeModel) -> None:
    asked = model(Wire.CHAT, native_tools=False)
    response = await asked.ask(request(tools=(WEATHER,), tool_choice="none", output=OUTPUT))
    assert json.loads(response.text) == {"city": "city"}
    assert (await asked.ask(request())).text == "Understood."


async def test_words_that_name_no_tool_stay_words(llm: FakeLlm, model: MakeModel) -> None:
    llm.script(Say('{"action": "none"}'))
    response = await model(Wire.CHAT, native_tools=False).ask(request(tools=(WEATHER,)))
    assert response.text == '{"action": "none"}'


async def test_the_conversation_so_far_becomes_alternating_turns(llm: FakeLlm, model: MakeModel) -> None:
    made = tuple(ToolCall(id=f"call_{city}", name="weather", arguments=f'{{"city": "{city}"}}') for city in "AB")
    conversation = (
        Message(role="user", content="And?"),
        Message(role="assistant", content="I look.", tool_calls=made),
        Message(role="tool", content="rain", tool_call_id="call_A"),
        Message(role="tool", content="sun", tool_call_id="call_B"),
        Message(role="user", content="Well?"),
    )
    await model(Wire.CHAT, native_tools=False).ask(request(*conversation, tools=(WEATHER,)))
    turns = llm.requests[0].turns
    assert [turn.role for turn in turns] == ["user", "assistant", "user"]
    assert turns[1].text.startswith('I look.\n{"action": {"tool": "weather", "arguments": {"city": "A"}}}\n')
    assert turns[2].text == "Result of weather:\nrain\n\nResult of weather:\nsun\n\nWell?"


def test_definitions_of_one_name_keep_apart() -> None:
    asked = actions.as_output(request(tools=(_tool("hat", "integer"), _tool("shoe", "string"))))
    assert asked.output
    schema = json.loads(json.dumps(asked.output.json_schema))
    assert schema["$defs"] == {"hat_Size": {"type": "integer"}, "shoe_Size": {"type": "string"}}
    first = schema["properties"]["action"]["anyOf"][0]["properties"]["arguments"]
    assert first["properties"]["size"] == {"$ref": "#/$defs/hat_Size"}
    assert "$defs" not in first


def test_a_required_call_leaves_no_way_out() -> None:
    asked = actions.as_output(request(tools=(WEATHER,), tool_choice="required"))
    assert asked.output
    assert actions.ANSWER not in json.dumps(asked.output.json_schema)
    assert actions.ANSWER not in asked.messages[0].content
