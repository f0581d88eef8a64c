"""Approvals: who may decide, what counts, and what becomes of those that nobody decides."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from activities.store.tables import approvals
from tests.fakes.tools import Publish
from tests.objectives import Objectives, Running, until
from workflows.domain.approval import ApprovalPolicy, AskWhen, OnTimeout
from workflows.domain.objective import Mode, ObjectiveResult, Oversight, Stage
from workflows.domain.verdict import Decision, Subject, TaskVerdict

ONE = "tasks: [{id: a, title: A, steps: [{tool: fake.noop}]}]"
PUBLISH = "tasks: [{id: a, title: A, steps: [{tool: fake.publish, with: {name: n, content: c}}]}]"


async def ended(running: Running) -> ObjectiveResult:
    return await asyncio.wait_for(running.result(), 60)


async def refused(call: Any) -> ApplicationError:
    with pytest.raises(WorkflowUpdateFailedError) as failure:
        await call
    cause = failure.value.cause
    assert isinstance(cause, ApplicationError)
    return cause


def rows(objectives: Objectives, running: Running) -> list[Any]:
    query = select(approvals).where(approvals.c.objective_id == objectives.id_of(running)).order_by(approvals.c.id)
    with objectives.engine.connect() as connection:
        return list(connection.execute(query))


async def test_an_approval_is_a_record_before_anybody_waits_and_after_it_is_decided(objectives: Objectives) -> None:
    running = await objectives.start(ONE, mode=Mode.MANUAL)
    plan = await objectives.waiting(running, Subject.PLAN)
    await until(lambda: len(rows(objectives, running)) == 1)
    [asked] = rows(objectives, running)
    assert (asked.id, asked.state, asked.subject) == (f"{objectives.id_of(running)}.plan.1", "open", "plan")
    receipt = await objectives.decide(running, plan, Decision.APPROVED, feedback="good", origin="here")
    assert (receipt.approval, receipt.by) == (plan.id, "ana")
    [decided] = rows(objectives, running)  # whoever decided finds it on record
    assert (decided.state, decided.decided_by, decided.feedback) == ("approved", "ana", "good")
    await objectives.approve(running, Subject.RESULT)
    assert (await ended(running)).stage is Stage.DELIVERED
    written = next(row for row in objectives.journal(running) if row.kind == "approval.decided")
    assert (written.actor, written.data["origin"], written.data["approval"]) == ("ana", "here", plan.id)


async def test_a_late_a_repeated_and_a_stale_decision_are_refused_with_the_reason(objectives: Objectives) -> None:
    running = await objectives.start(ONE, mode=Mode.MANUAL)
    plan = await objectives.approve(running, Subject.PLAN)
    late = await refused(objectives.decide(running, plan, Decision.REJECTED, by="bob"))
    assert (late.type, "ana has decided: approved" in late.message) == ("AlreadyDecided", True)
    await objectives.waiting(running, Subject.RESULT)
    unknown = plan.model_copy(update={"id": "nothing.plan.7"})
    stray = await refused(objectives.decide(running, unknown, Decision.APPROVED))
    assert stray.type == "NoSuchApproval"
    assert f"{objectives.id_of(running)}.result.1" in stray.message
    await objectives.approve(running, Subject.RESULT)
    assert (await ended(running)).stage is Stage.DELIVERED


async def test_of_two_decisions_at_once_one_counts(objectives: Objectives) -> None:
    running = await objectives.start(ONE, mode=Mode.MANUAL)
    plan = await objectives.waiting(running, Subject.PLAN)
    both = await asyncio.gather(
        objectives.decide(running, plan, Decision.APPROVED, by="ana"),
        objectives.decide(running, plan, Decision.REJECTED, by="bob"),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, WorkflowUpdateFailedError) for answer in both) == 1
    await until(lambda: "verdict" in objectives.kinds(running))
    assert objectives.kinds(running).count("approval.decided") == 1
    await running.cancel()


async def test_only_those_who_are_named_may_decide(objectives: Objectives) -> None:
    policy = ApprovalPolicy(deciders=("eva", "role:approver"))
    running = await objectives.start(ONE, mode=Mode.MANUAL, approvals=policy)
    plan = await objectives.waiting(running, Subject.PLAN)
    foreign = await refused(objectives.decide(running, plan, Decision.APPROVED, by="ana", roles=("operator",)))
    assert (foreign.type, foreign.message) == ("NotAllowed", "ana may not decide this; eva, role:approver may")
    await objectives.decide(running, plan, Decision.APPROVED, by="bob", roles=("approver",))
    await objectives.approve(running, Subject.RESULT, by="eva")
    assert (await ended(running)).stage is Stage.DELIVERED


async def test_to_revise_needs_instructions_and_somebody_who_could_follow_them(objectives: Objectives) -> None:
    running = await objectives.start(ONE, mode=Mode.MANUAL)
    plan = await objectives.waiting(running, Subject.PLAN)
    with pytest.raises(ValueError, match="say in feedback what is to change"):
        await objectives.decide(running, plan, Decision.REVISE)
    fault = await refused(objectives.decide(running, plan, Decision.REVISE, feedback="other tools"))
    assert (fault.type, fault.message) == ("NoSuchChoice", "the plan can be: approved, rejected")
    await running.cancel()


async def test_what_nobody_decides_is_reminded_of_escalated_and_denied(objectives: Objectives) -> None:
    policy = ApprovalPolicy(
        deciders=("eva",), remind_after=1, escalate_after=2, escalate_to=("role:admin",), deadline=4
    )
    running = await objectives.start(ONE, mode=Mode.MANUAL, approvals=policy)
    plan = await objectives.waiting(running, Subject.PLAN)
    assert (await refused(objectives.decide(running, plan, Decision.APPROVED, roles=("admin",)))).type == "NotAllowed"
    result = await ended(running)
    assert result.stage is Stage.NOT_DELIVERED
    assert result.reason == "time-out did not approve the plan: nobody decided before the deadline"
    kinds = [kind for kind in objectives.kinds(running) if kind.startswith("approval.")]
    assert kinds == ["approval.requested", "approval.reminded", "approval.escalated", "approval.expired"]
    [row] = rows(objectives, running)
    assert (row.state, row.escalated) == ("expired", True)


async def test_after_escalation_more_people_may_decide(objectives: Objectives) -> None:
    policy = ApprovalPolicy(deciders=("eva",), remind_after=None, escalate_after=1, escalate_to=("role:admin",))
    running = await objectives.start(ONE, mode=Mode.MANUAL, approvals=policy)
    plan = await objectives.waiting(running, Subject.PLAN)
    await until(lambda: "approval.escalated" in objectives.kinds(running))
    await objectives.decide(running, plan, Decision.REJECTED, by="root", roles=("admin",), feedback="no")
    assert (await ended(running)).reason == "root did not approve the plan: no"


async def test_a_policy_may_say_that_silence_approves(objectives: Objectives) -> None:
    policy = ApprovalPolicy(remind_after=None, escalate_after=None, deadline=1, on_timeout=OnTimeout.APPROVE)
    running = await objectives.start(ONE, mode=Mode.MANUAL, approvals=policy)
    assert (await ended(running)).stage is Stage.DELIVERED
    assert [row.state for row in rows(objectives, running)] == ["expired", "expired"]


async def test_of_a_cancelled_objective_nothing_waits_any_more(objectives: Objectives) -> None:
    running = await objectives.start(ONE, mode=Mode.MANUAL)
    await objectives.waiting(running, Subject.PLAN)
    await running.cancel()
    await until(lambda: "objective.cancelled" in objectives.kinds(running))
    assert [row.state for row in rows(objectives, running)] == ["withdrawn"]


async def test_signals_with_garbage_are_noticed_also_those_that_postgres_could_not_keep(
    objectives: Objectives,
) -> None:
    running = await objectives.start(ONE, mode=Mode.MANUAL)
    plan = await objectives.waiting(running, Subject.PLAN)
    for garbage in ("nonsense", 7, ["a"], {"approval": plan.id}, {"approval": plan.id, "decision": "maybe", "by": "x"}):
        await running.signal("verdict", garbage)
    await running.signal("verdict", {"approval": "\x00", "decision": "approved", "by": "\x00"})
    await running.signal("pause", None)
    await running.signal("retry_task", {"by": "ana", "task": "no-such"})
    await running.signal("skip_task", {"by": "ana"})
    await running.signal("\x00", {})
    await until(lambda: objectives.kinds(running).count("signal.ignored") == 10)
    decision = {"approval": plan.id, "decision": "rejected", "by": "ana", "feedback": "a\x00b"}
    await running.signal("verdict", decision)
    assert (await ended(running)).reason == "ana did not approve the plan: a\ufffdb"


async def test_in_auto_mode_a_person_is_asked_before_what_cannot_be_undone(objectives: Objectives) -> None:
    Publish.published.clear()
    running = await objectives.start(PUBLISH)
    step = await objectives.waiting(running, Subject.STEP, "a")
    assert (step.step_id, step.text) == ("step-1", "step 1 of the task 'A', which is irreversible")
    assert Publish.published == []
    await objectives.decide(running, step, Decision.APPROVED)
    assert (await ended(running)).stage is Stage.DELIVERED
    assert Publish.published == ["c"]


async def test_a_step_that_is_denied_is_not_done(objectives: Objectives) -> None:
    Publish.published.clear()
    running = await objectives.start(PUBLISH)
    step = await objectives.waiting(running, Subject.STEP, "a")
    await objectives.decide(running, step, Decision.REJECTED, feedback="not today")
    for n in (2, 3):
        again = await objectives.waiting(running, Subject.STEP, "a")
        assert again.attempt == n
        await objectives.decide(running, again, Decision.REJECTED, feedback=f"not today {n}")
    result = await ended(running)
    assert "ana did not allow step 1: not today 3" in result.missing[0].reason
    assert Publish.published == []


async def test_where_the_policy_does_not_say_so_nobody_is_asked(objectives: Objectives) -> None:
    Publish.published.clear()
    running = await objectives.start(PUBLISH, approvals=ApprovalPolicy(ask_when=()))
    assert (await ended(running)).stage is Stage.DELIVERED
    assert Publish.published == ["c"]


async def test_each_task_waits_for_a_person_where_they_chose_so(objectives: Objectives) -> None:
    running = await objectives.start(ONE, mode=Mode.MANUAL, oversight=Oversight.TASK)
    await objectives.approve(running, Subject.PLAN)
    first = await objectives.waiting(running, Subject.TASK, "a")
    await objectives.decide(running, first, Decision.REVISE, feedback="once more")
    second = await objectives.waiting(running, Subject.TASK, "a")
    assert (first.attempt, second.attempt) == (1, 2)
    await objectives.decide(running, second, Decision.APPROVED)
    await objectives.approve(running, Subject.RESULT)
    assert (await ended(running)).stage is Stage.DELIVERED


async def test_a_task_that_a_person_rejects_ends_there_and_they_say_how_to_go_on(objectives: Objectives) -> None:
    running = await objectives.start(ONE, mode=Mode.MANUAL, oversight=Oversight.TASK)
    await objectives.approve(running, Subject.PLAN)
    task = await objectives.waiting(running, Subject.TASK, "a")
    await objectives.decide(running, task, Decision.REJECTED, feedback="wrong way")
    on = await objectives.waiting(running, Subject.EXHAUSTED)
    assert "1 of 1 tasks are not approved (a)" in on.text
    await objectives.decide(running, on, Decision.REJECTED, feedback="leave it")
    result = await ended(running)
    assert result.stage is Stage.NOT_DELIVERED
    assert result.reason == "1 of 1 tasks are not approved; ana did not want to go on: leave it"


async def test_attempts_that_are_used_up_go_to_a_person_where_the_policy_says_so(objectives: Objectives) -> None:
    tasks = """
