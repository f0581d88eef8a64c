"""The turns that an attempt has taken, put together from what was paid for and what was written down."""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from activities.llm.messages import ModelResponse
from activities.store.journal import JournalRow
from activities.turns.control import Turn

PREFIX = "turn-"


def turns_of(
    answers: Mapping[str, Mapping[str, JsonValue]], told: Sequence[JournalRow], before: int
) -> tuple[tuple[Turn, ...], tuple[str, ...]]:
    """Turns 1 to `before` - 1, each with what people said before it; and what they have said since the last."""
    said = _messages(told)
    turns = tuple(
        Turn(
            number=number,
            response=ModelResponse.model_validate(answers[f"{PREFIX}{number}"]),
            messages=tuple(said.get(number, ())),
        )
        for number in range(1, before)
        if f"{PREFIX}{number}" in answers
    )
    return turns, tuple(said.get(before, ()))


def _messages(told: Sequence[JournalRow]) -> dict[int, list[str]]:
    """Number of a turn → what was said before it."""
    said: dict[int, list[str]] = {}
    now = 1
    for row in told:
        if row.kind == "message":
            said.setdefault(now, []).append(f"Message from {row.actor}:\n{row.text}")
        elif row.step_id.startswith(PREFIX):
            now = int(row.step_id.removeprefix(PREFIX)) + 1
    return said
