"""Steering what runs: pausing and advancing, tasks, plans, messages, budgets, and work by hand."""

from collections.abc import Container, Iterator, Mapping, Sequence
from uuid import uuid4

from pydantic import Field
from sqlalchemy import Engine
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.playbooks.writing import to_yaml
from activities.store import approvals, database, hosts, journal
from activities.store.artifacts import ArtifactStore
from activities.store.journal import Entry
from activities.store.ledger import Scope, set_limits
from activities.store.objectives import ObjectiveRow, ObjectiveStore
from activities.store.uploads import UploadStore
from api.auth.principal import Principal, Right
from api.errors import Conflict, Forbidden, Invalid, NotFound
from api.services.updates import update
from api.services.view import ObjectiveView
from workflows.domain.approval import ApprovalDecision, DecisionReceipt
from workflows.domain.artifact import ArtifactRef
from workflows.domain.budget import Budget
from workflows.domain.control import (
    PERSON,
    Action,
    Control,
    ControlReceipt,
    PlanReceipt,
    PlanRevision,
    Submission,
    SubmissionReceipt,
)
from workflows.domain.message import Message
from workflows.domain.model import Model
from workflows.domain.naming import Role, objective_workflow_id, task_workflow_id
from workflows.domain.objective import Mode, Objective, Oversight
from workflows.domain.outcome import TaskState
from workflows.domain.plan import Plan
from workflows.domain.text import Said
from workflows.domain.verdict import MAX_FEEDBACK, Decision, Subject

MOST_PLAN = 1_000_000
"""Characters of a plan's YAML."""
_OVER = (TaskState.APPROVED, TaskState.REJECTED, TaskState.FAILED, TaskState.BLOCKED, TaskState.CANCELLED)


class TaskOrder(Model):
    """Which task, and why or how."""

    task: str = Field(min_length=1, max_length=60)
    text: Said = Field("", max_length=MAX_FEEDBACK, description="instructions, or the reason")


class Assignment(Model):
    task: str = Field(min_length=1, max_length=60)
    worker: Said = Field(
        min_length=1, max_length=120, description="a model profile, or person:NAME", examples=["person:ana"]
    )


class Advance(Model):
    task: str = Field("", max_length=60, description="which task takes a step; none: whatever is next")


class ModeChange(Model):
    mode: Mode = Field(description="auto or manual")
    oversight: Oversight | None = Field(None, description="in manual mode; none: as before")


class NewPlan(Model):
    """A plan by hand: YAML as `GET …/plan` gives it with `Accept: application/yaml`."""

    plan: str = Field(min_length=1, max_length=MOST_PLAN)
    replaces: str = Field(
        pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the plan that it was made from, as `GET …/plan` gives it"
    )


class AddedTasks(Model):
    tasks: str = Field(min_length=1, max_length=MOST_PLAN, description="YAML: `tasks:` and a list, as in a playbook")


class NewMessage(Model):
    task: str = Field(min_length=1, max_length=60)
    text: Said = Field(min_length=1, max_length=2000)


class NewLimits(Model):
    """New limits; what is not given stays. What waits for more budget goes on."""

    budget: Budget
    of: str = Field("", max_length=120, description="task/TASK or worker/ROLE; none: the objective")


