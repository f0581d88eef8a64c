"""The append-only record of what happened, and the way to follow it live."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import psycopg
from pydantic import Field, JsonValue
from sqlalchemy import Connection, Engine, bindparam, func, literal, select, text
from sqlalchemy.dialects.postgresql import insert

from activities.store.tables import journal
from workflows.domain.model import Model

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


_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('journal:' || :objective_id, 0))")
_NOTIFY = select(func.pg_notify(CHANNEL, bindparam("objective_id")))


def append(connection: Connection, *entries: Entry) -> None:
    """Writes entries of one objective inside the caller's transaction.

    The lock makes `seq` gapless and in the order of commits, so that a reader who remembers the last one it saw
    can neither miss nor repeat an entry.
    """
    if not entries:
        return
    objective_id = entries[0].objective_id
    connection.execute(_LOCK, {"objective_id": objective_id})
    for entry in entries:
        last = select(func.coalesce(func.max(journal.c.seq), 0)).where(journal.c.objective_id == objective_id)
        row: dict[str, Any] = entry.model_dump()
        values = {**row, "text": entry.text[:4000], "seq": last.scalar_subquery() + literal(1)}
        connection.execute(insert(journal).values(values).on_conflict_do_nothing())
    connection.execute(_NOTIFY, {"objective_id": objective_id})


def read(connection: Connection, objective_id: str, after: int = 0) -> tuple[JournalRow, ...]:
    columns = [journal.c[name] for name in JournalRow.model_fields]
    rows = connection.execute(
        select(*columns).where(journal.c.objective_id == objective_id, journal.c.seq > after).order_by(journal.c.seq)
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
