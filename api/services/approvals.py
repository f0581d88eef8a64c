"""What waits for people, and their decisions."""

import json
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from pydantic import Field, JsonValue
from sqlalchemy import Engine
from temporalio.client import Client

from activities.store import approvals, database
from activities.store.approvals import OPEN, ApprovalRow
from activities.store.artifacts import ArtifactStore
from activities.store.ledger import Ledger
from activities.store.objectives import ObjectiveStore
from activities.store.work import WorkStore
from api.auth.principal import Principal
from api.errors import Conflict, Invalid, NotFound, Problem
from api.services.updates import update
from workflows.domain.approval import Approval, ApprovalDecision, DecisionReceipt
from workflows.domain.artifact import ArtifactRef
from workflows.domain.model import Model
from workflows.domain.naming import objective_workflow_id, step_key, task_workflow_id
from workflows.domain.plan import Plan, TaskKind
from workflows.domain.verdict import MAX_FEEDBACK, Decision, Subject

PAGE = 100


class NewDecision(Model):
    """What a person decides."""

    decision: Decision = Field(description="approved, revise (say in feedback what is to change) or rejected")
    feedback: str = Field("", max_length=MAX_FEEDBACK, examples=["Use the median instead of the mean."])
    tasks: tuple[str, ...] = Field(
        (), max_length=100, description="of a plan: the only tasks that run; of a result: those to do again"
    )
    arguments: dict[str, JsonValue] | None = Field(None, description="of a step: its input, edited")


class WaitingApproval(Model):
    """An approval as people see it. Open ones wait; the others say how they ended."""

    id: str
    objective_id: str
    objective: str = Field(description="what the objective is about")
    subject: Subject
    text: str = Field(description="what is to be decided")
    state: str = Field(description="open, approved, revise, rejected, expired or withdrawn")
    choices: tuple[Decision, ...]
    task_id: str
    attempt: int
    step_id: str
    deciders: tuple[str, ...] = Field(description="names, or role:… ; none: whoever has the right to decide")
    asked_at: datetime
    remind_at: datetime | None
    escalate_at: datetime | None
    escalated: bool
    deadline: datetime | None
    on_timeout: str
    decided_by: str
    decided_at: datetime | None
    feedback: str


class ApprovalPage(Model):
    items: tuple[WaitingApproval, ...]
    next: str | None = Field(description="cursor of the next page; null: this is the last")


class StepInput(Model):
    """What a step that waits is about to do."""

    tool: str
    arguments: dict[str, JsonValue]


class ApprovalInDetail(WaitingApproval):
    step: StepInput | None = Field(None, description="of a step: its input, which a decision may change")
    artifacts: tuple[ArtifactRef, ...] = Field((), description="of a task or a result: what was made")


class DecidedOne(Model):
    """What became of one of several decisions."""

    approval: str
    receipt: DecisionReceipt | None = None
    problem: str = Field("", description="why it does not count")


