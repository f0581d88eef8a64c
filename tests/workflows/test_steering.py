"""Steering by hand: pausing, advancing, tasks, plans, modes, and a person's own work."""

import asyncio
import json
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from tests.fakes.cast import Cast, plan, submit, task, write, writes
from tests.fakes.llm_script import Reply, SeenRequest, calls
from tests.fakes.llm_server import FakeLlm
from tests.fakes.tools import Nap
from tests.objectives import Objectives, Running, until
from workflows.domain.control import Action, Submission, SubmissionReceipt
from workflows.domain.objective import Mode, ObjectiveResult, ObjectiveStatus, Oversight, Stage
from workflows.domain.outcome import TaskOutcome, TaskState
from workflows.domain.verdict import Decision, Subject

CHAIN = """
tasks:
  - {id: a, title: A, steps: [{tool: fake.noop}]}
  - {id: b, title: B, needs: [a], steps: [{tool: fake.noop}, {tool: fake.noop}]}
  - {id: c, title: C, steps: [{tool: fake.noop}]}
"""
DRAFTS = """
tasks:
  - {id: a, title: A, steps: [{tool: fake.write, with: {name: a.txt, content: "a {{ attempt }} {{ feedback }}"}}],
     deliverables: [a.txt]}
  - {id: b, title: B, needs: [a], deliverables: [b.txt],
     steps: [{tool: fake.write, with: {name: b.txt, content: "b {{ attempt }}"}}]}
  - {id: c, title: C, steps: [{tool: fake.write, with: {name: c.txt, content: c}}], deliverables: [c.txt]}
"""
NAPPING = """
tasks:
  - {id: a, title: A, steps: [{tool: fake.nap, with: {seconds: 60}}]}
  - {id: b, title: B, needs: [a], steps: [{tool: fake.noop}]}
"""


async def ended(running: Running) -> ObjectiveResult:
    return await asyncio.wait_for(running.result(), 60)


async def status(running: Running) -> ObjectiveStatus:
    found: ObjectiveStatus = await running.query("status", result_type=ObjectiveStatus)
    return found


async def refusal(call: Any) -> str:
    with pytest.raises(WorkflowUpdateFailedError) as failure:
        await call
    assert isinstance(failure.value.cause, ApplicationError)
    return failure.value.cause.message


def done(objectives: Objectives, running: Running) -> list[str]:
    return sorted(row.task_id for row in objectives.journal(running) if row.kind == "step.finished")


async def test_paused_nothing_starts_and_advance_lets_one_thing_through(objectives: Objectives) -> None:
    running = await objectives.start(CHAIN, mode=Mode.MANUAL)
    await objectives.waiting(running, Subject.PLAN)
    await objectives.control(running, Action.PAUSE)
    await objectives.approve(running, Subject.PLAN)
    assert (await status(running)).paused
    assert done(objectives, running) == []
    await objectives.control(running, Action.ADVANCE)  # task a may start, and does not move yet
    await until(lambda: objectives.kinds(running).count("objective.advanced") == 1)
    await objectives.control(running, Action.ADVANCE)  # task c may start
    await objectives.control(running, Action.ADVANCE)  # nothing more may start: the first that runs takes its step
    await until(lambda: done(objectives, running) == ["a"])
    await objectives.control(running, Action.ADVANCE, task="c")
    await until(lambda: done(objectives, running) == ["a", "c"])
    await objectives.control(running, Action.RESUME)
    await objectives.approve(running, Subject.RESULT)
    assert (await ended(running)).stage is Stage.DELIVERED
    assert done(objectives, running) == ["a", "b", "b", "c"]


async def test_steering_that_makes_no_sense_is_refused_with_the_reason(objectives: Objectives) -> None:
    Nap.begun = 0
    running = await objectives.start(NAPPING)
    await until(lambda: Nap.begun == 1)

    async def said(action: Action, **fields: Any) -> str:
        return await refusal(objectives.control(running, action, **fields))

    assert await said(Action.RESUME) == "it is not paused"
    assert await said(Action.ADVANCE) == "it is not paused, so it moves by itself; pause it first"
    assert await said(Action.RETRY_TASK, task="a") == "the task 'a' has not ended: working"
    assert await said(Action.RETRY_TASK, task="x") == "there is no task 'x'; there are: a, b"
    assert "is not being worked on: waiting; to go on without it, skip it" in await said(Action.CANCEL_TASK, task="b")
    assert "no model works on the task 'b'" in await said(Action.ASSIGN_TASK, task="b", worker="judge")
    await running.cancel()


