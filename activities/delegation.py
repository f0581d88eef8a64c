"""Tasks that are objectives of their own: asked for under an id that derives from the task's, and taken over."""

from hashlib import sha256

from sqlalchemy import Engine
from temporalio import activity
from typing_extensions import override

from activities.desk import Desk
from activities.failures import as_failure
from activities.store import journal
from activities.store.journal import Entry
from activities.store.objectives import ObjectiveStore
from activities.store.work import SUBMIT, StepRun
from activities.threads import Threads
from activities.tools.tool import ToolError
from activities.turns.control import Handoff
from activities.turns.worker import HOST
from workflows.domain.objective import MAX_DEPTH, Mode, Objective
from workflows.domain.plan import Plan, Task
from workflows.ports.delegation import Delegation, DelegationRequest


class StoreDelegation(Delegation):
    def __init__(
        self, engine: Engine, desk: Desk, objectives: ObjectiveStore, threads: Threads, *, host: str = HOST
    ) -> None:
        self._engine = engine
        self._desk = desk
        self._objectives = objectives
        self._threads = threads
        self._host = host

    @override
    @activity.defn
    async def delegate(self, request: DelegationRequest) -> Objective:
        try:
            return await self._threads.run(lambda: self._delegate(request))
        except Exception as error:
            raise as_failure(error) from error

    @override
    @activity.defn
    async def adopt(self, request: DelegationRequest) -> None:
        try:
            await self._threads.run(lambda: self._adopt(request))
        except Exception as error:
            raise as_failure(error) from error

    def _delegate(self, request: DelegationRequest) -> Objective:
        plan, parent = self._desk.plan(request.plan), self._desk.objective(request.objective_id)
        task = plan.task(request.task_id)
        assert task.brief is not None
        if parent.depth >= MAX_DEPTH:
            raise ToolError(f"objectives may not nest deeper than {MAX_DEPTH}")
        child = Objective(
            id=_child_id(request),
            text=_text(task, request.feedback),
            files=self._desk.work.visible(parent.id, plan.needs_of(task.id), task.id, request.attempt),
            mode=Mode.AUTO,
            approvals=parent.approvals,
            notify=parent.notify,
            tenant=parent.tenant,
            asked_by=f"objective {parent.id}",
            max_parallel=parent.max_parallel,
            budget=task.budget,
            worker_budget=parent.worker_budget,
            on_limit=parent.on_limit,
            max_replans=parent.max_replans,
            parent=parent.id,
            depth=parent.depth + 1,
        )
        self._objectives.open(child)
        self._note(request, child)
        return child

    def _note(self, request: DelegationRequest, child: Objective) -> None:
        entry = Entry(
            objective_id=request.objective_id,
            kind="task.delegated",
            actor="workflow",
            task_id=request.task_id,
            attempt=request.attempt,
            text=child.id,
            once=f"delegated:{request.task_id}:{request.attempt}",
        )
        with self._engine.begin() as connection:
            journal.append(connection, entry)

    def _adopt(self, request: DelegationRequest) -> None:
        plan = self._desk.plan(request.plan)
        run = self._run(request, plan)
        if self._desk.work.begin(run, "take over") is not None:
            return
        row = self._objectives.get(_child_id(request))
        delivered = row.result.deliverables if row and row.result else ()
        names = [ref.name for ref in delivered]
        handoff = Handoff(
            summary=f"An objective of its own delivered {', '.join(names) or 'nothing'}."[:2000],
            artifacts=names,
            open_questions=[],
        )
        summary = f"took over {len(delivered)} artifacts"
        self._desk.work.finish(run, "take over", summary, delivered, output=handoff.model_dump_json())

    def _run(self, request: DelegationRequest, plan: Plan) -> StepRun:
        return StepRun(
            objective_id=plan.objective_id,
            task_id=request.task_id,
            attempt=request.attempt,
            step_id="adopt",
            tool=SUBMIT,
            host=self._host,
        )


def _child_id(request: DelegationRequest) -> str:
    """Short enough at any depth, and the same for the same attempt at the same task."""
    digest = sha256(f"{request.objective_id}/{request.task_id}/{request.attempt}".encode()).hexdigest()[:10]
    return f"{request.objective_id[:40].rstrip('-')}-{digest}"


def _text(task: Task, feedback: str) -> str:
    """The last line names what the parent's checks will look for."""
    assert task.brief is not None
    promised = f"\n\nDeliver: {', '.join(task.deliverables)}" if task.deliverables else ""
    again = f"\n\nAn earlier attempt was not approved: {feedback[:800]}" if feedback else ""
    return f"{task.title}\n\n{task.brief.instructions}"[: 4000 - len(promised) - len(again)] + promised + again
