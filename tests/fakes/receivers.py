"""Receivers of notices: real servers on loopback whose answers tests choose, and channels that need no server."""

import json
import ssl
import threading
import time
from asyncio import Server
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from typing_extensions import override

from activities.notify.channel import ChannelRefused, Channels, ChannelUnavailable
from activities.notify.letter import Letter

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PASSWORD = "correct-horse-battery-staple"


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: bytes = b"ok"
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0
    """Before it answers."""
    drip: float = 0
    """Between the bytes of the body."""


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


class Receiver:
    """An HTTP server; the last of `replies` answers whatever comes after it."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.replies: Sequence[Reply] = (Reply(),)
        self.received: list[Received] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.owner = self  # type: ignore[attr-defined]
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.scheme = "https" if tls else "http"
        self.port = self._server.server_address[1]

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @contextmanager
    def serving(self) -> Iterator["Receiver"]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def next_reply(self) -> Reply:
        return self.replies[min(len(self.received), len(self.replies)) - 1]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        receiver = cast(Receiver, self.server.owner)  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        receiver.received.append(Received(self.path, headers, body))
        reply = receiver.next_reply()
        time.sleep(reply.seconds)
        try:
            self._answer(reply)
        except OSError:
            return  # whoever asked has gone

    def _answer(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in {**reply.headers, "content-length": str(len(reply.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if not reply.drip:
            self.wfile.write(reply.body)
            return
        for byte in reply.body:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(reply.drip)

    @override
    def log_message(self, format: str, *args: object) -> None:
        return


class MailReceiver:
    """A mail server; `refuse` maps addresses to answers such as 550 5.1.1 no such user."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, implicit: bool = False, login: str = "") -> None:
        self.messages: list[Envelope] = []
        self.refuse: dict[str, str] = {}
        self.answer = "250 2.0.0 taken"
        self.secured: list[bool] = []
        options: dict[str, Any] = {}
        if login:
            options = {"authenticator": _Doorman(login), "auth_required": True, "auth_require_tls": tls is not None}
        if tls and implicit:
            options |= {"ssl_context": tls, "auth_require_tls": False}
        elif tls:
            options |= {"tls_context": tls}
        self._controller = _AnyPort(self, hostname="127.0.0.1", port=0, **options)

    @property
    def port(self) -> int:
        return self._controller.port

    @contextmanager
    def serving(self) -> Iterator["MailReceiver"]:
        self._controller.start()
        try:
            yield self
        finally:
            self._controller.stop()

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 known"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.secured.append(session.ssl is not None)
        self.messages.append(envelope)
        return self.answer


class _AnyPort(Controller):
    """Asks itself whether it is up once the system has given it a port."""

    @override
    def _trigger_server(self) -> None:
        assert isinstance(self.server, Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


class _Doorman:
    def __init__(self, password: str) -> None:
        self._password = password.encode()

    def __call__(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=data.password == self._password, handled=False)


class Bell:
    """Remembers what it was told."""

    where = "here"

    def __init__(self) -> None:
        self.letters: list[Letter] = []

    async def send(self, letter: Letter) -> str:
        self.letters.append(letter)
        return "heard"


class Deaf:
    where = "nowhere"

    async def send(self, letter: Letter) -> str:
        raise ChannelRefused("it does not hear")


class Away:
    where = "nowhere yet"

    async def send(self, letter: Letter) -> str:
        raise ChannelUnavailable("it is away")


def channels() -> Channels:
    return Channels({"bell": Bell(), "deaf": Deaf(), "away": Away()}, base_url="https://botted.example")
