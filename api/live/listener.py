"""One connection per process that hears what Postgres is told to tell; it comes back by itself, for ever."""

import asyncio
import random
from collections.abc import Callable, Mapping

import psycopg
import structlog
from psycopg import sql
from sqlalchemy import URL

LOOK_SECONDS = 10.0
"""After so long without a notice the connection is asked whether it still lives."""
PATIENCE_SECONDS = 5
BACKOFF_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
log = structlog.get_logger("api.live")


class Listener:
    """`handlers`: channel → what is called with each notice. `changed` is called with True once it listens, when
    notices from before are missing, and with False when it does not any more."""

    def __init__(
        self, url: URL, handlers: Mapping[str, Callable[[str], None]], changed: Callable[[bool], None]
    ) -> None:
        self._url = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._handlers = handlers
        self._changed = changed
        self.connected = False

    async def run(self) -> None:
        """Until it is cancelled."""
        failures = 0
        while True:
            try:
                await self._listen()
            except (psycopg.Error, OSError, TimeoutError) as error:
                failures = 0 if self.connected else failures + 1
                log.warning("no notices from Postgres for now", error=repr(error))
            self.connected = False
            self._changed(False)
            wait = BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS) - 1)]
            await asyncio.sleep(wait * random.uniform(0.5, 1.5))

    async def _listen(self) -> None:
        connection = await psycopg.AsyncConnection.connect(
            self._url,
            autocommit=True,
            connect_timeout=PATIENCE_SECONDS,
            application_name="botted-live",
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
        )
        async with connection:
            for channel in self._handlers:
                await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
            self.connected = True
            self._changed(True)
            while True:
                async for notice in connection.notifies(timeout=LOOK_SECONDS):
                    self._handlers[notice.channel](notice.payload)
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await connection.execute("SELECT 1")
