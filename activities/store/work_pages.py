"""What was done for an objective, page by page, for people who look; nothing of another tenant's is found."""

from datetime import datetime
from typing import Any, TypeVar

from pydantic import Field
from sqlalchemy import Connection, Row, Select, case, func, or_, select, tuple_

from activities.store.listing import owned
from activities.store.tables import artifacts, files, objectives, steps, verdicts
from workflows.domain.model import Model
from workflows.domain.verdict import Decision

M = TypeVar("M", bound=Model)
P = TypeVar("P")


class StepShown(Model):
    """A step of a task, or a call of a tool in a model's turn."""

    attempt: int
    step_id: str = Field(examples=["step-2", "turn-3-call-1"])
    tool: str = Field(examples=["data.query"])
    state: str = Field(description="started, done or failed")
    tries: int = Field(description="how often it was begun in this attempt")
    host: str
    summary: str = Field(description="what came of it, or the error")
    refused: bool = Field(description="a model's call that was not carried out")
    started_at: datetime
    ended_at: datetime | None


class ArtifactShown(Model):
    """A file that was made, or given."""

    name: str = Field(examples=["flights/trends.json"])
    sha256: str
    size: int = Field(description="bytes")
    media_type: str
    task_id: str = Field(description="empty: given with the objective")
    attempt: int
    step_id: str
    delivered: bool = Field(description="it is part of the result")
    created_at: datetime


class VerdictShown(Model):
    """What a reviewer decided."""

    task_id: str = Field(description="empty: about the objective itself")
    attempt: int
    subject: str = Field(description="task, plan or result; opinion: one of several, which decides nothing by itself")
    decision: Decision
    decided_by: str = Field(examples=["verifier:checks", "ana"])
    feedback: str
    report: str | None = Field(description="SHA-256 of the report, which is an artifact of the objective")
    decided_at: datetime


class Content(Model):
    """What is kept under which hash, and what it is called."""

    sha256: str
    size: int
    name: str
    media_type: str


Place = tuple[int, datetime, str]
"""Of a step among those of its task: its attempt, when it began, its key."""
Placed = tuple[tuple[P, M], ...]
"""Rows, each with its place, after which the next page begins."""


def steps_of(
    connection: Connection, tenant: str, objective_id: str, task_id: str, *, after: Place | None, limit: int
) -> Placed[Place, StepShown]:
    place = (steps.c.attempt, steps.c.started_at, steps.c.key)
    query = select(steps.c.key, *(steps.c[name] for name in StepShown.model_fields)).where(
        steps.c.objective_id == owned(tenant, objective_id), steps.c.task_id == task_id
    )
    if after is not None:
        query = query.where(tuple_(*place) > after)
    rows = connection.execute(query.order_by(*place).limit(limit))
    return tuple(((row.attempt, row.started_at, row.key), _parse(StepShown, row)) for row in rows)


def files_of(
    connection: Connection,
    tenant: str,
    objective_id: str,
    *,
    task_id: str | None,
    delivered: bool | None,
    after: int,
    limit: int,
) -> Placed[int, ArtifactShown]:
    """Those of a task, or with an empty `task_id` those that were given; None: all."""
    is_delivered = files.c.id.in_(_delivered(connection, tenant, objective_id))
    own = (files.c[name] for name in ArtifactShown.model_fields if name not in ("size", "delivered"))
    query = (
        select(files.c.id, *own, artifacts.c.size, is_delivered.label("delivered"))
        .join(artifacts, artifacts.c.sha256 == files.c.sha256)
        .where(files.c.objective_id == owned(tenant, objective_id), files.c.id > after)
    )
    if task_id is not None:
        query = query.where(files.c.task_id == task_id)
    if delivered is not None:
        query = query.where(is_delivered if delivered else ~is_delivered)
    rows = connection.execute(query.order_by(files.c.id).limit(limit))
    return tuple((row.id, _parse(ArtifactShown, row)) for row in rows)


def verdicts_of(
    connection: Connection, tenant: str, objective_id: str, *, task_id: str | None, after: int, limit: int
) -> Placed[int, VerdictShown]:
    query = select(verdicts.c.id, *(verdicts.c[name] for name in VerdictShown.model_fields)).where(
        verdicts.c.objective_id == owned(tenant, objective_id), verdicts.c.id > after
    )
    if task_id is not None:
        query = query.where(verdicts.c.task_id == task_id)
    rows = connection.execute(query.order_by(verdicts.c.id).limit(limit))
    return tuple((row.id, _parse(VerdictShown, row)) for row in rows)


def named(connection: Connection, tenant: str, objective_id: str, name: str) -> Content | None:
    """The artifact of this name that was delivered, or else the one that was made last."""
    is_delivered = files.c.id.in_(_delivered(connection, tenant, objective_id))
    query = _contents(tenant, objective_id).where(files.c.name == name)
    return _first(connection, query.order_by(is_delivered.desc(), files.c.id.desc()))


def hashed(connection: Connection, tenant: str, objective_id: str, sha256: str) -> Content | None:
    """An artifact of the objective; or its plan, its playbook, or the report of a verdict on it."""
    found = _first(connection, _contents(tenant, objective_id).where(files.c.sha256 == sha256).order_by(files.c.id))
    return found or _first(connection, _records(tenant, objective_id, sha256))


def _contents(tenant: str, objective_id: str) -> Select[*tuple[Any, ...]]:
    return (
        select(files.c.sha256, artifacts.c.size, files.c.name, files.c.media_type)
        .join(artifacts, artifacts.c.sha256 == files.c.sha256)
        .where(files.c.objective_id == owned(tenant, objective_id))
    )


def _records(tenant: str, objective_id: str, sha256: str) -> Select[*tuple[Any, ...]]:
    reported = select(verdicts.c.report).where(
        verdicts.c.objective_id == objectives.c.id, verdicts.c.report == artifacts.c.sha256
    )
    playbook = objectives.c.request["playbook"]
    is_plan = objectives.c.plan == artifacts.c.sha256
    is_playbook = playbook["sha256"].astext == artifacts.c.sha256
    name = case((is_plan, "plan.json"), (is_playbook, playbook["name"].astext), else_="review.json")
    media_type = case((is_playbook, playbook["media_type"].astext), else_="application/json")
    return (
        select(artifacts.c.sha256, artifacts.c.size, name.label("name"), media_type.label("media_type"))
        .select_from(artifacts.join(objectives, or_(is_plan, is_playbook, reported.exists())))
        .where(objectives.c.id == objective_id, objectives.c.tenant == tenant, artifacts.c.sha256 == sha256)
    )


def _delivered(connection: Connection, tenant: str, objective_id: str) -> tuple[int, ...]:
    """Ids of the files that were delivered: of one that was made several times, the last."""
    listed = connection.execute(
        select(objectives.c.result["deliverables"]).where(
            objectives.c.id == objective_id, objectives.c.tenant == tenant
        )
    ).scalar_one_or_none()
    if not listed:
        return ()
    made = select(func.max(files.c.id)).where(
        files.c.objective_id == objective_id,
        tuple_(files.c.name, files.c.sha256).in_([(ref["name"], ref["sha256"]) for ref in listed]),
    )
    return tuple(connection.execute(made.group_by(files.c.name)).scalars())


def _parse(model: type[M], row: Row[*tuple[Any, ...]]) -> M:
    return model.model_validate({name: row._mapping[name] for name in model.model_fields})


def _first(connection: Connection, query: Select[*tuple[Any, ...]]) -> Content | None:
    row = connection.execute(query.limit(1)).one_or_none()
    return Content.model_validate(dict(row._mapping)) if row else None
