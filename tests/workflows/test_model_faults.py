"""Models and providers that misbehave: the objective ends in a defined state, and the journal says why."""

import asyncio
from decimal import Decimal

import pytest

from tests import models
from tests.audit import assert_in_order
from tests.fakes.cast import Cast, opinion, plan, role_of, submit, task, turn_of, write, writes
from tests.fakes.llm_script import Call, Fault, Reply, Say, SeenRequest, Trouble, calls
from tests.fakes.llm_server import FakeLlm
from tests.objectives import Objectives, Running
from workflows.domain.budget import Budget
from workflows.domain.objective import ObjectiveResult, Stage

ONE = plan(task("a"))


async def ended(objectives: Objectives, running: Running, seconds: float = 90) -> ObjectiveResult:
    result = await asyncio.wait_for(running.result(), seconds)
    await assert_in_order(objectives, running)
    return result


def kinds(objectives: Objectives, running: Running, kind: str) -> list[str]:
    return [row.text for row in objectives.journal(running) if row.kind == kind]


@pytest.mark.parametrize(
    ("whom", "trouble", "retry_after"),
    [
        ("executor", Trouble.RATE_LIMIT, None),
        ("executor", Trouble.RATE_LIMIT, 2.0),
        ("planner", Trouble.SERVER_ERROR, None),
        ("verifier", Trouble.OVERLOADED, None),
        ("executor", Trouble.HANG, None),
        ("executor", Trouble.DROP, None),
        ("planner", Trouble.CUT, None),
        ("planner", Trouble.EARLY_END, None),
        ("executor", Trouble.EMPTY, None),
        ("executor", Trouble.TRUNCATED_JSON, None),
        ("executor", Trouble.HTML, None),
        ("executor", Trouble.LENGTH, None),
        ("verifier", Trouble.CONTEXT_LENGTH, None),
        ("executor", Trouble.MALFORMED_ARGUMENTS, None),
        ("executor", Trouble.CONTROL_CHARACTERS, None),
        ("executor", Trouble.MEGABYTE, None),
        ("executor", Trouble.NO_USAGE, None),
    ],
)
async def test_a_passing_fault_costs_time_and_nothing_else(
    objectives: Objectives, fresh: FakeLlm, whom: str, trouble: Trouble, retry_after: float | None
) -> None:
    cast = Cast(plans=[plan(task("a", criteria=["It is final."]))], work={"Task a": writes("a.txt")})
    cast.faults = [(whom, Fault(trouble, retry_after))]
    fresh.responder = cast.answer
    running = await objectives.ask(budget=Budget(usd=Decimal(2)))
    result = await ended(objectives, running)
    assert result.stage is Stage.DELIVERED, result.reason
    seen = [request for request in fresh.requests if role_of(request) == whom]
    if retry_after is not None:
        assert seen[1].at - seen[0].at >= retry_after
    told = str(objectives.journal(running))
    assert "\\x1b" not in told
    assert "<|im_start|>" not in told


@pytest.mark.parametrize("trouble", [Trouble.UNAUTHORIZED, Trouble.QUOTA, Trouble.NOT_FOUND])
async def test_what_only_a_person_can_mend_ends_it_at_once_and_says_so(
    objectives: Objectives, fresh: FakeLlm, trouble: Trouble
) -> None:
    fresh.responder = lambda seen: Fault(trouble)
    running = await objectives.ask()
    result = await ended(objectives, running)
    assert result.stage is Stage.NOT_DELIVERED
    assert "there is no plan: planner (openai)" in result.reason
    assert len(fresh.requests) == 1
    assert kinds(objectives, running, "model.failed")


async def test_a_refusal_is_not_shopped_around(objectives: Objectives, fresh: FakeLlm) -> None:
    cast = Cast(plans=[ONE], work={"Task a": [Fault(Trouble.REFUSAL)]})
    fresh.responder = cast.answer
    result = await ended(objectives, await objectives.ask(max_replans=0))
    assert result.stage is Stage.NOT_DELIVERED
    assert "twice for the same reason" in result.missing[0].reason
    assert sum(role_of(request) == "executor" for request in fresh.requests) == 2