async def test_a_running_task_that_is_skipped_stops_and_what_builds_on_it_goes_on(objectives: Objectives) -> None:
    Nap.begun = 0
    running = await objectives.start(NAPPING)
    await until(lambda: Nap.begun == 1)
    await objectives.control(running, Action.SKIP_TASK, task="a", text="it takes too long")
    result = await ended(running)
    assert result.stage is Stage.DELIVERED
    assert [(missing.task_id, missing.reason) for missing in result.missing] == [
        ("a", "skipped by ana: it takes too long")
    ]
    assert done(objectives, running) == ["b"]


async def test_a_cancelled_task_can_be_done_again(objectives: Objectives) -> None:
    Nap.begun = 0
    tasks = NAPPING.replace("seconds: 60", 'seconds: "{{ 0 if feedback else 60 }}"')
    running = await objectives.start(tasks, mode=Mode.MANUAL)
    await objectives.approve(running, Subject.PLAN)
    await until(lambda: Nap.begun == 1)
    await objectives.control(running, Action.CANCEL_TASK, task="a")
    await objectives.waiting(running, Subject.EXHAUSTED)
    await objectives.control(running, Action.RETRY_TASK, task="a", text="quickly")
    await objectives.approve(running, Subject.RESULT)
    assert (await ended(running)).stage is Stage.DELIVERED
    assert "approval.withdrawn" in objectives.kinds(running)  # nobody has to say any more how to go on


async def test_a_result_that_is_revised_redoes_only_what_depends_on_it(objectives: Objectives) -> None:
    running = await objectives.start(DRAFTS, mode=Mode.MANUAL)
    await objectives.approve(running, Subject.PLAN)
    first = await objectives.waiting(running, Subject.RESULT)
    await objectives.decide(running, first, Decision.REVISE, feedback="shorter", tasks=("a",))
    await objectives.approve(running, Subject.RESULT)
    result = await ended(running)
    assert result.stage is Stage.DELIVERED
    assert objectives.read(result, "a.txt") == "a 2 shorter"
    assert objectives.read(result, "b.txt") == "b 2"
    assert done(objectives, running) == ["a", "a", "b", "b", "c"]


async def test_a_result_that_is_revised_and_then_denied_delivers_only_what_still_counts(objectives: Objectives) -> None:
    running = await objectives.start(DRAFTS, mode=Mode.MANUAL, oversight=Oversight.TASK)
    await objectives.approve(running, Subject.PLAN)
    for task_id in ("a", "b", "c"):
        await objectives.approve(running, Subject.TASK, task_id)
    first = await objectives.waiting(running, Subject.RESULT)
    await objectives.decide(running, first, Decision.REVISE, feedback="shorter", tasks=("b",))
    again = await objectives.waiting(running, Subject.TASK, "b")
    await objectives.decide(running, again, Decision.REJECTED, feedback="no use")
    on = await objectives.waiting(running, Subject.EXHAUSTED)
    await objectives.decide(running, on, Decision.REJECTED)
    result = await ended(running)
    assert result.stage is Stage.NOT_DELIVERED
    assert sorted(ref.name for ref in result.deliverables) == ["a.txt", "c.txt"]


async def test_only_a_part_of_a_plan_may_be_approved(objectives: Objectives) -> None:
    running = await objectives.start(DRAFTS, mode=Mode.MANUAL)
    asked = await objectives.waiting(running, Subject.PLAN)
    told = await refusal(objectives.decide(running, asked, Decision.APPROVED, tasks=("b",)))
    assert told == "'b' needs 'a', which is not among them"
    assert "no task x" in await refusal(objectives.decide(running, asked, Decision.APPROVED, tasks=("x",)))
    await objectives.decide(running, asked, Decision.APPROVED, tasks=("a",))
    await objectives.approve(running, Subject.RESULT)  # what was left out promises nothing
    result = await ended(running)
    assert result.stage is Stage.DELIVERED
    assert done(objectives, running) == ["a"]
    assert objectives.kinds(running).count("task.skipped") == 2
    assert {missing.task_id for missing in result.missing} == {"b", "c"}


