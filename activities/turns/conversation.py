"""What a model is sent in a turn: always the same beginning, then what was said, then how things stand."""

from collections.abc import Mapping, Sequence

from activities.llm.messages import Message
from activities.llm.sanitising import as_data
from activities.store.work import StepDone
from activities.turns.control import MOST_CALLS, Turn

KEPT_TURNS = 3
"""The last turns keep their results in full, however long the conversation is."""
MOST_TEXT = 8000
IDLE = "You called no tool. Call the tools that you need, or `submit`, or `give_up`."
TOO_MANY = f"error: not done; at most {MOST_CALLS} calls fit into one turn"


def conversation(
    system: str,
    opening: str,
    turns: Sequence[Turn],
    done: Mapping[str, StepDone],
    told: Sequence[str],
    closing: str,
    *,
    room: int,
    salt: str,
) -> tuple[Message, ...]:
    """Messages of at most about `room` characters. Old results give way to references when it gets tight.

    What was once left out stays left out and what was kept stays the same, so that a provider's cache hits.
    """
    head = (Message(role="system", content=system), Message(role="user", content=opening))
    short = _shortened(turns, done, room - sum(len(message.content) for message in head) - len(closing))
    body = [message for turn in turns for message in _messages(turn, done, turn.number <= short, salt)]
    body += [Message(role="user", content=text) for text in told]
    return (*head, *body, Message(role="user", content=closing))


def _shortened(turns: Sequence[Turn], done: Mapping[str, StepDone], room: int) -> int:
    """The last turn whose results are left out, as it came about turn by turn: half of the room is freed at once."""
    short = 0
    for now in range(1, len(turns) + 1):
        taken = turns[:now]
        if _size(taken, done, short) <= room:
            continue
        for cut in range(short + 1, now - KEPT_TURNS + 1):
            short = cut
            if _size(taken, done, cut) <= room // 2:
                break
    return short


def _size(turns: Sequence[Turn], done: Mapping[str, StepDone], short: int) -> int:
    total = 0
    for turn in turns:
        total += min(len(turn.response.text), MOST_TEXT) + sum(map(len, turn.messages))
        for n, call in enumerate(turn.response.tool_calls):
            step = done.get(turn.step_id(n))
            total += len(call.arguments) + (200 if turn.number <= short or step is None else len(step.output))
    return total


def _messages(turn: Turn, done: Mapping[str, StepDone], short: bool, salt: str) -> list[Message]:
    said = [Message(role="user", content=text) for text in turn.messages]
    text = turn.response.text[:MOST_TEXT]
    said.append(Message(role="assistant", content=text, tool_calls=turn.response.tool_calls))
    for n, call in enumerate(turn.response.tool_calls):
        said.append(Message(role="tool", tool_call_id=call.id, content=_result(turn, n, done, short, salt)))
    if not turn.response.tool_calls:
        said.append(Message(role="user", content=IDLE))
    return said


def _result(turn: Turn, call: int, done: Mapping[str, StepDone], short: bool, salt: str) -> str:
    step_id = turn.step_id(call)
    step = done.get(step_id)
    if step is None:
        return TOO_MANY
    if step.refused:
        return step.output[:4000]
    if short and len(step.output) > 200:
        return f"{step.summary} [result left out to save room; recall {step_id} shows it again]"
    return as_data(step.output, f"{step.tool}, {step_id}", salt=salt)
