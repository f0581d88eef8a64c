"""What models are saying right now: seen while it comes, gone once the answer itself is stored."""

from datetime import timedelta

from pydantic import Field
from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from activities.store.tables import live_output
from workflows.domain.model import Model

CHANNEL = "botted_output"
STALE = timedelta(minutes=10)
"""Nothing was added for so long: whoever wrote it has died."""
LEFT_OVER = timedelta(hours=1)
MOST_IN_NOTICE = 1_500
"""Characters; a notice holds 8,000 bytes, and a character may need four."""


class Speaker(Model):
    """Which model call speaks."""

    key: str
    objective_id: str
    task_id: str = ""
    attempt: int = 0
    step_id: str = ""


class Piece(Model):
    """What listeners on the channel are told. A piece at 0 begins anew whatever was shown under its key."""

    key: str
    objective: str
    task: str
    attempt: int
    step: str
    offset: int = Field(ge=0)
    text: str
    done: bool = Field(False, description="the call has ended; nothing follows")


class Spoken(Speaker):
    text: str


def say(connection: Connection, speaker: Speaker, offset: int, text: str) -> bool:
    """Adds to what is shown, or begins it anew at 0. False: it is no longer this call's, another began anew."""
    if offset == 0:
        row = {"text": text, "updated_at": func.clock_timestamp()}
        connection.execute(
            insert(live_output)
            .values(**speaker.model_dump(), **row)
            .on_conflict_do_update(index_elements=["key"], set_=row)
        )
    elif not connection.execute(
        update(live_output)
        .where(live_output.c.key == speaker.key, func.length(live_output.c.text) == offset)
        .values(text=live_output.c.text + text, updated_at=func.clock_timestamp())
    ).rowcount:
        return False
    for start in range(0, len(text), MOST_IN_NOTICE):
        _tell(connection, speaker, offset + start, text[start : start + MOST_IN_NOTICE])
    return True


def end(connection: Connection, speaker: Speaker, offset: int) -> None:
    """Takes away what was shown of a call that has ended, unless another call shows something there by now."""
    gone = connection.execute(
        delete(live_output).where(live_output.c.key == speaker.key, func.length(live_output.c.text) == offset)
    )
    if gone.rowcount:
        _tell(connection, speaker, offset, "", done=True)


def spoken(connection: Connection, objective_ids: frozenset[str]) -> tuple[Spoken, ...]:
    """What models say for these objectives at this moment."""
    columns = [live_output.c[name] for name in Spoken.model_fields]
    rows = connection.execute(
        select(*columns).where(
            live_output.c.objective_id.in_(objective_ids), live_output.c.updated_at > func.clock_timestamp() - STALE
        )
    )
    return tuple(Spoken.model_validate(dict(row._mapping)) for row in rows)


def sweep(connection: Connection) -> None:
    """Removes what hosts that died have left."""
    connection.execute(delete(live_output).where(live_output.c.updated_at < func.clock_timestamp() - LEFT_OVER))


def _tell(connection: Connection, speaker: Speaker, offset: int, text: str, *, done: bool = False) -> None:
    piece = Piece(
        key=speaker.key,
        objective=speaker.objective_id,
        task=speaker.task_id,
        attempt=speaker.attempt,
        step=speaker.step_id,
        offset=offset,
        text=text,
        done=done,
    )
    connection.execute(select(func.pg_notify(CHANNEL, piece.model_dump_json())))
