"""The append-only record of what happened, and the way to follow it live."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import cast

import psycopg
from pydantic import Field, JsonValue
from sqlalchemy import Connection, Engine, bindparam, func, select
from sqlalchemy.dialects.postgresql import JSONB

from activities.store.tables import journal, objectives
from workflows.domain.model import Model
from workflows.domain.objective import Stage

CHANNEL = "botted_journal"


class Entry(Model):
    """One thing that happened: who did what, when, to which part of the objective."""

    objective_id: str
    kind: str
    actor: str
    task_id: str = ""
    attempt: int = 0
    step_id: str = ""
    text: str = ""
    data: dict[str, JsonValue] = {}
    once: str | None = Field(None, description="two entries of an objective with the same value count once")


class JournalRow(Model):
    seq: int
    at: datetime
    kind: str
    actor: str
    task_id: str
    attempt: int
    step_id: str
    text: str
    data: dict[str, JsonValue]


class Tip(Model):
    """How far an objective is. When it has `ended`, the entry that says so is at `seq` or before."""

    tenant: str
    stage: Stage
    ended: bool
    seq: int = Field(description="of its last entry")


_APPEND = select(func.journal_append(bindparam("entry", type_=JSONB)))


def append(connection: Connection, *entries: Entry) -> None:
    """Writes entries inside the caller's transaction, by the database's own `journal_append`: one round trip each.

    It locks the objective's journal until the transaction ends, which makes `seq` gapless and in the order of
    commits: a reader who remembers the last one it saw can neither miss nor repeat an entry.
    """
    for entry in entries:
        connection.execute(_APPEND, {"entry": {**entry.model_dump(mode="json"), "text": entry.text[:4000]}})


def read(
    connection: Connection, objective_id: str, after: int = 0, *, limit: int | None = None
) -> tuple[JournalRow, ...]:
    columns = [journal.c[name] for name in JournalRow.model_fields]
    rows = connection.execute(
        select(*columns)
        .where(journal.c.objective_id == objective_id, journal.c.seq > after)
        .order_by(journal.c.seq)
        .limit(limit)
    )
    return tuple(JournalRow.model_validate(dict(row._mapping)) for row in rows)


_SKIM = (
    select(*(journal.c[name] for name in JournalRow.model_fields))
    .where(journal.c.objective_id == bindparam("objective_id"), journal.c.seq > bindparam("after"))
    .order_by(journal.c.seq)
)


def skim(connection: Connection, objective_id: str, after: int = 0) -> Sequence[JournalRow]:
    """As `read`, for who looks through thousands at once: the rows as the database gives them, unchecked."""
    rows = connection.execute(_SKIM, {"objective_id": objective_id, "after": after}).all()
    return cast(Sequence[JournalRow], rows)


def tips(connection: Connection, objective_ids: Sequence[str]) -> dict[str, Tip]:
    """How far these objectives are, as of one moment; unknown ones are left out."""
    last = select(func.coalesce(func.max(journal.c.seq), 0)).where(journal.c.objective_id == objectives.c.id)
    rows = connection.execute(
        select(
            objectives.c.id, objectives.c.tenant, objectives.c.stage, objectives.c.ended_at, last.scalar_subquery()
        ).where(objectives.c.id.in_(objective_ids))
    )
    return {
        id_: Tip(tenant=tenant, stage=stage, ended=ended_at is not None, seq=seq)
        for id_, tenant, stage, ended_at, seq in rows
    }


def told(connection: Connection, objective_id: str, task_id: str, attempt: int) -> tuple[JournalRow, ...]:
    """What people told the worker of this attempt, and the turns that it took meanwhile."""
    columns = [journal.c[name] for name in JournalRow.model_fields]
    rows = connection.execute(
        select(*columns)
        .where(
            journal.c.objective_id == objective_id,
            journal.c.task_id == task_id,
            journal.c.attempt == attempt,
            journal.c.kind.in_(("message", "model.answered")),
        )
        .order_by(journal.c.seq)
    )
    return tuple(JournalRow.model_validate(dict(row._mapping)) for row in rows)


def follow(engine: Engine, objective_id: str, *, after: int = 0, tick: float = 1.0) -> Iterator[tuple[JournalRow, ...]]:
    """Entries as they come, in order and each once; an empty tuple about every `tick` seconds without any.

    Raises psycopg.OperationalError when the connection is lost: call again with the last `seq` seen.
    """
    dsn = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(dsn, autocommit=True) as listener:
        listener.execute(f"LISTEN {CHANNEL}")
        while True:
            with engine.connect() as connection:
                rows = read(connection, objective_id, after)
            if rows:
                after = rows[-1].seq
            yield rows
            for notice in listener.notifies(timeout=tick):
                if notice.payload == objective_id:
                    break
