"""The yardstick: plain Temporal workflows with the same activities and children, and nothing of ours around them."""

import asyncio

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from pydantic import JsonValue

    from workflows.domain.artifact import Sha256
    from workflows.domain.model import Model
    from workflows.domain.objective import ObjectiveResult, Stage
    from workflows.domain.order import ObjectiveOrder
    from workflows.policies import BOOKKEEPING, PLANNING, REVIEW, TOOL_CALL, named
    from workflows.ports.clerk import Clerk, CloseRequest
    from workflows.ports.executor import Executor, StepRequest
    from workflows.ports.planner import OutlineRequest, Planner, PlanRequest
    from workflows.ports.reviewer import ResultReviewRequest, Reviewer, TaskReviewRequest


BARE_PEOPLE_QUEUE = "bench-bare-people"


@workflow.defn
class BareWait:
    """Does a step for each signal."""

    @workflow.init
    def __init__(self, steps: int) -> None:
        self._allowed = 0

    @workflow.run
    async def run(self, steps: int) -> None:
        for n in range(steps):
            await workflow.wait_condition(lambda n=n: self._allowed > n)  # type: ignore[misc]
            config = named(TOOL_CALL, "a step", queue=f"{BARE_PEOPLE_QUEUE}-steps")
            await workflow.execute_activity("bare_step", **config)

    @workflow.signal
    def go(self) -> None:
        self._allowed += 1


class BareTask(Model):
    objective_id: str
    plan: Sha256
    task_id: str
    steps: int


@workflow.defn
class BareChild:
    @workflow.run
    async def run(self, task: BareTask) -> None:
        for position in range(task.steps):
            request = StepRequest(
                objective_id=task.objective_id, plan=task.plan, task_id=task.task_id, attempt=1, position=position
            )
            await workflow.execute_activity_method(Executor.execute_step, request, **TOOL_CALL)
        review = TaskReviewRequest(objective_id=task.objective_id, plan=task.plan, task_id=task.task_id, attempt=1)
        await workflow.execute_activity_method(Reviewer.review_task, review, **REVIEW)

    @workflow.signal
    def verdict(self, verdict: dict[str, JsonValue]) -> None:
        pass


@workflow.defn
class BareParent:
    """Runs tasks whose needs are done as soon as they are, like the real one."""

    @workflow.run
    async def run(self, order: ObjectiveOrder) -> ObjectiveResult:
        page = await workflow.execute_activity_method(
            Planner.make_plan, PlanRequest(objective=order.objective), **PLANNING
        )
        tasks = list(page.tasks)
        while page.next_page:
            page = await workflow.execute_activity_method(
                Planner.outline, OutlineRequest(plan=page.plan, page=page.next_page), **BOOKKEEPING
            )
            tasks += page.tasks
        done: dict[str, asyncio.Event] = {task.id: asyncio.Event() for task in tasks}
        slots = asyncio.Semaphore(order.objective.max_parallel)

        async def child(task_id: str, needs: tuple[str, ...], steps: int) -> None:
            for need in needs:
                await done[need].wait()
            async with slots:
                bare = BareTask(objective_id=order.objective.id, plan=page.plan.sha256, task_id=task_id, steps=steps)
                await workflow.execute_child_workflow(
                    BareChild.run, bare, id=f"{workflow.info().workflow_id}/{task_id}"
                )
            done[task_id].set()

        await asyncio.gather(*(child(task.id, task.needs, task.steps) for task in tasks))
        review = ResultReviewRequest(objective_id=order.objective.id, plan=page.plan.sha256)
        await workflow.execute_activity_method(Reviewer.review_result, review, **REVIEW)
        close = CloseRequest(objective_id=order.objective.id, plan=page.plan.sha256, stage=Stage.DELIVERED)
        return await workflow.execute_activity_method(Clerk.close_objective, close, **BOOKKEEPING)

    @workflow.signal
    def verdict(self, verdict: dict[str, JsonValue]) -> None:
        pass
