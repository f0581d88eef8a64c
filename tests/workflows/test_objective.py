"""The workflows on a real Temporal server and a real Postgres, with tools that behave as each test needs."""

from datetime import timedelta

import pytest
from temporalio.client import WorkflowFailureError

from tests.fakes.checks import Slow
from tests.fakes.tools import Flaky, Nap
from tests.objectives import Objectives, until
from workflows.domain.objective import Mode, Stage
from workflows.domain.outcome import TaskState
from workflows.domain.verdict import Decision, ObjectiveVerdict, Subject, TaskVerdict

REWORK = """
tasks:
  - id: write
    title: Write
    steps:
      - {tool: fake.write, with: {name: a.txt, content: "{{ 'final, after: ' ~ feedback if feedback else 'draft' }}"}}
    checks: [{check: text.says, with: {artifact: a.txt, contains: [final]}}]
    deliverables: [a.txt]
"""
ONE = "tasks: [{id: a, title: A, steps: [{tool: fake.noop}]}]"
SLOW_REVIEW = """
tasks:
  - {id: a, title: A, steps: [{tool: fake.noop}], checks: [{check: fake.slow}]}
"""


async def test_runs_independent_tasks_at_once_and_dependent_ones_after(objectives: Objectives) -> None:
    result, rows = await objectives.run("""
tasks:
  - {id: "first-{{ n }}", title: First, for_each: {n: [1, 2, 3]}, steps: [{tool: fake.nap, with: {seconds: 1}}]}
  - {id: last, title: Last, needs: ["first-*"], steps: [{tool: fake.noop}]}
""")
    assert result.stage is Stage.DELIVERED
    moments = [(row.kind, row.task_id) for row in rows if row.kind in ("step.started", "verdict") and row.task_id]
    assert {task for kind, task in moments[:3] if kind == "step.started"} == {"first-1", "first-2", "first-3"}
    assert moments[-2:] == [("step.started", "last"), ("verdict", "last")]


async def test_a_rejected_task_gets_another_attempt_that_carries_the_feedback(objectives: Objectives) -> None:
    result, rows = await objectives.run(REWORK)
    assert result.stage is Stage.DELIVERED
    assert objectives.read(result, "a.txt") == "final, after: text.says: 'a.txt' does not contain 'final'"
    decisions = [(row.attempt, row.data["decision"]) for row in rows if row.kind == "verdict" and row.task_id]
    assert decisions == [(1, "rejected"), (2, "approved")]


async def test_two_attempts_that_fail_alike_stop_early(objectives: Objectives) -> None:
    result, rows = await objectives.run("""
tasks:
  - id: a
    title: A
    review: {max_attempts: 9}
    steps: [{tool: fake.write, with: {name: a.txt, content: always the same}}]
    checks: [{check: text.says, with: {artifact: a.txt, contains: [something else]}}]
""")
    assert result.stage is Stage.NOT_DELIVERED
    assert "twice for the same reason" in result.missing[0].reason
    assert [row.attempt for row in rows if row.kind == "step.started"] == [1, 2]


async def test_attempts_are_bounded(objectives: Objectives) -> None:
    result, rows = await objectives.run("""
tasks:
  - id: a
    title: A
    review: {max_attempts: 3}
    steps: [{tool: fake.write, with: {name: "a{{ attempt }}.txt", content: x}}]
    checks: [{check: artifact.exists, with: {artifact: "no{{ attempt }}.txt"}}]
""")
    assert result.stage is Stage.NOT_DELIVERED
    assert [row.attempt for row in rows if row.kind == "step.started"] == [1, 2, 3]


async def test_delivers_what_is_approved_and_says_plainly_what_is_missing(objectives: Objectives) -> None:
    result, _ = await objectives.run("""
tasks:
  - {id: good, title: Good, steps: [{tool: fake.write, with: {name: g.txt, content: g}}], deliverables: [g.txt]}
  - {id: bad, title: Bad, steps: [{tool: fake.fail, with: {message: no such column}}]}
  - {id: after, title: After, needs: [bad], steps: [{tool: fake.noop}]}
""")
    assert result.stage is Stage.NOT_DELIVERED
    assert [ref.name for ref in result.deliverables] == ["g.txt"]
    assert [(missing.task_id, missing.reason) for missing in result.missing] == [
        ("bad", "not approved after 2 attempts, twice for the same reason: no such column"),
        ("after", "it needs bad, not approved"),
    ]


async def test_a_lost_connection_is_tried_again_within_the_attempt(objectives: Objectives) -> None:
    Flaky.tries = 0
    result, rows = await objectives.run("tasks: [{id: a, title: A, steps: [{tool: fake.flaky}]}]")
    assert result.stage is Stage.DELIVERED
    assert [row.kind for row in rows if row.step_id] == [
        "step.started",
        "step.retrying",
        "step.started",
        "step.finished",
    ]


