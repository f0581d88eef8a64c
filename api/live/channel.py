"""A subject that clients listen to: new entries are read once for all; who is far behind reads by itself, in pages."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Generic, TypeVar

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from activities.store import database
from api.live.ring import P, Page, Ring

PAGE = 100
"""Entries that are read at once."""
LAG_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
"""Between looks while an older transaction is open; nobody says when it ends."""
AGAIN_SECONDS = 1.0
"""After an error of Postgres."""
log = structlog.get_logger("api.live")
T = TypeVar("T")


class Channel(ABC, Generic[P]):
    """Listeners leave a bell and remember their position; when the bell has rung, `after` may have something new."""

    def __init__(self, engine: Engine, threads: Executor) -> None:
        self._reading = database.reading(engine)
        self._threads = threads
        self._ring: Ring[P] | None = None
        self._bells: set[asyncio.Event] = set()
        self._stirred = False
        self._closed = False
        self._ringing_again = False
        self._catching_up: asyncio.Task[None] | None = None

    @property
    def is_listened_to(self) -> bool:
        return bool(self._bells)

    @contextmanager
    def ringing(self, bell: asyncio.Event) -> Iterator[None]:
        self._bells.add(bell)
        try:
            yield
        finally:
            self._bells.discard(bell)

    async def after(self, position: P, only: frozenset[str] | None = None) -> Page[P]:
        """What comes after `position`, of the objectives in `only` if it is given: from memory if it is there."""
        if self._ring is not None and position >= self._ring.floor:
            page = self._ring.after(position)
            return page if only is None else page._replace(events=[e for e in page.events if e.objective_id in only])
        try:
            return await self._in_thread(lambda: self._read(position, only))
        except SQLAlchemyError as error:
            log.info("journal not read", error=repr(error))
            self._ring_bells_again()
            return Page((), position)

    def stir(self) -> None:
        """There may be something new."""
        self._stirred = True
        if self._closed:
            return
        if self._catching_up is None:
            self._catching_up = asyncio.create_task(self._catch_up())

    def close(self) -> None:
        self._closed = True
        if self._catching_up is not None:
            self._catching_up.cancel()

    async def _catch_up(self) -> None:
        try:
            lags = 0
            while self._stirred:
                self._stirred = False
                page = await self._look()
                lags = lags + 1 if page.lagging else 0
                if lags:
                    await asyncio.sleep(LAG_SECONDS[min(lags, len(LAG_SECONDS)) - 1])
                self._stirred = self._stirred or page.full or page.lagging
        except SQLAlchemyError as error:
            log.info("journal not read", error=repr(error))
            asyncio.get_running_loop().call_later(AGAIN_SECONDS, self.stir)
        finally:
            self._catching_up = None

    async def _look(self) -> Page[P]:
        if self._ring is None:
            self._ring = await self._in_thread(self._begin)
            self._ring_bells()
        head = self._ring.head
        page = await self._in_thread(lambda: self._read(head))
        self._ring.add(page)
        if page.events:
            self._take(page)
            self._ring_bells()
        return page

    @abstractmethod
    def _begin(self) -> Ring[P]:
        """The newest entries. Blocks."""

    @abstractmethod
    def _read(self, position: P, only: frozenset[str] | None = None) -> Page[P]:
        """A page of what comes after `position`. Blocks."""

    def _take(self, page: Page[P]) -> None:
        """What the channel itself learns from new events."""

    def _ring_bells(self) -> None:
        for bell in self._bells:
            bell.set()

    def _ring_bells_again(self) -> None:
        """For listeners that could not read: once for all of them."""
        if not self._ringing_again:
            self._ringing_again = True
            asyncio.get_running_loop().call_later(AGAIN_SECONDS, self._rung_again)

    def _rung_again(self) -> None:
        self._ringing_again = False
        self._ring_bells()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