async def test_a_plan_is_edited_before_and_while_it_runs(objectives: Objectives) -> None:
    Nap.begun = 0
    running = await objectives.start(NAPPING, mode=Mode.MANUAL)
    first = await objectives.waiting(running, Subject.PLAN)
    napping = NAPPING.replace("seconds: 60", "seconds: 2")
    await objectives.revise(running, napping)
    asked = await objectives.waiting(running, Subject.PLAN)
    assert asked.id != first.id  # the plan that was asked about is gone
    assert "needs no decision" in await refusal(objectives.decide(running, first, Decision.APPROVED))
    await objectives.decide(running, asked, Decision.APPROVED)
    await until(lambda: Nap.begun == 1)
    receipt = await objectives.revise(
        running, napping + "  - {id: d, title: D, needs: [a], steps: [{tool: fake.noop}]}\n"
    )
    assert receipt.tasks == 3
    told = await refusal(objectives.revise(running, "tasks:\n  - {id: e, titel: E}", add=True))
    assert "plan.yaml:2" in told
    await objectives.revise(running, "tasks: [{id: e, title: E, needs: [d], steps: [{tool: fake.noop}]}]", add=True)
    await objectives.approve(running, Subject.RESULT)
    assert (await ended(running)).stage is Stage.DELIVERED
    assert done(objectives, running) == ["a", "b", "d", "e"]
    makers = [row.actor for row in objectives.journal(running) if row.kind == "plan.made"]
    assert makers == ["planner", "ana", "ana", "ana"]


@pytest.mark.parametrize(
    ("edited", "fault"),
    [
        (CHAIN.replace("title: A,", "title: A, needs: [b],"), "in a circle"),
        (CHAIN.replace("title: A,", "title: Another,"), "is done or being worked on; its title cannot change"),
        (
            CHAIN.replace("  - {id: a, title: A, steps: [{tool: fake.noop}]}\n", "").replace("needs: [a], ", ""),
            "left out",
        ),
        (CHAIN.replace("fake.noop", "no.such"), "there is no tool 'no.such'"),
        ("tasks: [", "plan.yaml"),
        ("nothing", "plan.yaml"),
    ],
)
async def test_an_edited_plan_that_does_not_hold_is_refused_and_changes_nothing(
    objectives: Objectives, edited: str, fault: str
) -> None:
    running = await objectives.start(CHAIN, mode=Mode.MANUAL)
    await objectives.approve(running, Subject.PLAN)
    await objectives.waiting(running, Subject.RESULT)
    before = objectives.plan(running)
    assert fault in await refusal(objectives.revise(running, edited))
    assert objectives.plan(running) == before
    stale = await refusal(objectives.revise(running, CHAIN, replaces="0" * 64))
    assert "the plan has changed since" in stale
    await objectives.approve(running, Subject.RESULT)
    assert (await ended(running)).stage is Stage.DELIVERED


async def test_a_task_of_another_plan_is_not_mistaken_for_one_that_was_done(objectives: Objectives) -> None:
    running = await objectives.start(DRAFTS, mode=Mode.MANUAL)
    await objectives.approve(running, Subject.PLAN)
    await objectives.waiting(running, Subject.RESULT)
    await objectives.revise(running, DRAFTS + "  - {id: d, title: D, needs: [c], steps: [{tool: fake.noop}]}\n")
    await objectives.approve(running, Subject.RESULT)
    assert (await ended(running)).stage is Stage.DELIVERED
    assert done(objectives, running) == ["a", "b", "c", "d"]


async def test_the_mode_can_be_switched_while_it_runs_both_ways(objectives: Objectives) -> None:
    running = await objectives.start(CHAIN, mode=Mode.MANUAL)
    await objectives.waiting(running, Subject.PLAN)
    await objectives.control(running, Action.SET_MODE, mode=Mode.AUTO)
    assert (await ended(running)).stage is Stage.DELIVERED
    Nap.begun = 0
    other = await objectives.start(NAPPING.replace("seconds: 60", "seconds: 1.5"))
    await until(lambda: Nap.begun == 1)
    await objectives.control(other, Action.SET_MODE, mode=Mode.MANUAL, oversight=Oversight.STEP)
    await objectives.approve(other, Subject.TASK, "a")
    await objectives.approve(other, Subject.STEP, "b")
    await objectives.control(other, Action.SET_MODE, mode=Mode.MANUAL, oversight=Oversight.END)
    await objectives.approve(other, Subject.RESULT)
    assert (await ended(other)).stage is Stage.DELIVERED


