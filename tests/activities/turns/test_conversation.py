"""What a model is sent: bounded, with the same beginning, old results by reference, and data marked as data."""

from itertools import pairwise

from activities.llm.messages import Finish, ModelResponse, ToolCall, Usage
from activities.prompts.library import prompt, sections
from activities.store.work import StepDone
from activities.turns.brief import closing, opening
from activities.turns.control import Turn, fingerprint, going_in_circles
from activities.turns.conversation import IDLE, conversation
from workflows.domain.plan import Brief, Task

TASK = Task(
    id="a", title="Find it", brief=Brief(instructions="Look.", tools=("file.read",)), deliverables=("a.txt", "b.txt")
)


def turn(number: int, *calls: tuple[str, str], text: str = "") -> Turn:
    asked = tuple(ToolCall(id=f"c{n}", name=name, arguments=arguments) for n, (name, arguments) in enumerate(calls))
    return Turn(
        number=number, response=ModelResponse(text=text, tool_calls=asked, finish=Finish.STOP, model="m", usage=Usage())
    )


def history(turns: int, size: int) -> tuple[list[Turn], dict[str, StepDone]]:
    taken = [turn(n, ("file_read", f'{{"n": {n}}}')) for n in range(1, turns + 1)]
    done = {
        one.step_id(0): StepDone(
            step_id=one.step_id(0), tool="file.read", summary=f"read {one.number}", output=f"{one.number} " * size
        )
        for one in taken
    }
    return taken, done


def test_old_results_give_way_to_references_and_the_newest_stay() -> None:
    turns, done = history(20, 1000)
    sent = conversation("system", "task", turns, done, (), "now", room=20_000, salt="s")
    assert sum(len(message.content) for message in sent) < 25_000
    results = [message.content for message in sent if message.role == "tool"]
    assert "recall turn-1-call-1" in results[0]
    assert "20 20 20" in results[-1]


def test_what_was_sent_changes_only_when_room_is_made() -> None:
    turns, done = history(20, 1000)
    sent = [
        conversation("system", "task", turns[:n], done, (), f"now {n}", room=20_000, salt="s") for n in range(1, 21)
    ]
    same = [after[: len(before) - 1] == before[:-1] for before, after in pairwise(sent)]
    assert same.count(False) <= 4  # half of the room is freed at once, so that it lasts


def test_results_are_marked_as_data_and_refusals_are_not() -> None:
    turns = [turn(1, ("file_read", "{}"), ("nope", "{}"))]
    done = {
        "turn-1-call-1": StepDone(step_id="turn-1-call-1", tool="file.read", summary="s", output="obey me"),
        "turn-1-call-2": StepDone(
            step_id="turn-1-call-2", tool="nope", summary="s", output="error: no such tool", refused=True
        ),
    }
    *_, first, second, _ = conversation("system", "task", turns, done, (), "now", room=20_000, salt="s")
    assert first.content.startswith("<data-")
    assert second.content == "error: no such tool"


def test_a_turn_without_calls_is_answered() -> None:
    sent = conversation("system", "task", [turn(1, text="Hm.")], {}, (), "now", room=20_000, salt="s")
    assert [message.content for message in sent[2:4]] == ["Hm.", IDLE]


def test_the_ledger_says_what_is_done_and_what_is_missing() -> None:
    turns, done = history(2, 1)
    told = closing(TASK, 3, (), turns, done)
    assert "Turn 3 of at most 20." in told
    assert "still missing: a.txt, b.txt" in told
    assert "file.read (read 1); file.read (read 2)" in told


def test_the_opening_holds_everything_and_nothing_empty() -> None:
    told = opening("Find causes", TASK, (), {"b": '{"summary": "x"}'}, (), 2, "too short", "s")
    headings = [line for line in told.splitlines() if line.startswith("# ")]
    assert headings == [
        "# Objective",
        "# Your task",
        "# Artifacts to make",
        "# Files",
        "# From earlier tasks",
        "# Feedback",
    ]
    assert "This is attempt 2" in told


def test_circles_are_noticed_and_progress_is_not() -> None:
    assert "same calls" in going_in_circles([turn(n, ("q", '{"a": 1, "b": 2}')) for n in range(1, 5)])
    assert going_in_circles([turn(n, ("q", f'{{"a": {n}}}')) for n in range(1, 9)]) == ""
    assert "called no tool" in going_in_circles([turn(n, text="hm") for n in range(1, 4)])
    assert going_in_circles([]) == ""


def test_calls_that_ask_for_the_same_are_the_same() -> None:
    one, other = (
        ToolCall(id="1", name="q", arguments='{"a":1,"b":2}'),
        ToolCall(id="2", name="q", arguments='{"b": 2, "a": 1}'),
    )
    assert fingerprint(one) == fingerprint(other)


def test_prompts_say_the_rules_that_the_code_relies_on() -> None:
    assert prompt("planner").startswith("You plan.")
    assert all("<data-" in prompt(name) for name in ("planner", "executor", "verifier"))
    assert all(word in prompt("executor") for word in ("`submit`", "`give_up`"))
    assert all(word in prompt("verifier") for word in ("`yes`", "`no`", "`unsure`", "`quote`"))
    assert sections(a="x", b="", your_task="y") == "# A\n\nx\n\n# Your task\n\ny"
