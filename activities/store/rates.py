"""How many requests of a caller's minute the API's processes have taken."""

import time

from sqlalchemy import BigInteger, Engine, cast, delete, extract, func
from sqlalchemy.dialects.postgresql import insert

from activities.store.tables import rate_windows
from workflows.domain.model import Model

MINUTE = 60
KEPT_MINUTES = 10
"""Older windows are deleted, by each process about as often."""


_MINUTE_NOW = cast(func.floor(extract("epoch", func.clock_timestamp()) / MINUTE), BigInteger)


class Lease(Model):
    leased: int
    """By all processes in this minute, this lease included."""
    seconds_left: float
    """Of the minute, by the database's clock: those of the processes may differ."""


class RateStore:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._swept = time.monotonic()

    def lease(self, caller: str, count: int) -> Lease:
        """Takes `count` more requests of the present minute, also beyond the limit: whoever asks compares."""
        begun = insert(rate_windows).values(caller=caller, minute=_MINUTE_NOW, leased=count)
        counted = begun.on_conflict_do_update(
            index_elements=["caller", "minute"], set_={"leased": rate_windows.c.leased + begun.excluded.leased}
        )
        left = extract("epoch", func.to_timestamp((rate_windows.c.minute + 1) * MINUTE) - func.clock_timestamp())
        with self._engine.begin() as connection:
            row = connection.execute(counted.returning(rate_windows.c.leased, left.label("seconds_left"))).one()
        self._sweep()
        return Lease(leased=row.leased, seconds_left=max(0.0, float(row.seconds_left)))

    def _sweep(self) -> None:
        if time.monotonic() - self._swept < KEPT_MINUTES * MINUTE:
            return
        self._swept = time.monotonic()
        self.sweep()

    def sweep(self) -> int:
        """Deletes what no minute needs any more; how many."""
        with self._engine.begin() as connection:
            swept = connection.execute(delete(rate_windows).where(rate_windows.c.minute < _MINUTE_NOW - KEPT_MINUTES))
        return swept.rowcount
