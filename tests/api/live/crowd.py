"""Very many clients of the event stream, each as small as can be."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx2

AT_ONCE = 50
"""Connections that are made at the same time."""


@dataclass
class Listener:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    numbers: list[int] = field(default_factory=list)
    """Of the entries that it heard."""
    times: list[float] = field(default_factory=list)
    """When, on the monotonic clock."""

    async def hear_until(self, last: int) -> None:
        while not self.numbers or self.numbers[-1] < last:
            line = await self.reader.readline()
            assert line, "the stream ended early"
            if line.startswith(b"id: "):
                self.numbers.append(int(line[4:]))
                self.times.append(time.monotonic())


class Crowd:
    def __init__(self, url: str, key: str, objective_ids: list[str]) -> None:
        self._url = httpx2.URL(url)
        self._key = key
        self._ids = objective_ids
        self.listeners: list[Listener] = []

    async def come(self, size: int) -> None:
        """Listeners share the objectives evenly. Each has had an answer when this is over."""
        for start in range(0, size, AT_ONCE):
            asked = [self._ids[n % len(self._ids)] for n in range(start, min(start + AT_ONCE, size))]
            self.listeners += await asyncio.gather(*map(self._connect, asked))

    async def hear_until(self, last: int) -> None:
        await asyncio.gather(*(listener.hear_until(last) for listener in self.listeners))

    async def leave(self) -> None:
        for listener in self.listeners:
            listener.writer.close()
        await asyncio.gather(*(one.writer.wait_closed() for one in self.listeners), return_exceptions=True)

    async def _connect(self, objective_id: str) -> Listener:
        reader, writer = await asyncio.open_connection(self._url.host, self._url.port)
        lines = (
            f"GET /v1/objectives/{objective_id}/events HTTP/1.1",
            f"Host: {self._url.host}",
            f"Authorization: Bearer {self._key}",
        )
        writer.write("\r\n".join([*lines, "", ""]).encode())
        status = await reader.readline()
        assert b" 200 " in status, status
        return Listener(reader, writer)


@asynccontextmanager
async def crowd(url: str, key: str, objective_ids: list[str], size: int) -> AsyncIterator[Crowd]:
    gathered = Crowd(url, key, objective_ids)
    try:
        await gathered.come(size)
        yield gathered
    finally:
        await gathered.leave()