class HandedIn(Model):
    """A file of a submission: an upload of the same tenant, under a name of its own."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    name: str = Field(min_length=1, max_length=200)


class NewSubmission(Model):
    task: str = Field(min_length=1, max_length=60)
    summary: Said = Field(min_length=1, max_length=2000, description="what was done and found")
    files: tuple[HandedIn, ...] = Field((), max_length=50)


class Done(Model):
    """It has happened, and is in the journal."""

    objective_id: str
    said: str


class Helm:
    """For whoever steers. Objectives of other tenants do not exist here."""

    def __init__(self, engine: Engine, artifacts: ArtifactStore, client: Client) -> None:
        self._engine = engine
        self._reading = database.reading(engine)
        self._objectives = ObjectiveStore(engine)
        self._uploads = UploadStore(engine)
        self._artifacts = artifacts
        self._client = client

    async def control(self, principal: Principal, objective_id: str, action: Action, **what: object) -> ControlReceipt:
        """Raises a Problem with the reason when it cannot be done now."""
        self._running(principal, objective_id)
        order = Control.model_validate({"action": action, "by": principal.name, "origin": principal.origin, **what})
        workflow_id = objective_workflow_id(objective_id)
        return await update(self._client, workflow_id, "control", order, ControlReceipt, uuid4().hex)

    async def assign(self, principal: Principal, objective_id: str, wanted: Assignment) -> ControlReceipt:
        if not wanted.worker.startswith(PERSON):
            self._require_profile(wanted.worker)
        return await self.control(principal, objective_id, Action.ASSIGN_TASK, task=wanted.task, worker=wanted.worker)

    async def cancel(self, principal: Principal, objective_id: str) -> Done:
        row = self._running(principal, objective_id)
        with self._engine.begin() as connection:
            journal.append(connection, _entry(row, principal, "objective.cancelling", ""))
        try:
            await self._client.get_workflow_handle(objective_workflow_id(objective_id)).cancel()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise Conflict("it does not run any more: it has ended, or it has not begun") from error
            raise
        return Done(objective_id=objective_id, said="cancelling; steps that run are stopped")

    def plan(self, principal: Principal, objective_id: str) -> tuple[str, str]:
        """The YAML of the plan, and its SHA-256."""
        row = self._row(principal, objective_id)
        if row.plan is None:
            raise Conflict(f"{objective_id} has no plan yet")
        return to_yaml(Plan.model_validate_json(self._artifacts.read(row.plan))), row.plan

    async def revise_plan(self, principal: Principal, objective_id: str, new: NewPlan) -> PlanReceipt:
        """Raises Invalid with everything that is wrong with it."""
        self._running(principal, objective_id)
        return await self._revise(principal, objective_id, new.plan, new.replaces, add=False)

    async def add_tasks(self, principal: Principal, objective_id: str, added: AddedTasks) -> PlanReceipt:
        row = self._running(principal, objective_id)
        if row.plan is None:
            raise Conflict(f"{objective_id} has no plan yet")
        return await self._revise(principal, objective_id, added.tasks, row.plan, add=True)

    async def message(self, principal: Principal, objective_id: str, message: NewMessage) -> Done:
        """Is in the next turn of the task's model."""
        self._running(principal, objective_id)
        view = self._view(objective_id)
        task = view.tasks.get(message.task)
        if task is None:
            there = ", ".join(list(view.tasks)[:20]) or "none yet"
            raise Invalid(
                f"{objective_id} has no task {message.task!r}; there are: {there}",
                errors=(("body.task", "no such task"),),
            )
        if task.kind != "turns":
            raise Conflict(
                f"no model works on the task {message.task!r} (it is done by {task.kind}): nobody would read a message"
            )
        if task.state in _OVER:
            raise Conflict(f"the task {message.task!r} is over: {task.state}; nobody would read a message")
        told = Message(id=uuid4().hex, by=principal.name, text=message.text)
        handle = self._client.get_workflow_handle(task_workflow_id(objective_id, message.task))
        try:
            await handle.signal("message", told)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise Conflict(f"the task {message.task!r} is not being worked on now") from error
            raise
        return Done(objective_id=objective_id, said=f"told {task.title!r}; its worker reads it before its next turn")

    async def submit(self, principal: Principal, objective_id: str, new: NewSubmission) -> SubmissionReceipt:
        """The result of a task that is assigned to a person; it is checked like anybody's.

        Whoever may steer may hand in anybody's; a worker only what is assigned to it.
        """
        self._running(principal, objective_id)
        if not principal.may(Right.RUN):
            self._require_assigned(principal, objective_id, new.task)
        submission = Submission(
            by=principal.name,
            summary=new.summary,
            artifacts=tuple(self._upload(principal, file) for file in new.files),
            origin=principal.origin,
        )
        workflow_id = task_workflow_id(objective_id, new.task)
        return await update(self._client, workflow_id, "submit", submission, SubmissionReceipt, uuid4().hex)

    async def change_limits(self, principal: Principal, objective_id: str, limits: NewLimits) -> Done:
        """What of this objective waits for more budget is granted it."""
        row = self._running(principal, objective_id)
        if limits.budget == Budget():
            raise Invalid("say which limit is new", errors=(("body.budget", "usd, tokens, turns or seconds"),))
        with self._engine.begin() as connection:
            waiting = [
                one.request
                for one in approvals.listed(connection, principal.tenant, objective_id=objective_id, limit=200)
                if one.request.subject is Subject.BUDGET
            ]
            tasks = [approval.task_id for approval in waiting if approval.task_id]
            for scope in _scopes(row.request, limits.of, tasks, self._view(objective_id).tasks):
                set_limits(connection, scope, limits.budget)
            data = {
                "limits": limits.budget.model_dump(mode="json", exclude_none=True),
                "of": limits.of or "objective",
            }
            text = f"budget of the {limits.of or 'objective'}"
            journal.append(connection, _entry(row, principal, "budget.changed", text, data))
        for approval in waiting:
            granted = ApprovalDecision(
                approval=approval.id,
                decision=Decision.APPROVED,
                by=principal.name,
                roles=tuple(map(str, principal.roles)),
                origin=principal.origin,
            )
            asker = task_workflow_id(objective_id, approval.task_id) if approval.task_id else None
            workflow_id = asker or objective_workflow_id(objective_id)
            await update(self._client, workflow_id, "decide", granted, DecisionReceipt, uuid4().hex)
        return Done(objective_id=objective_id, said=f"new limits; {len(waiting)} that waited go on")

    async def _revise(
        self, principal: Principal, objective_id: str, text: str, replaces: str, *, add: bool
    ) -> PlanReceipt:
        ref = self._artifacts.put("tasks.yaml" if add else "plan.yaml", text.encode(), "application/yaml")
        revision = PlanRevision(revision=ref, replaces=replaces, by=principal.name, add=add, origin=principal.origin)
        workflow_id = objective_workflow_id(objective_id)
        return await update(self._client, workflow_id, "revise_plan", revision, PlanReceipt, uuid4().hex)

    def _row(self, principal: Principal, objective_id: str) -> ObjectiveRow:
        row = self._objectives.get(objective_id, principal.tenant)
        if row is None:
            raise NotFound(f"there is no objective {objective_id!r}")
        return row

    def _running(self, principal: Principal, objective_id: str) -> ObjectiveRow:
        row = self._row(principal, objective_id)
        if row.ended_at is not None:
            raise Conflict(f"{objective_id} has ended: {str(row.stage).replace('_', ' ')}")
        return row

    def _view(self, objective_id: str) -> ObjectiveView:
        view = ObjectiveView(objective_id)
        with self._reading.connect() as connection:
            view.take(journal.read(connection, objective_id))
        return view

    def _require_assigned(self, principal: Principal, objective_id: str, task_id: str) -> None:
        task = self._view(objective_id).tasks.get(task_id)
        if task is None or task.worker != f"{PERSON}{principal.name}":
            raise Forbidden(f"the task {task_id!r} is not assigned to {PERSON}{principal.name}")

    def _upload(self, principal: Principal, file: HandedIn) -> ArtifactRef:
        found = self._uploads.known(principal.tenant, [file.sha256]).get(file.sha256)
        if found is None:
            raise Invalid(
                f"there is no upload {file.sha256[:12]}…; upload {file.name} first",
                errors=(("body.files", "no such upload"),),
            )
        return ArtifactRef(sha256=found.sha256, name=file.name, media_type=found.media_type, size=found.size)

    def _require_profile(self, name: str) -> None:
        host = hosts.newest(self._engine)
        profiles = host.models.get("profiles", {}) if host else {}
        if name not in profiles:
            there = ", ".join(sorted(profiles)) or "none"
            raise Invalid(
                f"no host has a model profile {name!r}; there are: {there}; a person is person:NAME",
                errors=(("body.worker", "no such worker"),),
            )


