"""What was done for an objective, page by page, for people who look; nothing of another tenant's is found."""

from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, case, column, func, or_, select, tuple_
from sqlalchemy.dialects.postgresql import JSONB

from activities.store.listing import owned
from activities.store.tables import artifacts, files, objectives, steps, verdicts
from workflows.domain.model import Model
from workflows.domain.verdict import Decision

M = TypeVar("M", bound=Model)


class StepShown(Model):
    key: str
    attempt: int
    step_id: str
    tool: str
    state: str
    tries: int
    host: str
    summary: str
    refused: bool
    started_at: datetime
    ended_at: datetime | None


class FileShown(Model):
    id: int
    name: str
    sha256: str
    size: int
    media_type: str
    task_id: str
    attempt: int
    step_id: str
    delivered: bool
    created_at: datetime


class VerdictShown(Model):
    id: int
    task_id: str
    attempt: int
    subject: str
    decision: Decision
    decided_by: str
    feedback: str
    report: str | None
    decided_at: datetime


class Content(Model):
    """What is kept under which hash, and what it is called."""

    sha256: str
    size: int
    name: str
    media_type: str


Place = tuple[int, datetime, str]
"""Of a step among those of its task: its attempt, when it began, its key."""


def steps_of(
    connection: Connection, tenant: str, objective_id: str, task_id: str, *, after: Place | None, limit: int
) -> tuple[StepShown, ...]:
    place = (steps.c.attempt, steps.c.started_at, steps.c.key)
    query = select(*(steps.c[name] for name in StepShown.model_fields)).where(
        steps.c.objective_id == owned(tenant, objective_id), steps.c.task_id == task_id
    )
    if after is not None:
        query = query.where(tuple_(*place) > after)
    return _all(connection, StepShown, query.order_by(*place).limit(limit))


def files_of(
    connection: Connection,
    tenant: str,
    objective_id: str,
    *,
    task_id: str | None,
    delivered: bool | None,
    after: int,
    limit: int,
) -> tuple[FileShown, ...]:
    """Those of a task, or with an empty `task_id` those that were given; None: all."""
    is_delivered = files.c.id.in_(_delivered(objective_id))
    own = (files.c[name] for name in FileShown.model_fields if name not in ("size", "delivered"))
    query = (
        select(*own, artifacts.c.size, is_delivered.label("delivered"))
        .join(artifacts, artifacts.c.sha256 == files.c.sha256)
        .where(files.c.objective_id == owned(tenant, objective_id), files.c.id > after)
    )
    if task_id is not None:
        query = query.where(files.c.task_id == task_id)
    if delivered is not None:
        query = query.where(is_delivered if delivered else ~is_delivered)
    return _all(connection, FileShown, query.order_by(files.c.id).limit(limit))


def verdicts_of(
    connection: Connection, tenant: str, objective_id: str, *, task_id: str | None, after: int, limit: int
) -> tuple[VerdictShown, ...]:
    query = select(*(verdicts.c[name] for name in VerdictShown.model_fields)).where(
        verdicts.c.objective_id == owned(tenant, objective_id), verdicts.c.id > after
    )
    if task_id is not None:
        query = query.where(verdicts.c.task_id == task_id)
    return _all(connection, VerdictShown, query.order_by(verdicts.c.id).limit(limit))


def named(connection: Connection, tenant: str, objective_id: str, name: str) -> Content | None:
    """The artifact of this name that was delivered, or else the one that was made last."""
    is_delivered = files.c.id.in_(_delivered(objective_id))
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
        .join(objectives, or_(is_plan, is_playbook, reported.exists()))
        .where(objectives.c.id == objective_id, objectives.c.tenant == tenant, artifacts.c.sha256 == sha256)
    )


def _delivered(objective_id: str) -> Select[int]:
    """Ids of the files that were delivered: of one that was made several times, the last."""
    listed = func.jsonb_array_elements(objectives.c.result["deliverables"]).table_valued(
        column("value", JSONB), name="listed"
    )
    one = listed.c.value
    return (
        select(func.max(files.c.id))
        .select_from(objectives.join(listed, onclause=objectives.c.id == objective_id))
        .join(
            files,
            (files.c.objective_id == objectives.c.id)
            & (files.c.name == one["name"].astext)
            & (files.c.sha256 == one["sha256"].astext),
        )
        .group_by(files.c.name)
    )


def _all(connection: Connection, model: type[M], query: Select[*tuple[Any, ...]]) -> tuple[M, ...]:
    return tuple(model.model_validate(dict(row._mapping)) for row in connection.execute(query))


def _first(connection: Connection, query: Select[*tuple[Any, ...]]) -> Content | None:
    row = connection.execute(query.limit(1)).one_or_none()
    return Content.model_validate(dict(row._mapping)) if row else None