async def test_an_unknown_tool_and_wrong_arguments_are_told_to_the_model(
    objectives: Objectives, fresh: FakeLlm
) -> None:
    script: list[Reply] = [
        calls(Call("format_disk", {"now": True}), Call("fake_write", {"nom": "a.txt"})),
        calls(write("a.txt", "final")),
        calls(submit("b.txt")),
        calls(submit("a.txt")),
    ]
    fresh.responder = Cast(plans=[ONE], work={"Task a": script}).answer
    result = await ended(objectives, await objectives.ask())
    assert result.stage is Stage.DELIVERED
    second, *_, last = [request for request in fresh.requests if role_of(request) == "executor"][1:]
    told = [turn.text for turn in second.turns if turn.role == "tool"]
    assert "there is no tool 'format_disk' in this task" in told[0]
    assert "nom" in told[1]
    assert "there is no artifact 'b.txt'; there are: a.txt" in str([turn.text for turn in last.turns])


async def test_identical_turns_are_stopped_and_alerted(objectives: Objectives, fresh: FakeLlm) -> None:
    same: list[Reply] = [calls(Call("fake_write", {"name": "x.txt", "content": "again"}))]
    fresh.responder = Cast(plans=[ONE], work={"Task a": same}).answer
    running = await objectives.ask(max_replans=0)
    result = await ended(objectives, running)
    assert result.stage is Stage.NOT_DELIVERED
    assert "went in circles: 4 turns in a row with the same calls" in result.missing[0].reason
    assert kinds(objectives, running, "alert")
    first = [request for request in fresh.requests if role_of(request) == "executor" and turn_of(request) <= 4]
    assert len(first) == len([request for request in fresh.requests if role_of(request) == "executor"]) <= 8


async def test_talk_without_calls_is_stopped(objectives: Objectives, fresh: FakeLlm) -> None:
    fresh.responder = Cast(plans=[ONE], work={"Task a": [Say("I would write the file.")]}).answer
    result = await ended(objectives, await objectives.ask(max_replans=0))
    assert "called no tool" in result.missing[0].reason


async def test_giving_up_is_honoured_and_its_reason_kept(objectives: Objectives, fresh: FakeLlm) -> None:
    give_up: list[Reply] = [calls(Call("give_up", {"reason": "the file has no such column"}))]
    fresh.responder = Cast(plans=[ONE], work={"Task a": give_up}).answer
    result = await ended(objectives, await objectives.ask(max_replans=0))
    assert "the worker gave up: the file has no such column" in result.missing[0].reason


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (plan(task("a", needs=["b"]), task("b", needs=["a"])), "in a circle"),
        (plan(task("a", tools=["shell"])), "there is no tool 'shell'"),
        (plan(task("a", capability="magic")), "nobody has the capability 'magic'"),
        (plan(task("a", checks=[], criteria=[])), "neither a check nor a criterion"),
        (plan(task("a", checks=[{"check": "text.says", "arguments": '{"art": 1}'}])), "the arguments of text.says"),
        ({"tasks": "none"}, "tasks"),
    ],
)
async def test_a_plan_that_does_not_hold_goes_back_with_what_is_wrong(
    objectives: Objectives, fresh: FakeLlm, broken: dict[str, object], fault: str
) -> None:
    fresh.responder = Cast(plans=[broken, ONE], work={"Task a": writes("a.txt")}).answer
    running = await objectives.ask()
    result = await ended(objectives, running)
    assert result.stage is Stage.DELIVERED, result.reason
    assert fault in kinds(objectives, running, "plan.faulty")[0]
    assert fault in fresh.requests[1].last


async def test_a_planner_that_never_learns_is_stopped(objectives: Objectives, fresh: FakeLlm) -> None:
    fresh.responder = Cast(plans=[plan(task("a", needs=["a"]))]).answer
    result = await ended(objectives, await objectives.ask())
    assert result.stage is Stage.NOT_DELIVERED
    assert "4 drafts in a row did not hold" in result.reason
    assert len(fresh.requests) == 4