def _entry(
    row: ObjectiveRow, principal: Principal, kind: str, text: str, data: Mapping[str, object] | None = None
) -> Entry:
    origin = {"origin": principal.origin} if principal.origin else {}
    return Entry.model_validate(
        {
            "objective_id": row.request.id,
            "kind": kind,
            "actor": principal.name,
            "text": text,
            "data": {**(data or {}), **origin},
        }
    )


def _scopes(objective: Objective, of: str, waiting: Sequence[str], tasks: Container[str]) -> Iterator[Scope]:
    """What was named. Or else the objective, and the tasks that wait: those may use what the objective may."""
    whole = objective_workflow_id(objective.id)
    if not of:
        yield Scope(name=whole, objective_id=objective.id, budget=objective.budget)
        for task_id in waiting:
            yield Scope(name=task_workflow_id(objective.id, task_id), objective_id=objective.id, budget=Budget())
        return
    kind, _, name = of.partition("/")
    known: dict[str, Container[str]] = {"task": tasks, "worker": [str(role) for role in Role]}
    if name not in known.get(kind, ()):
        raise Invalid(
            f"{of!r}: write task/TASK with a task of this objective, or worker/executor and the like",
            errors=(("body.of", "no such part"),),
        )
    present = objective.worker_budget if kind == "worker" else Budget()
    yield Scope(name=f"{whole}/{of}", objective_id=objective.id, budget=present)
