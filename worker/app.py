"""Builds the host: which queues it polls, with which workflows and activities."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from types import TracebackType
from typing import Self

from temporalio.client import Client
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import SandboxImportNotificationPolicy as Imports

from workflows.domain.naming import WORKFLOW_QUEUE
from workflows.notify import NotifyWorkflow
from workflows.objective import ObjectiveWorkflow
from workflows.task import TaskWorkflow

WORKFLOWS = (ObjectiveWorkflow, TaskWorkflow, NotifyWorkflow)
SHARED_WITH_SANDBOX = ("workflows.domain", "workflows.ports")


def workflow_runner() -> SandboxedWorkflowRunner:
    """The sandbox shares our models and ports and nothing else of ours; a forgotten import is an error at start."""
    restrictions = SandboxRestrictions.default.with_passthrough_modules(
        *SHARED_WITH_SANDBOX
    ).with_import_notification_policy(Imports.RAISE_ON_UNINTENTIONAL_PASSTHROUGH | Imports.WARN_ON_DYNAMIC_IMPORT)
    return SandboxedWorkflowRunner(restrictions=restrictions)


class Host:
    """One process's Temporal workers: the workflows', and one per queue of `activities`. An async context manager."""

    def __init__(
        self,
        client: Client,
        activities: Mapping[str, Sequence[Callable[..., object]]],
        *,
        close: Callable[[], Awaitable[None]] | None = None,
        max_concurrent_steps: int = 8,
        grace: timedelta = timedelta(seconds=5),
    ) -> None:
        self._workers = [
            Worker(
                client,
                task_queue=WORKFLOW_QUEUE,
                workflows=WORKFLOWS,
                workflow_runner=workflow_runner(),
                graceful_shutdown_timeout=grace,
            ),
            *(self._of(queue, client, here, max_concurrent_steps, grace) for queue, here in activities.items()),
        ]
        self._running = AsyncExitStack()
        self._close = close

    async def __aenter__(self) -> Self:
        for worker in self._workers:
            await self._running.enter_async_context(worker)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._running.aclose()
        if self._close is not None:
            await self._close()

    @staticmethod
    def _of(
        queue: str, client: Client, activities: Sequence[Callable[..., object]], slots: int, grace: timedelta
    ) -> Worker:
        return Worker(
            client,
            task_queue=queue,
            activities=activities,
            max_concurrent_activities=slots,
            graceful_shutdown_timeout=grace,
            # A step learns of its cancellation with a heartbeat; the default would hold beats back for 16 s.
            max_heartbeat_throttle_interval=timedelta(seconds=2),
            default_heartbeat_throttle_interval=timedelta(seconds=2),
        )