async def test_a_check_that_breaks_or_does_not_exist_never_approves(objectives: Objectives) -> None:
    result, rows = await objectives.run(
        "tasks: [{id: a, title: A, steps: [{tool: fake.noop}], checks: [{check: fake.broken}]}]"
    )
    assert result.stage is Stage.NOT_DELIVERED
    assert "could not run: a bug in the check" in next(row.text for row in rows if row.kind == "verdict")


async def test_a_deliverable_that_was_promised_and_not_made_is_a_rejection(objectives: Objectives) -> None:
    result, _ = await objectives.run("tasks: [{id: a, title: A, steps: [{tool: fake.noop}], deliverables: [x.txt]}]")
    assert "'x.txt' was not made" in result.missing[0].reason


async def test_a_plan_that_cannot_be_made_ends_the_objective_with_the_reason(objectives: Objectives) -> None:
    result, rows = await objectives.run("tasks: [{id: a, title: A, steps: [{tool: no.such}]}]")
    assert result.stage is Stage.NOT_DELIVERED
    assert "there is no tool 'no.such'" in result.reason
    assert rows[-1].kind == "objective.not_delivered"


async def test_in_manual_mode_nothing_runs_before_the_plan_is_approved(objectives: Objectives) -> None:
    running = await objectives.start(ONE, mode=Mode.MANUAL)
    await until(lambda: "approval.requested" in objectives.kinds(running))
    assert [approval["subject"] for approval in await running.query("pending")] == ["plan"]
    await running.signal("verdict", ObjectiveVerdict(subject=Subject.PLAN, decision=Decision.APPROVED, by="ana"))
    await until(lambda: objectives.kinds(running).count("approval.requested") == 2)
    await running.signal("verdict", ObjectiveVerdict(subject=Subject.RESULT, decision=Decision.APPROVED, by="ana"))
    assert (await running.result()).stage is Stage.DELIVERED
    rows = objectives.journal(running)
    approval = next(n for n, row in enumerate(rows) if row.kind == "verdict")
    assert rows[approval].actor == "ana"
    assert all(not row.step_id for row in rows[:approval])


async def test_a_plan_that_a_person_denies_is_not_run_and_the_reason_is_kept(objectives: Objectives) -> None:
    running = await objectives.start(ONE, mode=Mode.MANUAL)
    await until(lambda: "approval.requested" in objectives.kinds(running))
    verdict = ObjectiveVerdict(subject=Subject.PLAN, decision=Decision.REJECTED, by="ana", feedback="too dear")
    await running.signal("verdict", verdict)
    result = await running.result()
    assert (result.stage, result.reason) == (Stage.NOT_DELIVERED, "ana did not approve the plan: too dear")
    assert "step.started" not in objectives.kinds(running)


async def test_garbled_early_and_unknown_signals_are_noticed_and_change_nothing(objectives: Objectives) -> None:
    running = await objectives.start(ONE, mode=Mode.MANUAL)
    await until(lambda: "approval.requested" in objectives.kinds(running))
    await running.signal("verdict", {"decision": "approved"})
    await running.signal("verdict", ObjectiveVerdict(subject=Subject.RESULT, decision=Decision.APPROVED, by="eve"))
    await running.signal("verdict")
    await running.signal("verdct", "typo")
    await until(lambda: objectives.kinds(running).count("signal.ignored") == 4)
    assert [approval["subject"] for approval in await running.query("pending")] == ["plan"]
    await running.signal("verdict", ObjectiveVerdict(subject=Subject.PLAN, decision=Decision.REJECTED, by="ana"))
    assert (await running.result()).stage is Stage.NOT_DELIVERED


async def test_a_persons_verdict_on_a_task_counts_and_stops_the_running_review(objectives: Objectives) -> None:
    Slow.begun.clear()
    Slow.cancelled.clear()
    running = await objectives.start(SLOW_REVIEW)
    await until(Slow.begun.is_set)
    verdict = TaskVerdict(attempt=1, decision=Decision.APPROVED, by="ana", feedback="I looked myself")
    await objectives.task(running, "a").signal("verdict", verdict)
    assert (await running.result()).stage is Stage.DELIVERED
    await until(Slow.cancelled.is_set)
    verdicts = [row for row in objectives.journal(running) if row.kind == "verdict" and row.task_id]
    assert [(row.actor, row.data["decision"], row.text) for row in verdicts] == [("ana", "approved", "I looked myself")]


