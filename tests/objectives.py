"""Starts objectives of hand-written playbooks and looks at what became of them."""

import asyncio
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from activities.store import journal
from activities.store.artifacts import ArtifactStore
from activities.store.journal import JournalRow
from activities.store.objectives import ObjectiveStore
from workflows.domain.approval import Approval, ApprovalDecision, DecisionReceipt
from workflows.domain.control import Action, Control, ControlReceipt, PlanReceipt, PlanRevision
from workflows.domain.naming import WORKFLOW_QUEUE, objective_workflow_id, task_workflow_id
from workflows.domain.objective import Mode, Objective, ObjectiveResult
from workflows.domain.order import ObjectiveOrder
from workflows.domain.outcome import TaskOutcome
from workflows.domain.verdict import Decision, Subject
from workflows.objective import ObjectiveWorkflow

Running = WorkflowHandle[ObjectiveWorkflow, ObjectiveResult]
_ids = count(1)


class Objectives:
    def __init__(self, client: Client, engine: Engine, folder: Path) -> None:
        self.client = client
        self.engine = engine
        self.folder = folder
        self.artifacts = ArtifactStore(engine, folder)

    async def start(self, tasks: str, *, mode: Mode = Mode.AUTO, max_parallel: int = 8, **fields: Any) -> Running:
        """`tasks` is the YAML of a playbook from `tasks:` on."""
        text = "name: test\nversion: 1.0.0\ndescription: a test\n" + tasks
        objective = Objective(
            id=f"test-{next(_ids)}-{uuid4().hex[:8]}",
            text="A test",
            playbook=self.artifacts.put("test.yaml", text.encode(), "application/yaml"),
            mode=mode,
            max_parallel=max_parallel,
            **fields,
        )
        return await self.client.start_workflow(
            ObjectiveWorkflow.run,
            ObjectiveOrder(objective=objective),
            id=objective_workflow_id(objective.id),
            task_queue=WORKFLOW_QUEUE,
        )

    async def ask(self, text: str = "A test", *, files: Mapping[str, bytes] | None = None, **fields: Any) -> Running:
        """An objective that a model plans."""
        given = {"files": tuple(self.artifacts.put(name, data, "text/plain") for name, data in (files or {}).items())}
        objective = Objective.model_validate(
            {"id": f"test-{next(_ids)}-{uuid4().hex[:8]}", "text": text, **given, **fields}
        )
        return await self.client.start_workflow(
            ObjectiveWorkflow.run,
            ObjectiveOrder(objective=objective),
            id=objective_workflow_id(objective.id),
            task_queue=WORKFLOW_QUEUE,
        )

    async def run(self, tasks: str) -> tuple[ObjectiveResult, list[JournalRow]]:
        running = await self.start(tasks)
        result = await asyncio.wait_for(running.result(), 60)
        return result, self.journal(running)

    def id_of(self, running: Running) -> str:
        return running.id.removeprefix("objective/")

    async def waiting(self, running: Running, subject: Subject, task_id: str = "") -> Approval:
        """The approval on this subject that waits now or soon."""
        handle = self.task(running, task_id) if task_id else running
        async with asyncio.timeout(30):
            while True:
                for found in await self._pending(handle):
                    if found.subject is subject:
                        return found
                await asyncio.sleep(0.05)

    async def _pending(self, handle: WorkflowHandle[Any, Any]) -> list[Approval]:
        try:
            found: list[Approval] = await handle.query("pending", result_type=list[Approval])
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return []  # a task that has not begun
        return found

    async def decide(self, running: Running, approval: Approval, decision: Decision, **fields: Any) -> DecisionReceipt:
        handle = self.task(running, approval.task_id) if approval.task_id else running
        made = ApprovalDecision(approval=approval.id, decision=decision, by=fields.pop("by", "ana"), **fields)
        receipt: DecisionReceipt = await handle.execute_update("decide", made, result_type=DecisionReceipt)
        return receipt

    async def approve(self, running: Running, subject: Subject, task_id: str = "", **fields: Any) -> Approval:
        """Waits until it is asked, and approves it."""
        approval = await self.waiting(running, subject, task_id)
        await self.decide(running, approval, Decision.APPROVED, **fields)
        return approval

    async def control(self, running: Running, action: Action, **fields: Any) -> None:
        order = Control(action=action, by=fields.pop("by", "ana"), **fields)
        await running.execute_update("control", order, result_type=ControlReceipt)

    async def revise(self, running: Running, text: str, *, add: bool = False, replaces: str = "") -> PlanReceipt:
        """Puts this YAML in the place of the plan."""
        present = replaces or self.plan(running)
        ref = self.artifacts.put("plan.yaml", text.encode(), "application/yaml")
        revision = PlanRevision(revision=ref, replaces=present, by="ana", add=add)
        receipt: PlanReceipt = await running.execute_update("revise_plan", revision, result_type=PlanReceipt)
        return receipt

    def plan(self, running: Running) -> str:
        """SHA-256 of the plan that counts."""
        row = ObjectiveStore(self.engine).get(self.id_of(running))
        assert row is not None
        assert row.plan is not None
        return row.plan

    def journal(self, running: Running) -> list[JournalRow]:
        with self.engine.connect() as connection:
            return list(journal.read(connection, running.id.removeprefix("objective/")))

    def kinds(self, running: Running) -> list[str]:
        return [row.kind for row in self.journal(running)]

    def task(self, running: Running, task_id: str) -> WorkflowHandle[object, TaskOutcome]:
        workflow_id = task_workflow_id(running.id.removeprefix("objective/"), task_id)
        return self.client.get_workflow_handle(workflow_id, result_type=TaskOutcome)

    def read(self, result: ObjectiveResult, name: str) -> str:
        [ref] = [ref for ref in result.deliverables if ref.name == name]
        return self.artifacts.read(ref.sha256).decode()


async def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Waits until `condition()` holds; fails after `seconds`."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in a database or another process
            await asyncio.sleep(0.02)
