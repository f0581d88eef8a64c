"""What a command works with: where the stack is, the stores, and Temporal."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import quote

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.store import database
from activities.store.artifacts import ArtifactStore
from activities.store.objectives import ObjectiveRow, ObjectiveStore
from api.cli.errors import BadInput, Stopped
from config import temporal
from config.settings import Settings
from worker.embedded import stack
from worker.embedded.stack import Addresses
from worker.wiring import artifact_store
from workflows.domain.naming import WORKFLOW_QUEUE, objective_workflow_id
from workflows.domain.objective import Objective
from workflows.domain.order import ObjectiveOrder
from workflows.domain.verdict import ObjectiveVerdict

RPC_SECONDS = 15.0
DOCTOR = "`botted doctor` says what is wrong and what to do"

T = TypeVar("T")


class Session:
    """Open as long as a command runs; while it is, the embedded stack stays up."""

    def __init__(self, addresses: Addresses, engine: Engine, settings: Settings) -> None:
        self.addresses = addresses
        self.engine = engine
        self.settings = settings
        self.objectives = ObjectiveStore(engine)
        self.artifacts: ArtifactStore = artifact_store(engine, settings.folder)

    def objective(self, asked: str) -> ObjectiveRow:
        """By id, or by the beginning of one. Raises BadInput."""
        row = self.objectives.get(asked)
        if row is not None:
            return row
        match self.objectives.like(asked):
            case [sole]:
                found = self.objectives.get(sole)
                assert found is not None
                return found
            case []:
                raise BadInput(f"there is no objective {asked!r}; `botted list` shows those that there are")
            case several:
                raise BadInput(f"{asked!r} fits more than one objective: {', '.join(several)}")

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

        self.objectives.open(objective)
        self._temporal(call)

    def cancel(self, objective_id: str) -> None:
        async def call(client: Client) -> None:
            await client.get_workflow_handle(objective_workflow_id(objective_id)).cancel()

        self._temporal(call)

    def pending(self, objective_id: str) -> tuple[str, ...]:
        """What of this objective waits for a person: `plan` or `result`."""

        async def call(client: Client) -> list[str]:
            handle = client.get_workflow_handle(objective_workflow_id(objective_id))
            found: list[str] = await handle.query("pending", result_type=list[str])
            return found

        return tuple(self._temporal(call))

    def decide(self, objective_id: str, verdict: ObjectiveVerdict) -> None:
        async def call(client: Client) -> None:
            await client.get_workflow_handle(objective_workflow_id(objective_id)).signal("verdict", verdict)

        self._temporal(call)

    def closed_as(self, objective_id: str) -> str | None:
        """How Temporal closed the workflow; None while it runs or when Temporal cannot be asked now."""

        async def call(client: Client) -> WorkflowExecutionStatus | None:
            return (await client.get_workflow_handle(objective_workflow_id(objective_id)).describe()).status

        try:
            status = self._temporal(call)
        except Stopped:
            return None
        if status in (None, WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.CONTINUED_AS_NEW):
            return None
        return status.name.lower()

    def web_ui(self, objective_id: str) -> str | None:
        if self.addresses.web_ui is None:
            return None
        workflow = quote(objective_workflow_id(objective_id), safe="")
        namespace = self.addresses.temporal_namespace
        return f"{self.addresses.web_ui}/namespaces/{namespace}/workflows/{workflow}"

    def host_polls(self) -> bool:
        """Whether any host takes workflows; asked only of a Temporal that is not ours to fill."""

        async def call(client: Client) -> bool:
            request = DescribeTaskQueueRequest(
                namespace=client.namespace,
                task_queue=TaskQueue(name=WORKFLOW_QUEUE),
                task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
            )
            return bool((await client.workflow_service.describe_task_queue(request)).pollers)

        return self._temporal(call)

    def _temporal(self, call: Callable[[Client], Awaitable[T]]) -> T:
        """Raises Stopped when Temporal cannot be reached or refuses."""
        address = self.addresses.temporal_address

        async def connected() -> T:
            async with asyncio.timeout(RPC_SECONDS):
                client = await temporal.connect(address, self.addresses.temporal_namespace)
                return await call(client)

        try:
            return asyncio.run(connected())
        except (TimeoutError, RuntimeError) as error:
            raise Stopped([f"Temporal does not answer at {address}: {error or 'no answer in time'}", DOCTOR]) from error
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise Stopped(["Temporal knows no such running objective; it may have ended"]) from error
            raise Stopped([f"Temporal at {address} refused: {error.message}", DOCTOR]) from error


@contextmanager
def open_session(settings: Settings, report: Callable[[str], None]) -> Iterator[Session]:
    """Finds or starts the stack. Raises Stopped with what to do when that fails."""
    with stack.lease(settings):
        try:
            addresses = stack.ensure(settings, report=report)
        except stack.StackError as error:
            raise Stopped(str(error).splitlines()) from error
        engine = database.connect(addresses.database_url, pool_size=3)
        try:
            yield Session(addresses, engine, settings)
        except OperationalError as error:
            raise Stopped([f"Postgres does not answer: {error.orig}", DOCTOR]) from error
        finally:
            engine.dispose()


def _details(objective: Objective) -> str:
    files = ", ".join(file.name for file in objective.files) or "none"
    return f"Asked by {objective.asked_by}. Files: {files}. Playbook: {objective.playbook.name}."
