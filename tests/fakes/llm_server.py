"""A language model's provider on loopback: a real HTTP server that plays a script, breaks, and remembers."""

import asyncio
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import partial
from types import TracebackType
from typing import Self

from activities.llm.model import Wire
from tests.fakes import llm_wires
from tests.fakes.llm_script import Call, Fault, Json, Reply, Say, SeenRequest, Trouble, said, smallest

Responder = Callable[[SeenRequest], Reply]

_WIRES = {"/v1/chat/completions": Wire.CHAT, "/v1/responses": Wire.RESPONSES, "/v1/messages": Wire.CLAUDE}
_CUTS = (Trouble.CUT, Trouble.EARLY_END, Trouble.ERROR_EVENT)
_EVENTS_BEFORE_A_CUT = 3
_HTML = b"<!doctype html><html><body>Sign in to the network</body></html>"
_NASTY = "\x1b[31mred\x1b[0m\x00\u202e\u200b<|im_start|>system\U000e0041"


class FakeLlm:
    """Answers from `script` first, then from `responder`, then with the smallest thing that fits.

    In an async test: `async with FakeLlm() as llm`. For a test without a loop, or one whose subject runs in
    another process: `with FakeLlm().serving() as llm`, which serves from a thread of its own.
    """

    def __init__(self, responder: Responder | None = None, models: tuple[str, ...] = ("fake-model",)) -> None:
        self.responder = responder
        self.models = models
        self.requests: list[SeenRequest] = []
        self.listings = 0
        """How often the models were listed."""
        self.high_water = 0
        """The most requests that were answered at one time."""
        self._busy = 0
        self._replies: deque[Reply] = deque()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._port = 0

    def script(self, *replies: Reply) -> Self:
        self._replies.extend(replies)
        return self

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port, limit=1 << 24)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    @contextmanager
    def serving(self) -> Iterator[Self]:
        """Serves from a thread until the end of the block."""
        ready: Future[Callable[[], object]] = Future()
        thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), name="fake-llm", daemon=True)
        thread.start()
        finish = ready.result(timeout=10)
        try:
            yield self
        finally:
            finish()
            thread.join(10)

    async def _serve(self, ready: "Future[Callable[[], object]]") -> None:
        loop, finished = asyncio.get_running_loop(), asyncio.Event()
        async with self:
            ready.set_result(partial(loop.call_soon_threadsafe, finished.set))
            await finished.wait()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._connections.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._exchange(reader, writer):
                    pass
        finally:
            self._connections.discard(task)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; whether the connection may carry another."""
        method, path, headers, body = await _received(reader)
        connection = _Connection(reader, writer)
        if method == "GET" and path.startswith("/v1/models"):
            self.listings += 1
            return await connection.send({"object": "list", "data": [{"id": name} for name in self.models]})
        if path not in _WIRES:
            return await connection.send({"error": {"message": f"no such path: {path}"}}, 404)
        seen = SeenRequest(_WIRES[path], path, headers, json.loads(body), time.monotonic())
        self.requests.append(seen)
        self._busy += 1
        self.high_water = max(self.high_water, self._busy)
        try:
            return await connection.answer(self._reply(seen), seen)
        finally:
            self._busy -= 1

    def _reply(self, seen: SeenRequest) -> Reply:
        if self._replies:
            return self._replies.popleft()
        if self.responder:
            return self.responder(seen)
        return Say(json.dumps(smallest(seen.schema)) if seen.schema else "Understood.")


class _Connection:
    """One client's connection: answers, and the ways of not answering."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def answer(self, reply: Reply, seen: SeenRequest) -> bool:
        if isinstance(reply, Fault):
            return await self._fail(reply, seen)
        say = said(reply, seen)
        await asyncio.sleep(say.delay)
        if seen.streamed:
            return await self._stream(say, seen)
        return await self.send(llm_wires.whole(say, seen))

    async def send(self, body: Json, status: int = 200, headers: dict[str, str] | None = None) -> bool:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        await self._write(_head(status, {"content-length": str(len(data)), **(headers or {})}) + data)
        return True

    async def _fail(self, fault: Fault, seen: SeenRequest) -> bool:
        if llm_wires.has_status(fault.trouble):
            status, body = llm_wires.error(fault.trouble, seen.wire, _key(seen))
            return await self.send(body, status, _fault_headers(fault))
        match fault.trouble:
            case Trouble.HANG:
                await self._reader.read()  # until the client has had enough
                return False
            case Trouble.DROP:
                self._writer.transport.abort()
                return False
            case Trouble.HTML:
                return await self.send(_HTML, headers={"content-type": "text/html"})
            case Trouble.NOTHING:
                return await self.send({})
            case Trouble.TRUNCATED_JSON:
                return await self.send(json.dumps(llm_wires.whole(Say(fault.text), seen)).encode()[:40])
        if fault.trouble not in _CUTS:
            return await self.answer(_useless(fault, seen), seen)
        if seen.streamed:
            return await self._stream(Say(fault.text), seen, fault.trouble)
        return await self._cut_body(fault, seen)

    async def _cut_body(self, fault: Fault, seen: SeenRequest) -> bool:
        if fault.trouble is Trouble.ERROR_EVENT:
            return await self.send(llm_wires.error(fault.trouble, seen.wire, "")[1])
        data = json.dumps(llm_wires.whole(Say(fault.text), seen)).encode()
        await self._write(_head(200, {"content-length": str(len(data))}) + data[:40])
        if fault.trouble is Trouble.CUT:
            self._writer.transport.abort()
        return False

    async def _stream(self, say: Say, seen: SeenRequest, cut: Trouble | None = None) -> bool:
        await self._write(_head(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked"}))
        for place, event in enumerate(llm_wires.events(say, seen)):
            if cut and place == _EVENTS_BEFORE_A_CUT:
                return await self._cut_stream(cut, seen)
            await self._event(event)
            if say.pace:
                await asyncio.sleep(say.pace)
        await self._write(b"0\r\n\r\n")
        return True

    async def _cut_stream(self, cut: Trouble, seen: SeenRequest) -> bool:
        if cut is Trouble.CUT:
            await asyncio.sleep(0.05)  # let what was sent arrive first
            self._writer.transport.abort()
            return False
        if cut is Trouble.ERROR_EVENT:
            await self._event(llm_wires.error_event(seen.wire))
        await self._write(b"0\r\n\r\n")
        return True

    async def _event(self, event: llm_wires.Event) -> None:
        name, data = event
        text = data if isinstance(data, str) else json.dumps(data)
        lines = f"event: {name}\n" if name else ""
        encoded = f"{lines}data: {text}\n\n".encode()
        await self._write(f"{len(encoded):x}\r\n".encode() + encoded + b"\r\n")

    async def _write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()


async def _received(reader: asyncio.StreamReader) -> tuple[str, str, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip().split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return method, path, headers, await reader.readexactly(int(headers.get("content-length", 0)))


def _head(status: int, headers: dict[str, str]) -> bytes:
    lines = {"content-type": "application/json", "x-request-id": "req_fake", "request-id": "req_fake", **headers}
    written = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} Fake\r\n{written}\r\n".encode()


def _fault_headers(fault: Fault) -> dict[str, str]:
    headers = {} if fault.retry_after is None else {"retry-after": f"{fault.retry_after:g}"}
    return {**headers, "location": "/elsewhere"} if fault.trouble is Trouble.REDIRECT else headers


def _useless(fault: Fault, seen: SeenRequest) -> Reply:
    match fault.trouble:
        case Trouble.REFUSAL | Trouble.CONTENT_FILTER | Trouble.LENGTH:
            return Say(fault.text, finish=fault.trouble)
        case Trouble.NO_USAGE:
            return Say(fault.text, counted=False)
        case Trouble.MALFORMED_ARGUMENTS:
            return Call(next(iter(seen.tools), "tool"), '{"path": "unfinis')
        case Trouble.MEGABYTE:
            return Say("All work and no play. " * 48_000, chunk=4_096)
        case Trouble.CONTROL_CHARACTERS:
            return Say(f"{fault.text}{_NASTY}")
    return Say()


def _key(seen: SeenRequest) -> str:
    return seen.headers.get("x-api-key") or seen.headers.get("authorization", "").removeprefix("Bearer ")
