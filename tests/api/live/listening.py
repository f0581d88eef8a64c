"""Clients of the live doors, as people would write them."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import httpx2
from websockets.asyncio.client import ClientConnection, connect

PATIENCE = 20.0
"""Seconds; no test waits longer for what should come at once."""


@dataclass(frozen=True)
class Heard:
    """A server-sent event."""

    id: str
    name: str
    data: Any

    @property
    def seq(self) -> int:
        return int(self.id)


class NoRoom(Exception):
    """There are as many streams as there may be."""


class Ear:
    """Reads server-sent events from an open response, as the standard says."""

    def __init__(self, response: httpx2.Response) -> None:
        self._lines = response.aiter_lines()
        self.last_id = ""
        self.retry = 0
        self.comments = 0

    async def hear(self) -> Heard | None:
        """The next event; None when the stream has ended."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(PATIENCE):
            async for line in self._lines:
                name, _, value = line.partition(":")
                if line and not name:
                    self.comments += 1
                elif line:
                    fields[name] = value.removeprefix(" ")
                elif "data" in fields:
                    self.last_id = fields.get("id", self.last_id)
                    return Heard(fields.get("id", ""), fields.get("event", "message"), json.loads(fields["data"]))
                else:
                    self.retry = int(fields.get("retry", self.retry))
        return None

    async def take(self, count: int) -> list[Heard]:
        heard = [await self.hear() for _ in range(count)]
        assert None not in heard, "the stream ended early"
        return [one for one in heard if one is not None]

    async def rest(self) -> list[Heard]:
        heard = []
        while (one := await self.hear()) is not None:
            heard.append(one)
        return heard


@asynccontextmanager
async def listening(
    url: str, key: str, objective_id: str, *, last_id: str = "", **query: str | int
) -> AsyncIterator[Ear]:
    headers = {"Authorization": f"Bearer {key}"} | ({"Last-Event-ID": last_id} if last_id else {})
    async with (
        httpx2.AsyncClient(base_url=url, headers=headers, timeout=PATIENCE, trust_env=False) as client,
        client.stream("GET", f"/v1/objectives/{objective_id}/events", params=query) as response,
    ):
        if response.status_code == 503:
            raise NoRoom
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Ear(response)


class Dawdling:
    """A client of the event stream that leaves nearly everything lying in small buffers for a while."""

    def __init__(self, url: str, key: str, objective_id: str) -> None:
        self._url = httpx2.URL(url)
        lines = (
            f"GET /v1/objectives/{objective_id}/events HTTP/1.1",
            f"Host: {self._url.host}",
            f"Authorization: Bearer {key}",
        )
        self._request = "\r\n".join([*lines, "", ""]).encode()
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_192)
        self._socket.setblocking(False)
        self._read = b""

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        await loop.sock_connect(self._socket, (self._url.host, self._url.port))
        await loop.sock_sendall(self._socket, self._request)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._socket.close()

    async def read(self, size: int) -> None:
        self._read += await asyncio.get_running_loop().sock_recv(self._socket, size)

    async def rest(self, last: int) -> list[int]:
        """The numbers of all entries."""
        end = f"id: {last}\n".encode()
        async with asyncio.timeout(20):
            while end not in self._read[-20_000:]:
                await self.read(65_536)
        return [int(line[4:]) for line in self._read.split(b"\n") if line.startswith(b"id: ")]


class Caller:
    """A client of the WebSocket."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def say(self, type_: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": type_, **fields}))

    async def hear(self, *types: str) -> dict[str, Any]:
        """The next frame, or the next of these types."""
        async with asyncio.timeout(PATIENCE):
            while True:
                frame: dict[str, Any] = json.loads(await self.socket.recv())
                if not types or frame["type"] in types:
                    return frame

    async def events(self, count: int) -> list[dict[str, Any]]:
        return [await self.hear("event") for _ in range(count)]

    async def subscribe(self, objectives: list[str] | str = "all", cursor: str | None = None, **fields: Any) -> str:
        """The cursor from which on nothing is missed."""
        await self.say("subscribe", objectives=objectives, cursor=cursor, **fields)
        answer = await self.hear("subscribed", "error")
        assert answer["type"] == "subscribed", answer
        return str(answer["cursor"])


@asynccontextmanager
async def calling(url: str, key: str) -> AsyncIterator[Caller]:
    async with connect(
        f"{url.replace('http', 'ws', 1)}/v1/ws",
        additional_headers={"Authorization": f"Bearer {key}"},
        subprotocols=["botted.v1"],  # type: ignore[list-item]  # a NewType of str
        proxy=None,
        close_timeout=1,  # with frames left unread, a client of this library waits in vain for the answer
    ) as socket:
        yield Caller(socket)
