"""Who looks at what, over all API processes of a database. Nothing of it is stored: it is told, and forgotten."""

import asyncio
import random
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import uuid4

import structlog
from pydantic import Field, ValidationError
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import SQLAlchemyError

from activities.store import database
from workflows.domain.model import Model

CHANNEL = "botted_presence"
TELL_SECONDS = 0.5
"""Changes are collected for so long."""
REPEAT_SECONDS = 20.0
EXPIRE_SECONDS = 60.0
MOST_SHOWN = 200
_AT_ONCE = 5
"""In a notice, which holds 8,000 bytes."""
log = structlog.get_logger("api.live")


class Present(Model):
    tenant: str = Field(max_length=120)
    name: str = Field(max_length=120)
    where: str = Field(max_length=100, description="as in objective/ID")
    since: datetime


class _Told(Model):
    """A notice from a process to all others."""

    process: str
    here: dict[str, Present] = Field({}, description="by connection")
    gone: tuple[str, ...] = ()
    asks: bool = Field(False, description="it is new here, and wants to hear who is present")


class _Heard(NamedTuple):
    present: Present
    until: float
    """On the monotonic clock."""


class Board:
    """Readers compare `version` of their tenant with the one that they have shown."""

    def __init__(self, engine: Engine, threads: Executor) -> None:
        self._reading = database.reading(engine)
        self._threads = threads
        self._process = uuid4().hex[:12]
        self._own: dict[str, Present] = {}
        self._others: dict[tuple[str, str], _Heard] = {}
        self._untold: set[str] = set()
        """Connections of this process whose change was not told yet."""
        self._asks = False
        self._tell_now = asyncio.Event()
        self._versions: dict[str, int] = {}
        self._bells: dict[str, set[asyncio.Event]] = {}

    @contextmanager
    def ringing(self, tenant: str, bell: asyncio.Event) -> Iterator[None]:
        bells = self._bells.setdefault(tenant, set())
        bells.add(bell)
        try:
            yield
        finally:
            bells.discard(bell)
            if not bells:
                self._bells.pop(tenant, None)
                self._versions.pop(tenant, None)

    def version(self, tenant: str) -> int:
        return self._versions.get(tenant, 0)

    def people(self, tenant: str) -> list[Present]:
        """Everybody once for each place, whoever came last first."""
        found: dict[tuple[str, str], Present] = {}
        for present in (*self._own.values(), *(heard.present for heard in self._others.values())):
            if present.tenant == tenant:
                known = found.setdefault((present.name, present.where), present)
                found[present.name, present.where] = min(known, present, key=lambda one: one.since)
        return sorted(found.values(), key=lambda one: one.since, reverse=True)[:MOST_SHOWN]

    def place(self, connection: str, tenant: str, name: str, where: str) -> None:
        """Somebody is there now; with an empty `where`, nowhere any more."""
        before = self._own.get(connection)
        if where == (before.where if before else ""):
            return
        self._own.pop(connection, None)
        if where:
            self._own[connection] = Present(tenant=tenant, name=name, where=where, since=datetime.now(UTC))
        self._untold.add(connection)
        self._tell_now.set()
        self._changed((tenant,))

    def hear(self, payload: str) -> None:
        """A notice."""
        try:
            told = _Told.model_validate_json(payload)
        except ValidationError as error:
            log.warning("not a notice of who is present", error=str(error))
            return
        if told.process == self._process:
            return
        tenants = set()
        for connection, present in told.here.items():
            known = self._others.get((told.process, connection))
            if known is None or known.present != present:
                tenants.add(present.tenant)
            self._others[told.process, connection] = _Heard(present, time.monotonic() + EXPIRE_SECONDS)
        for connection in told.gone:
            gone = self._others.pop((told.process, connection), None)
            tenants |= {gone.present.tenant} if gone else set()
        self._changed(tenants)
        if told.asks:
            self._untold.update(self._own)
            self._tell_now.set()

    def look(self) -> None:
        """Notices may be missing: asks who is there, and tells who is here."""
        self._asks = True
        self._untold.update(self._own)
        self._tell_now.set()

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                async with asyncio.timeout(REPEAT_SECONDS):
                    await self._tell_now.wait()
                    await asyncio.sleep(TELL_SECONDS * random.uniform(0.5, 1.0))
            except TimeoutError:
                self._untold.update(self._own)
            self._tell_now.clear()
            self._expire()
            try:
                await asyncio.get_running_loop().run_in_executor(self._threads, self._tell, self._news())
            except SQLAlchemyError as error:
                log.info("presence not told", error=repr(error))

    async def leave(self) -> None:
        """Of this process, nobody is present any more."""
        self._untold.update(self._own)
        self._own.clear()
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, self._tell, self._news())
        except SQLAlchemyError:
            return  # the others forget by themselves

    def _news(self) -> list[_Told]:
        untold, self._untold = sorted(self._untold), set()
        news = [
            _Told(
                process=self._process,
                here={one: self._own[one] for one in some if one in self._own},
                gone=tuple(one for one in some if one not in self._own),
            )
            for some in (untold[start : start + _AT_ONCE] for start in range(0, len(untold), _AT_ONCE))
        ]
        if self._asks:
            news.append(_Told(process=self._process, asks=True))
            self._asks = False
        return news

    def _tell(self, news: Iterable[_Told]) -> None:
        with self._reading.connect() as connection:
            for told in news:
                connection.execute(select(func.pg_notify(CHANNEL, told.model_dump_json(exclude_defaults=True))))

    def _expire(self) -> None:
        now = time.monotonic()
        late = [key for key, heard in self._others.items() if heard.until < now]
        self._changed({self._others.pop(key).present.tenant for key in late})

    def _changed(self, tenants: Iterable[str]) -> None:
        for tenant in self._bells.keys() & set(tenants):
            self._versions[tenant] = self.version(tenant) + 1
            for bell in self._bells[tenant]:
                bell.set()
