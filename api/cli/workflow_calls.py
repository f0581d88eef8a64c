"""What commands ask of Temporal beside what the services do: start, cancel, and look after."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from api.cli.errors import DOCTOR, Stopped
from api.services.starting import start
from config import temporal
from workflows.domain.naming import WORKFLOW_QUEUE, objective_workflow_id
from workflows.domain.objective import Objective

RPC_SECONDS = 15.0
T = TypeVar("T")


class WorkflowCalls:
    """Each call connects, asks and ends. Raises Stopped when Temporal cannot be reached or refuses."""

    def __init__(self, address: str, namespace: str) -> None:
        self._address = address
        self._namespace = namespace

    def start(self, objective: Objective) -> None:
        self._call(lambda client: start(client, objective))

    def cancel(self, objective_id: str) -> None:
        async def call(client: Client) -> None:
            await client.get_workflow_handle(objective_workflow_id(objective_id)).cancel()

        self._call(call)

    def closed_as(self, objective_id: str) -> str | None:
        """How Temporal closed the workflow; None while it runs or when Temporal cannot be asked now."""

        async def call(client: Client) -> WorkflowExecutionStatus | None:
            return (await client.get_workflow_handle(objective_workflow_id(objective_id)).describe()).status

        try:
            status = self._call(call)
        except Stopped:
            return None
        if status in (None, WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.CONTINUED_AS_NEW):
            return None
        return status.name.lower()

    def host_polls(self) -> bool:
        """Whether any host takes workflows; asked only of a Temporal that is not ours to fill."""

        async def call(client: Client) -> bool:
            request = DescribeTaskQueueRequest(
                namespace=client.namespace,
                task_queue=TaskQueue(name=WORKFLOW_QUEUE),
                task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
            )
            return bool((await client.workflow_service.describe_task_queue(request)).pollers)

        return self._call(call)

    def _call(self, call: Callable[[Client], Awaitable[T]]) -> T:
        async def connected() -> T:
            async with asyncio.timeout(RPC_SECONDS):
                return await call(await temporal.connect(self._address, self._namespace))

        try:
            return asyncio.run(connected())
        except (TimeoutError, RuntimeError) as error:
            raise Stopped(
                [f"Temporal does not answer at {self._address}: {error or 'no answer in time'}", DOCTOR]
            ) from error
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise Stopped(["nothing of this runs in Temporal now: it has not begun, or it has ended"]) from error
            raise Stopped([f"Temporal at {self._address} refused: {error.message}", DOCTOR]) from error