class ApprovalOffice:
    def __init__(self, engine: Engine, artifacts: ArtifactStore, client: Client) -> None:
        self._engine = engine
        self._reading = database.reading(engine)
        self._objectives = ObjectiveStore(engine)
        self._artifacts = artifacts
        self._client = client

    def listed(
        self,
        principal: Principal,
        *,
        mine: bool = True,
        state: str | None = OPEN,
        objective_id: str = "",
        cursor: str | None = None,
        limit: int = 50,
    ) -> ApprovalPage:
        """Newest first. `mine`: only what this principal may decide."""
        found: list[ApprovalRow] = []
        before = _place(cursor) if cursor else None
        with self._reading.connect() as connection:
            while len(found) <= limit:
                rows = approvals.listed(
                    connection, principal.tenant, state=state, objective_id=objective_id, before=before, limit=PAGE
                )
                found += [row for row in rows if not mine or _may_decide(row, principal)]
                if len(rows) < PAGE:
                    break
                before = (rows[-1].asked_at, rows[-1].request.id)
        page = found[:limit]
        more = _cursor(page[-1]) if len(found) > limit else None
        return ApprovalPage(items=tuple(map(_seen, page)), next=more)

    def get(self, principal: Principal, approval_id: str) -> ApprovalInDetail:
        row = self._row(principal, approval_id)
        plan = self._plan(row)
        return ApprovalInDetail(
            **_seen(row).model_dump(),
            step=self._step(row.request, plan) if plan and row.request.subject is Subject.STEP else None,
            artifacts=self._made(row.request, plan) if plan else (),
        )

    async def decide(self, principal: Principal, approval_id: str, decision: NewDecision) -> DecisionReceipt:
        """Raises a Problem with the reason when it does not count."""
        row = self._row(principal, approval_id)
        if row.state != OPEN:
            raise Conflict(f"too late: {row.decided_by or 'nobody'} has decided: {row.state}")
        _require_reason(decision)
        answer = ApprovalDecision(
            approval=approval_id,
            decision=decision.decision,
            by=principal.name,
            roles=tuple(map(str, principal.roles)),
            feedback=decision.feedback,
            tasks=decision.tasks,
            arguments=self._edited(decision),
            origin=principal.origin,
        )
        digest = sha256(answer.model_dump_json(exclude={"origin"}).encode()).hexdigest()[:16]
        return await update(self._client, _workflow(row.request), "decide", answer, DecisionReceipt, f"decide-{digest}")

    async def decide_several(
        self, principal: Principal, approval_ids: Sequence[str], decision: NewDecision
    ) -> tuple[DecidedOne, ...]:
        """One after the other; what does not count does not hold up the others."""
        return tuple([await self._decided(principal, approval_id, decision) for approval_id in approval_ids])

    async def _decided(self, principal: Principal, approval_id: str, decision: NewDecision) -> DecidedOne:
        try:
            return DecidedOne(approval=approval_id, receipt=await self.decide(principal, approval_id, decision))
        except Problem as problem:
            return DecidedOne(approval=approval_id, problem=problem.detail)

    def _row(self, principal: Principal, approval_id: str) -> ApprovalRow:
        with self._reading.connect() as connection:
            row = approvals.get(connection, principal.tenant, approval_id)
        if row is None:
            raise NotFound(f"there is no approval {approval_id!r}")
        return row

    def _plan(self, row: ApprovalRow) -> Plan | None:
        objective = self._objectives.get(row.request.objective_id, row.tenant)
        digest = objective.plan if objective else None
        return Plan.model_validate_json(self._artifacts.read(digest)) if digest else None

    def _step(self, approval: Approval, plan: Plan) -> StepInput | None:
        """As the plan has it, templates and all, or as the worker's model asks for it."""
        task = next((task for task in plan.tasks if task.id == approval.task_id), None)
        if task is None:
            return None
        if task.kind is TaskKind.STEPS:
            step = task.steps[int(approval.step_id.removeprefix("step-")) - 1]
            return StepInput(tool=step.tool, arguments=step.arguments)
        turn, _, call = approval.step_id.partition("-call-")
        kept = Ledger(self._engine).kept(step_key(plan.objective_id, task.id, approval.attempt, turn))
        calls = kept.response.get("tool_calls", []) if kept else []
        asked = calls[int(call) - 1] if isinstance(calls, list) and len(calls) >= int(call) else None
        if not isinstance(asked, dict):
            return None
        return StepInput(tool=str(asked["name"]), arguments=_parsed(str(asked["arguments"])))

    def _made(self, approval: Approval, plan: Plan) -> tuple[ArtifactRef, ...]:
        work = WorkStore(self._engine)
        if approval.subject is Subject.TASK:
            return work.made(approval.objective_id, approval.task_id, approval.attempt)
        if approval.subject is not Subject.RESULT:
            return ()
        done = work.approved(approval.objective_id, [task.id for task in plan.tasks])
        return tuple(
            ref
            for task in plan.tasks
            if task.id in done
            for ref in work.made(approval.objective_id, task.id, done[task.id])
            if task.delivers(ref.name)
        )

    def _edited(self, decision: NewDecision) -> str | None:
        if decision.arguments is None:
            return None
        content = json.dumps(decision.arguments, ensure_ascii=False).encode()
        return self._artifacts.put("arguments.json", content, "application/json").sha256


def _may_decide(row: ApprovalRow, principal: Principal) -> bool:
    roles = tuple(map(str, principal.roles))
    return row.request.may_be_decided_by(principal.name, roles, escalated=row.escalated)


def _require_reason(decision: NewDecision) -> None:
    if decision.decision is Decision.UNCERTAIN:
        raise Invalid("decide", errors=(("body.decision", "approved, revise or rejected"),))
    if decision.decision is Decision.REVISE and not decision.feedback.strip():
        raise Invalid("to revise, say what is to change", errors=(("body.feedback", "must not be empty"),))


def _workflow(approval: Approval) -> str:
    if approval.task_id:
        return task_workflow_id(approval.objective_id, approval.task_id)
    return objective_workflow_id(approval.objective_id)


def _seen(row: ApprovalRow) -> WaitingApproval:
    request = row.request
    return WaitingApproval(
        **request.model_dump(
            include={
                *("id", "objective_id", "subject", "text", "choices", "task_id", "attempt", "step_id"),
                *("deciders", "remind_at", "escalate_at", "deadline", "on_timeout"),
            }
        ),
        **row.model_dump(
            include={"objective", "state", "escalated", "decided_by", "feedback", "asked_at", "decided_at"}
        ),
    )


def _parsed(arguments: str) -> dict[str, JsonValue]:
    try:
        found = json.loads(arguments or "{}")
    except ValueError:
        return {"arguments": arguments}
    return found if isinstance(found, dict) else {"arguments": found}


def _cursor(row: ApprovalRow) -> str:
    return f"{row.asked_at.isoformat()}~{row.request.id}"


def _place(cursor: str) -> tuple[datetime, str]:
    at, separator, approval_id = cursor.partition("~")
    try:
        place = datetime.fromisoformat(at)
    except ValueError:
        place = None
    if place is None or not separator or place.tzinfo is None or "\x00" in approval_id:
        raise Invalid("this is not a cursor of ours", errors=(("query.cursor", "take it from `next` of a page"),))
    return place, approval_id
