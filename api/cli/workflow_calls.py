"""What commands ask of Temporal: start, cancel, decide, and look after."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from api.cli.errors import DOCTOR, Stopped
from config import temporal
from workflows.domain.budget import BudgetAnswer
from workflows.domain.message import Message
from workflows.domain.model import Model
from workflows.domain.naming import WORKFLOW_QUEUE, objective_workflow_id, task_workflow_id
from workflows.domain.objective import Objective
from workflows.domain.order import ObjectiveOrder
from workflows.domain.verdict import ObjectiveVerdict, TaskVerdict

RPC_SECONDS = 15.0
T = TypeVar("T")


class WorkflowCalls:
    """Each call connects, asks and ends. Raises Stopped when Temporal cannot be reached or refuses."""

    def __init__(self, address: str, namespace: str) -> None:
        self._address = address
        self._namespace = namespace

    def start(self, objective: Objective) -> None:
        async def call(client: Client) -> None:
            await client.start_workflow(
                "ObjectiveWorkflow",
                ObjectiveOrder(objective=objective),
                id=objective_workflow_id(objective.id),
                task_queue=WORKFLOW_QUEUE,
                static_summary=objective.text[:200],
                static_details=_details(objective),
            )

        self._call(call)

    def cancel(self, objective_id: str) -> None:
        async def call(client: Client) -> None:
            await client.get_workflow_handle(objective_workflow_id(objective_id)).cancel()

        self._call(call)

    def pending(self, objective_id: str) -> tuple[str, ...]:
        """What of this objective itself waits for a person: `plan`, `result` or `budget`."""

        async def call(client: Client) -> list[str]:
            handle = client.get_workflow_handle(objective_workflow_id(objective_id))
            found: list[str] = await handle.query("pending", result_type=list[str])
            return found

        return tuple(self._call(call))

    def decide(self, objective_id: str, verdict: ObjectiveVerdict) -> None:
        self._signal(objective_workflow_id(objective_id), "verdict", verdict)

    def decide_task(self, objective_id: str, task_id: str, verdict: TaskVerdict) -> None:
        self._signal(task_workflow_id(objective_id, task_id), "verdict", verdict)

    def answer_budget(self, objective_id: str, task_id: str, answer: BudgetAnswer) -> None:
        """To the workflow that asked: a task's, or without a task the objective's own."""
        asker = task_workflow_id(objective_id, task_id) if task_id else objective_workflow_id(objective_id)
        self._signal(asker, "budget", answer)

    def tell(self, objective_id: str, task_id: str, message: Message) -> None:
        self._signal(task_workflow_id(objective_id, task_id), "message", message)

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

    def _signal(self, workflow_id: str, name: str, content: Model) -> None:
        async def call(client: Client) -> None:
            await client.get_workflow_handle(workflow_id).signal(name, content)

        self._call(call)

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


def _details(objective: Objective) -> str:
    files = ", ".join(file.name for file in objective.files) or "none"
    return f"Asked by {objective.asked_by}. Files: {files}. {_planned_by(objective)}."


def _planned_by(objective: Objective) -> str:
    return f"Playbook: {objective.playbook.name}" if objective.playbook else "Planned by a model"
