"""The same where people decide, steer and work themselves."""

import json

from tests.fakes.tools import Nap
from tests.objectives import Objectives, Running, until
from workflows.domain.approval import ApprovalPolicy, AskWhen
from workflows.domain.control import Action, Submission, SubmissionReceipt
from workflows.domain.objective import Mode, Oversight, Stage
from workflows.domain.verdict import Decision, Subject

CHAIN = """
tasks:
  - {id: a, title: A, steps: [{tool: fake.write, with: {name: a.txt, content: "a {{ attempt }}"}}],
     deliverables: [a.txt]}
  - {id: b, title: B, needs: [a], steps: [{tool: fake.noop}, {tool: fake.noop}]}
  - {id: c, title: C, steps: [{tool: fake.noop}]}
"""
FAILING = """
tasks:
  - {id: a, title: A, review: {max_attempts: 1}, steps: [{tool: fake.fail, with: {message: "no"}}]}
  - {id: b, title: B, needs: [a], steps: [{tool: fake.noop}]}
"""
NAPPING = "tasks: [{id: a, title: A, steps: [{tool: fake.nap, with: {seconds: 60}}]}]"


async def steered(objectives: Objectives) -> Running:
    """Paused, advanced, resumed, skipped, the plan edited, the mode switched, the result revised."""
    running = await objectives.start(CHAIN, mode=Mode.MANUAL)
    await objectives.waiting(running, Subject.PLAN)
    await objectives.control(running, Action.PAUSE)
    await objectives.approve(running, Subject.PLAN)
    await objectives.control(running, Action.ADVANCE)
    await objectives.control(running, Action.ADVANCE, task="a")
    await until(lambda: "step.finished" in objectives.kinds(running))
    await objectives.revise(running, CHAIN + "  - {id: d, title: D, steps: [{tool: fake.noop}]}\n")
    await objectives.control(running, Action.SKIP_TASK, task="c", text="not needed")
    await objectives.control(running, Action.SET_MODE, mode=Mode.MANUAL, oversight=Oversight.TASK)
    await objectives.control(running, Action.RESUME)
    for task_id in ("b", "d"):
        await objectives.approve(running, Subject.TASK, task_id)
    result = await objectives.waiting(running, Subject.RESULT)
    await objectives.decide(running, result, Decision.REVISE, feedback="once more", tasks=("a",))
    await objectives.control(running, Action.SET_MODE, mode=Mode.AUTO)
    assert (await running.result()).stage is Stage.DELIVERED
    return running


async def done_by_hand(objectives: Objectives) -> Running:
    Nap.begun = 0
    running = await objectives.start(NAPPING)
    await until(lambda: Nap.begun == 1)
    await objectives.control(running, Action.ASSIGN_TASK, task="a", worker="person:ana")
    await objectives.waiting(running, Subject.WORK, "a")
    submission = Submission(by="ana", summary="done")
    await objectives.task(running, "a").execute_update("submit", submission, result_type=SubmissionReceipt)
    assert (await running.result()).stage is Stage.DELIVERED
    return running


async def step_by_step(objectives: Objectives) -> Running:
    """Each step is approved, one with its input edited; nobody approves the result in time."""
    policy = ApprovalPolicy(remind_after=1, escalate_after=2, deadline=3)
    running = await objectives.start(CHAIN, mode=Mode.MANUAL, oversight=Oversight.STEP, approvals=policy)
    plan = await objectives.waiting(running, Subject.PLAN)
    await objectives.decide(running, plan, Decision.APPROVED, tasks=("a",))
    step = await objectives.waiting(running, Subject.STEP, "a")
    edited = json.dumps({"name": "a.txt", "content": "mine"}).encode()
    ref = objectives.artifacts.put("arguments.json", edited, "application/json")
    await objectives.decide(running, step, Decision.APPROVED, arguments=ref.sha256)
    await objectives.approve(running, Subject.TASK, "a")
    assert (await running.result()).stage is Stage.NOT_DELIVERED
    return running


async def gone_on_without(objectives: Objectives) -> Running:
    running = await objectives.start(FAILING, approvals=ApprovalPolicy(ask_when=(AskWhen.EXHAUSTED,)))
    await objectives.approve(running, Subject.EXHAUSTED)
    assert (await running.result()).stage is Stage.DELIVERED
    return running


async def mode_decided(objectives: Objectives) -> Running:
    running = await objectives.start(CHAIN, mode=Mode.DECIDE, prefers=Mode.AUTO)
    assert (await running.result()).stage is Stage.DELIVERED
    return running


PEOPLE_SCENARIOS = (steered, done_by_hand, step_by_step, gone_on_without, mode_decided)