async def test_a_steps_input_can_be_edited_before_it_is_done(objectives: Objectives) -> None:
    running = await objectives.start(DRAFTS, mode=Mode.MANUAL, oversight=Oversight.STEP)
    plan_ = await objectives.waiting(running, Subject.PLAN)
    await objectives.decide(running, plan_, Decision.APPROVED, tasks=("c",))
    step = await objectives.waiting(running, Subject.STEP, "c")
    edited = objectives.artifacts.put("arguments.json", json.dumps({"name": "c.txt", "content": "mine"}).encode(), "")
    await objectives.decide(running, step, Decision.APPROVED, arguments=edited.sha256)
    await objectives.approve(running, Subject.TASK, "c")
    await objectives.approve(running, Subject.RESULT)
    assert objectives.read(await ended(running), "c.txt") == "mine"


async def test_a_person_takes_over_a_task_and_hands_in_the_result(objectives: Objectives) -> None:
    Nap.begun = Nap.cancelled = 0
    tasks = """
tasks:
  - {id: a, title: A, steps: [{tool: fake.nap, with: {seconds: 60}}], deliverables: [a.txt],
     checks: [{check: text.says, with: {artifact: a.txt, contains: [final]}}]}
  - {id: b, title: B, needs: [a], steps: [{tool: fake.noop}]}
"""
    running = await objectives.start(tasks)
    await until(lambda: Nap.begun == 1)
    await objectives.control(running, Action.ASSIGN_TASK, task="a", worker="person:ana")
    work = await objectives.waiting(running, Subject.WORK, "a")
    await until(lambda: Nap.cancelled == 1)
    told = await refusal(objectives.decide(running, work, Decision.APPROVED))
    assert told == "this is work to be done by hand: submit its result, or reject it to give it back"
    handle = objectives.task(running, "a")
    nothing = Submission(by="ana", summary="nothing yet")
    untaken = await refusal(handle.execute_update("submit", nothing, result_type=SubmissionReceipt))
    assert untaken == "promised and not there: a.txt"
    asked_again = await objectives.waiting(running, Subject.WORK, "a")
    assert "promised and not there: a.txt" in asked_again.text
    for content in (b"draft", b"final"):
        await objectives.waiting(running, Subject.WORK, "a")
        ref = objectives.artifacts.put("a.txt", content, "text/plain")
        submission = Submission(by="ana", summary="done by hand", artifacts=(ref,))
        await handle.execute_update("submit", submission, result_type=SubmissionReceipt)
        if content == b"draft":  # checked like anybody's work
            await until(lambda: objectives.kinds(running).count("verdict") == 1)
    result = await ended(running)
    assert result.stage is Stage.DELIVERED, result
    assert objectives.read(result, "a.txt") == "final"
    with pytest.raises(RPCError, match="already completed"):
        await handle.execute_update("submit", submission, result_type=SubmissionReceipt)


async def test_the_plan_of_a_model_is_changed_as_a_person_says(objectives: Objectives, fresh: FakeLlm) -> None:
    plans = [plan(task("a"), task("b")), plan(task("a", title="Task a"))]
    fresh.responder = Cast(plans=plans, work={"Task a": writes("a.txt"), "Task b": writes("b.txt")}).answer
    running = await objectives.ask(mode=Mode.MANUAL)
    first = await objectives.waiting(running, Subject.PLAN)
    await objectives.decide(running, first, Decision.REVISE, feedback="Leave b out.")
    await until(lambda: len(fresh.requests) == 2)
    assert "Leave b out." in fresh.requests[1].turns[0].text
    second = await objectives.approve(running, Subject.PLAN)
    assert second.id.endswith(".plan.2")
    await objectives.approve(running, Subject.RESULT)
    result = await ended(running)
    assert result.stage is Stage.DELIVERED, result
    assert [ref.name for ref in result.deliverables] == ["a.txt"]


