"""Everything live of one process: the one connection that listens, and what streams are fed from."""

import asyncio
import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import structlog
from sqlalchemy import Engine

from activities.store import journal, live
from api.auth.authenticator import Authenticator
from api.auth.principal import Principal
from api.live import presence
from api.live.feed import Feed
from api.live.listener import Listener
from api.live.outputs import OutputBoard
from api.live.presence import Board
from api.live.streams import Stream, Streams
from api.measures import Measures
from config.settings import ApiSettings

THREADS = 4
"""That read for all streams together: as many connections are taken from the pool at most."""
OTHER_FILES = 300
"""Open files that are not streams."""
log = structlog.get_logger("api.live")


class Live:
    """An async context manager, for the life of the service."""

    def __init__(
        self,
        engine: Engine,
        settings: ApiSettings,
        authenticator: Authenticator,
        measures: Measures,
        closing: asyncio.Event,
    ) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="live")
        self._measures = measures
        self.feed = Feed(engine, self._threads)
        self.outputs = OutputBoard(engine, self._threads)
        self.presence = Board(engine, self._threads)
        self.streams = Streams(
            _room_for(settings.max_streams), settings.max_streams_per_key, authenticator.authenticate_again, closing
        )
        self.listener = Listener(
            engine.url,
            {
                journal.CHANNEL: self.feed.hear,
                live.CHANNEL: self.outputs.hear,
                presence.CHANNEL: self.presence.hear,
            },
            self._listening,
        )
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        running = (
            self.listener.run(),
            self.feed.run(),
            self.outputs.run(),
            self.presence.run(),
            self.streams.recheck(),
            self.streams.end_when_closing(),
        )
        self._tasks = [asyncio.create_task(one) for one in running]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.feed.close()
        await self.presence.leave()
        self._threads.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def open_stream(self, principal: Principal, kind: str) -> Iterator[Stream]:
        with self.streams.open(principal) as stream, self._measures.streams.labels(kind).track_inprogress():
            yield stream

    def _listening(self, hears: bool) -> None:
        self.feed.hears = hears
        self.feed.look()
        if hears:
            self.outputs.look()
            self.presence.look()


def _room_for(streams: int) -> int:
    """As many streams as this process may have files open; the usual limit of 1,024 is raised as far as allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = streams + OTHER_FILES
    if soft < wanted and soft != resource.RLIM_INFINITY:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft != resource.RLIM_INFINITY and soft < wanted:
        log.warning("fewer streams than set: the system allows too few open files", files=soft)
        return max(1, soft - OTHER_FILES)
    return streams
