"""Whether anybody still needs the stack: a client that holds a lease, or an objective that has not ended."""

import time
from collections.abc import Callable

import psycopg

from worker.embedded.folder import Folder
from worker.embedded.locks import FileLock

LONGEST_INTERVAL = 15.0  # seconds between two looks


class Idleness:
    def __init__(self, folder: Folder, linger_seconds: float, database: Callable[[], str]) -> None:
        self._gate = FileLock(folder.clients_lock)
        self._linger = linger_seconds
        self._interval = min(LONGEST_INTERVAL, max(0.2, linger_seconds / 4))
        self._database = database
        self._last_use = self._last_look = time.monotonic()

    def has_lasted(self) -> bool:
        """Whether nobody has needed the stack for the time to linger.

        After a yes the gate stays shut: a client that comes now waits until the stack has stopped, then starts it anew.
        """
        now = time.monotonic()
        if now - self._last_look < self._interval:
            return False
        self._last_look = now
        if not self._gate.take_alone():
            self._last_use = now
            return False
        if open_objectives(self._database()) != 0:
            self._last_use = now
        if now - self._last_use >= self._linger:
            return True
        self._gate.release()
        return False

    def close(self) -> None:
        self._gate.close()


def open_objectives(url: str) -> int | None:
    """How many have not ended; None when the database does not say."""
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            row = connection.execute("select count(*) from objectives where ended_at is null").fetchone()
    except psycopg.errors.UndefinedTable:
        return 0
    except psycopg.Error:
        return None
    return int(row[0]) if row else None
