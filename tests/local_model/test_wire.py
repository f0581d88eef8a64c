"""What the OpenAI package sends and llama.cpp answers, byte for byte as in earnest."""

import json
import urllib.request
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam
from openai.types.shared_params import ResponseFormatJSONSchema

from tests.local_model.conftest import LocalStack

QUESTION: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Name a colour."}]
COLOUR: ResponseFormatJSONSchema = {
    "type": "json_schema",
    "json_schema": {
        "name": "colour",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "maxLength": 20},
                "warmth": {"enum": ["warm", "cold"]},
            },
            "required": ["name", "warmth"],
            "additionalProperties": False,
        },
    },
}


async def test_lists_the_model_under_its_alias(openai_client: openai.AsyncOpenAI) -> None:
    assert [model.id async for model in openai_client.models.list()] == ["smollm2"]


async def test_answers_a_chat_with_its_usage(openai_client: openai.AsyncOpenAI) -> None:
    answer = await openai_client.chat.completions.create(model="smollm2", messages=QUESTION, max_tokens=12)

    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason in {"stop", "length"}
    assert answer.usage
    assert answer.usage.prompt_tokens > 0
    assert 0 < answer.usage.completion_tokens <= 12


async def test_streams_an_answer_and_ends_with_its_usage(openai_client: openai.AsyncOpenAI) -> None:
    stream = await openai_client.chat.completions.create(
        model="smollm2", messages=QUESTION, max_tokens=12, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]

    choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
    assert "".join(choice.delta.content or "" for choice in choices)
    assert len(choices) > 2
    assert choices[-1].finish_reason in {"stop", "length"}
    assert chunks[-1].choices == []
    assert chunks[-1].usage
    assert 0 < chunks[-1].usage.completion_tokens <= 12


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_keeps_to_a_json_schema(openai_client: openai.AsyncOpenAI, seed: int) -> None:
    answer = await openai_client.chat.completions.create(
        model="smollm2", messages=QUESTION, response_format=COLOUR, max_tokens=60, seed=seed
    )

    colour = json.loads(answer.choices[0].message.content or "")
    assert set(colour) == {"name", "warmth"}
    assert colour["warmth"] in {"warm", "cold"}


async def test_refuses_a_prompt_that_does_not_fit(openai_client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await openai_client.chat.completions.create(
            model="smollm2", messages=[{"role": "user", "content": "word " * 10_000}], max_tokens=1
        )

    assert isinstance(refused.value.body, dict)
    assert refused.value.body["type"] == "exceed_context_size_error"


def test_tells_its_context_and_what_its_template_can_do(local_stack: LocalStack) -> None:
    props = json.loads(read(local_stack, "/props"))

    assert props["total_slots"] == 1
    assert props["default_generation_settings"]["n_ctx"] == 8192
    assert props["chat_template_caps"]["supports_tools"] is False


def test_a_web_page_may_not_read_its_answers(local_stack: LocalStack) -> None:
    asked = urllib.request.Request(at(local_stack, "/v1/models"), headers={"Origin": "https://page.example"})

    with urllib.request.urlopen(asked) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] in {None, ""}


def test_shows_nobody_the_prompts_of_others(local_stack: LocalStack) -> None:
    with pytest.raises(urllib.request.HTTPError):
        read(local_stack, "/slots")


def read(local_stack: LocalStack, path: str) -> Any:
    with urllib.request.urlopen(at(local_stack, path)) as answer:
        return answer.read()


def at(local_stack: LocalStack, path: str) -> str:
    return local_stack.url.removesuffix("/v1") + path