tasks:
  - {id: a, title: A, review: {max_attempts: 1},
     steps: [{tool: fake.write, with: {name: a.txt, content: "{{ feedback or 'draft' }}"}}],
     checks: [{check: text.says, with: {artifact: a.txt, contains: [final]}}], deliverables: [a.txt]}
  - {id: b, title: B, needs: [a], steps: [{tool: fake.noop}]}
  - {id: c, title: C, steps: [{tool: fake.noop}]}
"""
    policy = ApprovalPolicy(ask_when=(AskWhen.EXHAUSTED,))
    running = await objectives.start(tasks, approvals=policy)
    on = await objectives.waiting(running, Subject.EXHAUSTED)
    await objectives.decide(running, on, Decision.REVISE, feedback="final")
    result = await ended(running)
    assert result.stage is Stage.DELIVERED, result.reason
    done = [row.task_id for row in objectives.journal(running) if row.kind == "step.finished"]
    assert sorted(done) == ["a", "a", "b", "c"]  # c, which was finished, was not done again


async def test_a_signal_of_a_reviewer_on_the_attempt_answers_what_waits_for_it(objectives: Objectives) -> None:
    running = await objectives.start(ONE, mode=Mode.MANUAL, oversight=Oversight.TASK)
    await objectives.approve(running, Subject.PLAN)
    await objectives.waiting(running, Subject.TASK, "a")
    verdict = TaskVerdict(attempt=1, decision=Decision.APPROVED, by="eva")
    await objectives.task(running, "a").signal("verdict", verdict)
    await objectives.approve(running, Subject.RESULT)
    assert (await ended(running)).stage is Stage.DELIVERED
    assert [row.state for row in rows(objectives, running)] == ["approved"] * 3
