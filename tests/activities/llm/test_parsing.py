"""What models write instead of JSON, and what becomes of it."""

import time

import pytest
from pydantic import BaseModel

from activities.llm.parsing import Malformed, parse_arguments, parse_output


class Verdict(BaseModel):
    ok: bool
    reason: str


class Nothing(BaseModel):
    limit: int = 10


GOOD = Verdict(ok=True, reason="r")


@pytest.mark.parametrize(
    "text",
    [
        '{"ok":true,"reason":"r"}',
        '  {"ok":true,"reason":"r"}\n',
        '```json\n{"ok":true,"reason":"r"}\n```',
        '```\n{"ok":true,"reason":"r"}\n```\nThat is all.',
        'Sure! Here it is: {"ok": true, "reason": "r"} I hope {it} helps.',
        '<think>{"ok": false, "reason": "first thought"}</think>{"ok":true,"reason":"r"}',
        '<think>\nno end of thoughts</think>\n\n```json\n{"ok":true,"reason":"r"}```',
        "{'ok': True, 'reason': 'r'}",
        '{"ok": true, "reason": "r"',
        '{"ok": true, "reason": "r",}',
        '{"ok": true, reason: "r"}',
        '```json\n{"ok": true, "reason": "r",}\n```',
        '{"ok": true, // sure\n "reason": "r"}',
        '"{\\"ok\\": true, \\"reason\\": \\"r\\"}"',
    ],
)
def test_the_usual_damage_is_undone(text: str) -> None:
    assert parse_output(text, Verdict) == GOOD
    assert parse_arguments(text, Verdict) == GOOD


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "$: not JSON"),
        ("I cannot do that.", "$: not JSON"),
        ("[]", "$: Input should be an object"),
        ('"text"', "$: Input should be an object"),
        ('{"ok": "maybe", "reason": "r"}', "ok: Input should be a valid boolean, unable to interpret input"),
        ('Well: {"ok": true}', "reason: Field required"),
        ('{"ok": true,}', "$: not valid JSON"),
        ('{"ok": ' + "1" * 5_000 + ', "reason": "r"}', "$: not valid JSON"),
    ],
)
def test_what_is_wrong_is_said_and_not_guessed(text: str, fault: str) -> None:
    with pytest.raises(Malformed) as raised:
        parse_output(text, Verdict)
    assert raised.value.faults[0].startswith(fault)


def test_paths_lead_into_the_parts() -> None:
    class Panel(BaseModel):
        verdicts: list[Verdict]

    with pytest.raises(Malformed, match=r"verdicts\.1\.reason: Field required"):
        parse_output('{"verdicts": [{"ok": true, "reason": ""}, {"ok": true}]}', Panel)


def test_no_arguments_are_an_empty_object() -> None:
    assert parse_arguments("", Nothing) == parse_arguments(" {} ", Nothing) == Nothing()


@pytest.mark.parametrize(
    "text",
    ["{" * 300_000, "[" * 5_000, '{"a":' * 5_000, "```" * 300_000, "<think>" * 150_000, "``` \n" * 200_000],
    ids=lambda text: repr(text[:6]),
)
def test_garbage_is_refused_in_good_time(text: str) -> None:
    started = time.perf_counter()
    with pytest.raises(Malformed):
        parse_output(text, Verdict)
    assert time.perf_counter() - started < 3
