"""The list of a tenant's objectives, page by page, and what is told of each."""

from datetime import datetime
from typing import Any

from pydantic import Field
from sqlalchemy import Connection, ScalarSelect, Select, bindparam, func, select, tuple_

from activities.store.approvals import OPEN
from activities.store.tables import approvals, objectives
from workflows.domain.model import Model
from workflows.domain.objective import Mode, Stage

BEGINNING = 300
"""Characters of an objective's text that lists have."""


class Wanted(Model):
    """Which objectives; what is left out leaves none out."""

    stages: tuple[Stage, ...] = ()
    mode: Mode | None = None
    text: str = ""
    """Stands somewhere in the objective's text, in whatever case."""
    asked_by: str = ""
    parent: str | None = None
    """Empty: those that are no task of another one."""
    created_after: datetime | None = None
    created_before: datetime | None = None


class ObjectiveBrief(Model):
    """An objective as lists have it."""

    id: str = Field(examples=["what-drives-delays-k3x9aa"])
    text: str = Field(description=f"the first {BEGINNING} characters")
    stage: Stage
    mode: Mode = Field(description="that was asked for")
    asked_by: str
    parent: str = Field(description="the objective that it is a task of; empty: none")
    created_at: datetime
    ended_at: datetime | None
    waiting: int = Field(description="how many questions wait for a person")


_REQUEST = objectives.c.request
_COLUMNS = (
    objectives.c.id,
    func.left(_REQUEST["text"].astext, BEGINNING).label("text"),
    objectives.c.stage,
    _REQUEST["mode"].astext.label("mode"),
    _REQUEST["asked_by"].astext.label("asked_by"),
    func.coalesce(_REQUEST["parent"].astext, "").label("parent"),
    objectives.c.created_at,
    objectives.c.ended_at,
    select(func.count())
    .where(approvals.c.objective_id == objectives.c.id, approvals.c.state == OPEN)
    .scalar_subquery()
    .label("waiting"),
)


def page(
    connection: Connection, tenant: str, wanted: Wanted, *, before: tuple[datetime, str] | None, limit: int
) -> tuple[ObjectiveBrief, ...]:
    """The newest first; `before` is (created_at, id) of the last one of the page before."""
    query = _narrowed(select(*_COLUMNS).where(objectives.c.tenant == tenant), wanted)
    if before is not None:
        query = query.where(tuple_(objectives.c.created_at, objectives.c.id) < before)
    ordered = query.order_by(objectives.c.created_at.desc(), objectives.c.id.desc()).limit(limit)
    return tuple(ObjectiveBrief.model_validate(dict(row._mapping)) for row in connection.execute(ordered))


def owned(tenant: str, objective_id: str) -> ScalarSelect[str]:
    """The objective's id if it is the tenant's, else nothing: for queries on what belongs to an objective."""
    return (
        select(objectives.c.id).where(objectives.c.id == objective_id, objectives.c.tenant == tenant).scalar_subquery()
    )


_EXISTS = select(objectives.c.id).where(
    objectives.c.id == bindparam("objective_id"), objectives.c.tenant == bindparam("tenant")
)


def exists(connection: Connection, tenant: str, objective_id: str) -> bool:
    found = connection.execute(_EXISTS, {"objective_id": objective_id, "tenant": tenant})
    return found.scalar_one_or_none() is not None


def _narrowed(query: Select[*tuple[Any, ...]], wanted: Wanted) -> Select[*tuple[Any, ...]]:
    if wanted.stages:
        query = query.where(objectives.c.stage.in_(wanted.stages))
    if wanted.mode is not None:
        query = query.where(_REQUEST["mode"].astext == wanted.mode)
    if wanted.text:
        query = query.where(_REQUEST["text"].astext.icontains(wanted.text, autoescape=True))
    if wanted.asked_by:
        query = query.where(_REQUEST["asked_by"].astext == wanted.asked_by)
    if wanted.parent is not None:
        query = query.where(func.coalesce(_REQUEST["parent"].astext, "") == wanted.parent)
    if wanted.created_after is not None:
        query = query.where(objectives.c.created_at > wanted.created_after)
    if wanted.created_before is not None:
        query = query.where(objectives.c.created_at < wanted.created_before)
    return query
