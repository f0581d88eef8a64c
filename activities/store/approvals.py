"""What waits for a person, and what became of it."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from activities.store.tables import approvals, objectives
from workflows.domain.approval import Approval
from workflows.domain.model import Model

OPEN = "open"


class ApprovalRow(Model):
    """`state` is open, approved, revise, rejected, expired or withdrawn."""

    request: Approval
    tenant: str
    objective: str
    """What the objective is about."""
    state: str
    escalated: bool
    decided_by: str
    feedback: str
    asked_at: datetime
    decided_at: datetime | None


_COLUMNS = [approvals.c[name] for name in ApprovalRow.model_fields if name != "objective"]
_SELECT = select(*_COLUMNS, objectives.c.request["text"].astext.label("objective")).join(
    objectives, objectives.c.id == approvals.c.objective_id
)


def ask(connection: Connection, approval: Approval) -> None:
    """Written down before anybody waits for the answer; once per id."""
    tenant = select(objectives.c.tenant).where(objectives.c.id == approval.objective_id).scalar_subquery()
    connection.execute(
        insert(approvals)
        .values(
            id=approval.id,
            objective_id=approval.objective_id,
            tenant=tenant,
            task_id=approval.task_id,
            attempt=approval.attempt,
            subject=approval.subject,
            text=approval.text,
            request=approval.model_dump(mode="json"),
            state=OPEN,
            deadline=approval.deadline,
        )
        .on_conflict_do_nothing()
    )


def escalate(connection: Connection, approval_id: str) -> None:
    connection.execute(update(approvals).where(approvals.c.id == approval_id).values(escalated=True))


def settle(connection: Connection, approval_id: str, state: str, by: str, feedback: str) -> None:
    """The first end counts."""
    connection.execute(
        update(approvals)
        .where(approvals.c.id == approval_id, approvals.c.state == OPEN)
        .values(state=state, decided_by=by, feedback=feedback, decided_at=func.clock_timestamp())
    )


def withdraw_all(connection: Connection, objective_id: str) -> None:
    """Of an objective that has ended nothing waits any more."""
    connection.execute(
        update(approvals)
        .where(approvals.c.objective_id == objective_id, approvals.c.state == OPEN)
        .values(state="withdrawn", decided_at=func.clock_timestamp())
    )


def get(connection: Connection, tenant: str, approval_id: str) -> ApprovalRow | None:
    row = connection.execute(_SELECT.where(approvals.c.id == approval_id, approvals.c.tenant == tenant)).one_or_none()
    return _parse(row) if row else None


def listed(
    connection: Connection,
    tenant: str,
    *,
    state: str | None = OPEN,
    objective_id: str = "",
    before: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> tuple[ApprovalRow, ...]:
    """A page, newest first; `before` is (asked_at, id) of the last one of the page before."""
    query = _SELECT.where(approvals.c.tenant == tenant)
    if state is not None:
        query = query.where(approvals.c.state == state)
    if objective_id:
        query = query.where(approvals.c.objective_id == objective_id)
    if before is not None:
        at, last = before
        query = query.where(or_(approvals.c.asked_at < at, (approvals.c.asked_at == at) & (approvals.c.id < last)))
    ordered = query.order_by(approvals.c.asked_at.desc(), approvals.c.id.desc()).limit(limit)
    return tuple(_parse(row) for row in connection.execute(ordered))


def _parse(row: Row[*tuple[Any, ...]]) -> ApprovalRow:
    return ApprovalRow.model_validate(dict(row._mapping))