@pytest.mark.parametrize(
    "answer",
    [
        opinion("no", decision="approved"),
        opinion("yes", artifact="a.txt", quote="words that nobody wrote"),
        opinion("yes", artifact="other.txt", quote="final"),
        opinion("yes", "yes", artifact="a.txt", quote="final"),
        Say("Looks good to me!"),
    ],
    ids=["contradicts itself", "invented quote", "invented artifact", "a criterion too many", "not an answer"],
)
async def test_a_verdict_that_does_not_hold_never_approves(objectives: Objectives, fresh: FakeLlm, answer: Say) -> None:
    cast = Cast(plans=[plan(task("a", criteria=["It is final."]))], work={"Task a": writes("a.txt")})
    cast.judge = lambda seen: answer
    fresh.responder = cast.answer
    running = await objectives.ask(max_replans=0)
    result = await ended(objectives, running)
    assert result.stage is Stage.NOT_DELIVERED
    assert "could not tell" in result.missing[0].reason
    decisions = {row.data["decision"] for row in objectives.journal(running) if row.data.get("subject") == "opinion"}
    assert decisions == {"approved", "uncertain"}  # the checks', and the verifiers'


async def test_quota_that_runs_out_among_twenty_parallel_calls(objectives: Objectives, fresh: FakeLlm) -> None:
    tasks = [task(f"t{n}") for n in range(20)]
    cast = Cast(plans=[plan(*tasks)], work={f"Task t{n}": writes(f"t{n}.txt") for n in range(20)})
    answered = 0

    def limited(seen: SeenRequest) -> Reply:
        nonlocal answered
        reply = cast.answer(seen)
        if role_of(seen) != "executor":
            return reply
        answered += 1
        if answered > 12:
            return Fault(Trouble.QUOTA)
        return Say(reply.text, calls=reply.calls, delay=0.3) if isinstance(reply, Say) else reply

    fresh.responder = limited
    running = await objectives.ask(max_parallel=20, max_replans=0, budget=Budget(usd=Decimal(1)))
    result = await ended(objectives, running)
    assert result.stage is Stage.NOT_DELIVERED
    assert all("quota" in missing.reason.lower() for missing in result.missing), result.missing
    asked = sum(role_of(request) == "executor" for request in fresh.requests)
    assert asked <= 12 + 20  # those under way when it ran out; the breaker holds back all others
    alerts = [row.data["alert"] for row in objectives.journal(running) if row.kind == "alert"]
    assert alerts.count("breaker_open") == 1


async def test_twenty_calls_in_flight_never_pass_the_budget(objectives: Objectives, fresh: FakeLlm) -> None:
    tasks = [task(f"t{n}") for n in range(20)]
    cast = Cast(plans=[plan(*tasks)], work={f"Task t{n}": writes(f"t{n}.txt") for n in range(20)})

    def slowly(seen: SeenRequest) -> Reply:
        reply = cast.answer(seen)
        return Say(reply.text, calls=reply.calls, delay=0.2) if isinstance(reply, Say) else reply

    fresh.responder = slowly
    running = await objectives.ask(max_parallel=20, max_replans=0, budget=Budget(tokens=60_000))
    result = await ended(objectives, running)
    assert result.stage is Stage.NOT_DELIVERED
    assert all("does not cover the next call" in missing.reason for missing in result.missing)


async def test_no_key_is_in_what_a_provider_makes_of_it(objectives: Objectives, fresh: FakeLlm) -> None:
    leak = f"your key is {models.KEY}, keep it safe: final"
    script: list[Reply] = [calls(write("a.txt", leak), text=leak), calls(submit("a.txt", summary=leak))]
    fresh.responder = Cast(plans=[ONE], work={"Task a": script}).answer
    running = await objectives.ask()
    result = await ended(objectives, running)
    assert result.stage is Stage.DELIVERED
    assert models.KEY not in objectives.read(result, "a.txt")
