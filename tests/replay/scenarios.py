"""What the recorded histories tell: each way that an objective and its tasks can go."""

from temporalio.client import WorkflowFailureError

from tests.fakes.checks import Slow
from tests.fakes.tools import Flaky, Nap
from tests.objectives import Objectives, Running, until
from workflows.domain.objective import Mode, Stage
from workflows.domain.verdict import Decision, ObjectiveVerdict, Subject, TaskVerdict

DELIVERED = """
tasks:
  - id: "write-{{ n }}"
    title: Write
    for_each: {n: [1, 2]}
    steps:
      - {tool: fake.write, with: {name: "{{ n }}.txt", content: "{{ 'final' if feedback else 'draft' }}"}}
      - {tool: fake.noop}
    checks: [{check: text.says, with: {artifact: "{{ n }}.txt", excludes: [draft]}}]
    deliverables: ["{{ n }}.txt"]
  - {id: end, title: End, needs: ["write-*"], steps: [{tool: fake.flaky}]}
"""
NOT_DELIVERED = """
tasks:
  - {id: bad, title: Bad, steps: [{tool: fake.fail, with: {message: "no"}}]}
  - {id: after, title: After, needs: [bad], steps: [{tool: fake.noop}]}
"""


async def delivered_after_rework(objectives: Objectives) -> Running:
    Flaky.tries = 0
    running = await objectives.start(DELIVERED)
    assert (await running.result()).stage is Stage.DELIVERED
    return running


async def not_delivered(objectives: Objectives) -> Running:
    running = await objectives.start(NOT_DELIVERED)
    assert (await running.result()).stage is Stage.NOT_DELIVERED
    return running


async def no_plan(objectives: Objectives) -> Running:
    running = await objectives.start("tasks: []")
    assert (await running.result()).stage is Stage.NOT_DELIVERED
    return running


async def approved_by_hand(objectives: Objectives) -> Running:
    running = await objectives.start("tasks: [{id: a, title: A, steps: [{tool: fake.noop}]}]", mode=Mode.MANUAL)
    await until(lambda: "approval.requested" in objectives.kinds(running))
    await running.signal("verdict")
    await until(lambda: "signal.ignored" in objectives.kinds(running))
    await running.signal("verdict", ObjectiveVerdict(subject=Subject.PLAN, decision=Decision.APPROVED, by="ana"))
    await until(lambda: objectives.kinds(running).count("approval.requested") == 2)
    await running.signal("verdict", ObjectiveVerdict(subject=Subject.RESULT, decision=Decision.APPROVED, by="ana"))
    assert (await running.result()).stage is Stage.DELIVERED
    return running


async def task_judged_by_hand(objectives: Objectives) -> Running:
    Slow.begun.clear()
    running = await objectives.start(
        "tasks: [{id: a, title: A, steps: [{tool: fake.noop}], checks: [{check: fake.slow}]}]"
    )
    await until(Slow.begun.is_set)
    await objectives.task(running, "a").signal("verdict", TaskVerdict(attempt=1, decision=Decision.APPROVED, by="ana"))
    assert (await running.result()).stage is Stage.DELIVERED
    return running


async def cancelled(objectives: Objectives) -> Running:
    Nap.begun = 0
    running = await objectives.start("tasks: [{id: a, title: A, steps: [{tool: fake.nap, with: {seconds: 60}}]}]")
    await until(lambda: Nap.begun == 1)
    await running.cancel()
    try:
        await running.result()
    except WorkflowFailureError:
        return running
    raise AssertionError("a cancelled objective must not end as completed")


SCENARIOS = (delivered_after_rework, not_delivered, no_plan, approved_by_hand, task_judged_by_hand, cancelled)