async def test_calls_of_a_model_wait_for_a_person_who_may_refuse_them_or_change_them(
    objectives: Objectives, fresh: FakeLlm
) -> None:
    def work(seen: SeenRequest, turn: int) -> Reply:
        if turn == 1:
            return calls(write("a.txt", "draft"))
        told = str([turn.text for turn in seen.turns])
        if turn == 2 and "did not allow this call: say it better" in told:
            return calls(write("a.txt", "better"))
        return calls(submit("a.txt"))

    fresh.responder = Cast(plans=[plan(task("a"))], work={"Task a": work}).answer
    running = await objectives.ask(mode=Mode.MANUAL, oversight=Oversight.STEP)
    await objectives.approve(running, Subject.PLAN)
    first = await objectives.waiting(running, Subject.STEP, "a")
    assert first.step_id == "turn-1-call-1"
    await objectives.decide(running, first, Decision.REVISE, feedback="say it better")
    second = await objectives.waiting(running, Subject.STEP, "a")
    edited = json.dumps({"name": "a.txt", "content": "final"}).encode()
    ref = objectives.artifacts.put("arguments.json", edited, "application/json")
    await objectives.decide(running, second, Decision.APPROVED, arguments=ref.sha256)
    await objectives.approve(running, Subject.TASK, "a")
    await objectives.approve(running, Subject.RESULT)
    result = await ended(running)
    assert result.stage is Stage.DELIVERED, result
    assert objectives.read(result, "a.txt") == "final"


async def test_a_task_is_assigned_to_another_model(objectives: Objectives, fresh: FakeLlm) -> None:
    asked: list[str] = []

    def work(seen: SeenRequest, turn: int) -> Reply:
        asked.append(seen.model)
        return writes("a.txt")[turn - 1]

    fresh.responder = Cast(plans=[plan(task("a"))], work={"Task a": work}).answer
    running = await objectives.ask(mode=Mode.MANUAL)
    await objectives.waiting(running, Subject.PLAN)
    await objectives.control(running, Action.ASSIGN_TASK, task="a", worker="cheap")
    await objectives.approve(running, Subject.PLAN)
    await objectives.approve(running, Subject.RESULT)
    assert (await ended(running)).stage is Stage.DELIVERED
    assert asked == ["cheap", "cheap"]


async def test_botted_decides_on_the_mode_by_its_rules_and_says_why(objectives: Objectives) -> None:
    simple = await objectives.start(CHAIN, mode=Mode.DECIDE, prefers=Mode.AUTO)
    assert (await ended(simple)).stage is Stage.DELIVERED
    chosen = next(row for row in objectives.journal(simple) if row.kind == "mode.chosen")
    assert chosen.text == "auto: the user prefers auto"
    risky = await objectives.start(CHAIN, mode=Mode.DECIDE)
    await objectives.waiting(risky, Subject.PLAN)
    assert (await status(risky)).mode is Mode.MANUAL
    reason = next(row for row in objectives.journal(risky) if row.kind == "mode.chosen").text
    assert reason == "manual: nothing verifies a, b, c: no check, no criterion, no deliverable"
    await risky.cancel()


async def test_the_signals_of_the_same_names_do_the_same(objectives: Objectives) -> None:
    Nap.begun = 0
    running = await objectives.start(NAPPING)
    await until(lambda: Nap.begun == 1)
    await running.signal("pause", {"by": "ana"})
    await until(lambda: "objective.paused" in objectives.kinds(running))
    await running.signal("skip_task", {"by": "ana", "task": "a", "text": "enough"})
    await until(lambda: "task.skipped" in objectives.kinds(running))
    await running.signal("resume", {"by": "ana"})
    assert (await ended(running)).stage is Stage.DELIVERED


async def test_a_task_that_waits_for_a_step_to_be_approved_can_be_cancelled(objectives: Objectives) -> None:
    running = await objectives.start(CHAIN, mode=Mode.MANUAL, oversight=Oversight.STEP)
    await objectives.approve(running, Subject.PLAN)
    await objectives.waiting(running, Subject.STEP, "a")
    await objectives.control(running, Action.CANCEL_TASK, task="a")
    outcome: TaskOutcome = await objectives.task(running, "a").query("status", result_type=TaskOutcome)
    assert outcome.state is TaskState.WORKING  # as it was when it ended
    await until(lambda: "approval.withdrawn" in objectives.kinds(running))
    await running.cancel()
