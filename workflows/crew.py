"""The task workflows that run for an objective."""

import asyncio
from collections.abc import Iterable

from temporalio import workflow
from temporalio.exceptions import ChildWorkflowError, FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from workflows.domain.model import Model
    from workflows.domain.naming import task_workflow_id
    from workflows.domain.order import Supervision, TaskOrder
    from workflows.domain.outcome import TaskOutcome, TaskState
    from workflows.domain.plan import TaskOutline
    from workflows.failures import reason_of
    from workflows.task import TaskWorkflow

Handle = workflow.ChildWorkflowHandle[TaskWorkflow, TaskOutcome]


class Crew:
    """Starts them, passes on what people want of them, and collects how they end."""

    def __init__(self) -> None:
        self._work: dict[str, asyncio.Task[None]] = {}
        self._handles: dict[str, Handle] = {}
        self._ended: list[TaskOutcome] = []
        self._supervision: Supervision | None = None

    def __len__(self) -> int:
        return len(self._work)

    @property
    def has_news(self) -> bool:
        return bool(self._ended)

    def start(self, order: TaskOrder, task: TaskOutline) -> None:
        self._work[task.id] = asyncio.create_task(self._run(order, task))

    def news(self) -> list[TaskOutcome]:
        """How those ended that ended since the last time."""
        ended, self._ended = self._ended, []
        return ended

    def cancel(self, task_id: str) -> None:
        work = self._work.get(task_id)
        if work is not None:
            work.cancel()

    async def cancel_all(self) -> None:
        work = list(self._work.values())
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)

    async def supervise(self, supervision: Supervision) -> None:
        """How closely to follow, for those that run and those that start just now."""
        self._supervision = supervision
        await self.tell(list(self._handles), "supervise", supervision)

    async def tell(self, task_ids: Iterable[str], signal: str, content: Model) -> None:
        for task_id in task_ids:
            handle = await self._handle(task_id)
            if handle is None:
                continue
            try:
                await handle.signal(signal, content)
            except FailureError:
                continue  # it ended meanwhile

    async def _handle(self, task_id: str) -> Handle | None:
        """Of one that is just being started, once it is; None: it is over."""
        await workflow.wait_condition(lambda: task_id in self._handles or task_id not in self._work)
        return self._handles.get(task_id)

    async def _run(self, order: TaskOrder, task: TaskOutline) -> None:
        try:
            outcome = await self._outcome(order, task)
        except ChildWorkflowError as error:
            state = TaskState.CANCELLED if is_cancelled_exception(error) else TaskState.FAILED
            outcome = TaskOutcome(
                task_id=task.id, state=state, attempt=order.carried.attempt, reason=reason_of(error)[:600]
            )
        except asyncio.CancelledError:
            outcome = TaskOutcome(
                task_id=task.id, state=TaskState.CANCELLED, attempt=order.carried.attempt, reason="cancelled"
            )
        finally:
            self._handles.pop(task.id, None)
            self._work.pop(task.id, None)
        self._ended.append(outcome)

    async def _outcome(self, order: TaskOrder, task: TaskOutline) -> TaskOutcome:
        handle: Handle = await workflow.start_child_workflow(
            TaskWorkflow.run,
            order,
            id=task_workflow_id(order.objective_id, task.id),
            static_summary=task.title,
            static_details=f"Capability: {task.capability}. Needs: {', '.join(task.needs) or 'nothing'}."[:400],
            parent_close_policy=workflow.ParentClosePolicy.REQUEST_CANCEL,
        )
        self._handles[task.id] = handle
        if self._supervision is not None and self._supervision != order.supervision:
            await self.tell([task.id], "supervise", self._supervision)
        return await handle