async def test_cancelling_stops_running_steps_and_writes_the_end_down(objectives: Objectives) -> None:
    Nap.begun = Nap.cancelled = 0
    running = await objectives.start("tasks: [{id: a, title: A, steps: [{tool: fake.nap, with: {seconds: 60}}]}]")
    await until(lambda: Nap.begun == 1)
    await running.cancel()
    with pytest.raises(WorkflowFailureError):
        await running.result()
    assert objectives.kinds(running)[-1] == "objective.cancelled"
    await until(lambda: Nap.cancelled == 1)


async def test_a_task_that_is_cancelled_alone_blocks_only_what_needs_it(objectives: Objectives) -> None:
    Nap.begun = 0
    running = await objectives.start("""
tasks:
  - {id: a, title: A, steps: [{tool: fake.nap, with: {seconds: 60}}]}
  - {id: b, title: B, steps: [{tool: fake.write, with: {name: b.txt, content: b}}], deliverables: [b.txt]}
""")
    await until(lambda: Nap.begun == 1)
    await objectives.task(running, "a").cancel()
    result = await running.result()
    assert result.stage is Stage.NOT_DELIVERED
    assert [ref.name for ref in result.deliverables] == ["b.txt"]


async def test_never_more_tasks_at_once_than_allowed(objectives: Objectives) -> None:
    running = await objectives.start(
        """
tasks:
  - {id: "t{{ n }}", title: T, for_each: {n: [1, 2, 3, 4, 5]}, steps: [{tool: fake.nap, with: {seconds: 0.2}}]}
""",
        max_parallel=2,
    )
    await running.result()
    at_once, most = 0, 0
    for row in objectives.journal(running):
        at_once += {"step.started": 1, "step.finished": -1}.get(row.kind, 0)
        most = max(most, at_once)
    assert most == 2


async def test_queries_and_current_details_tell_the_story(objectives: Objectives) -> None:
    running = await objectives.start(REWORK)
    await running.result()
    status = await running.query("status")
    assert status["stage"] == "delivered"
    assert status["tasks"] == {"write": "approved"}
    metadata = await running.query("__temporal_workflow_metadata")
    assert "1 of 1 tasks approved" in str(metadata)
    outcome = await objectives.task(running, "write").result(rpc_timeout=timedelta(seconds=10))
    assert (outcome.state, outcome.attempt) == (TaskState.APPROVED, 2)


async def test_history_stays_small(objectives: Objectives) -> None:
    running = await objectives.start("""
tasks:
  - {id: "t{{ n }}", title: T, for_each: {n: [1, 2, 3]}, steps: [{tool: fake.noop}, {tool: fake.noop}]}
""")
    await running.result()
    history = await running.fetch_history()
    assert max(event.ByteSize() for event in history.events) < 8192


async def test_defaults_of_inputs_hold_however_the_objective_was_started(objectives: Objectives) -> None:
    result, _ = await objectives.run("""
inputs: {words: {default: hello}, times: {type: integer, default: 2}}
tasks:
  - id: a
    title: A
    steps: [{tool: fake.write, with: {name: a.txt, content: "{{ inputs.words }} {{ inputs.times + 1 }}"}}]
    deliverables: [a.txt]
""")
    assert objectives.read(result, "a.txt") == "hello 3"


async def test_a_second_verdict_on_what_is_decided_is_noticed_and_changes_nothing(objectives: Objectives) -> None:
    Slow.begun.clear()
    running = await objectives.start(SLOW_REVIEW)
    await until(Slow.begun.is_set)
    task = objectives.task(running, "a")
    await task.signal("verdict", TaskVerdict(attempt=1, decision=Decision.APPROVED, by="ana"))
    await task.signal("verdict", TaskVerdict(attempt=1, decision=Decision.REJECTED, by="ben"))
    assert (await running.result()).stage is Stage.DELIVERED
    decided = [row.actor for row in objectives.journal(running) if row.kind == "verdict" and row.task_id]
    assert decided == ["ana"]


async def test_nobody_can_approve_a_result_before_its_checks_have_passed(objectives: Objectives) -> None:
    running = await objectives.start("""
tasks: [{id: a, title: A, steps: [{tool: fake.noop}]}]
checks: [{check: fake.slow}, {check: artifact.exists, with: {artifact: nothing.txt}}]
""")
    await until(lambda: objectives.kinds(running).count("verdict") == 1)
    await running.signal("verdict", ObjectiveVerdict(subject=Subject.RESULT, decision=Decision.APPROVED, by="eve"))
    await running.cancel()
    with pytest.raises(WorkflowFailureError):
        await running.result()
    assert "signal.ignored" in objectives.kinds(running)
    assert objectives.kinds(running)[-1] == "objective.cancelled"
