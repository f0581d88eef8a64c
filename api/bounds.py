"""What surrounds every request, as plain ASGI: nothing unexpected gets out, nothing endless gets in."""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems
from api.errors import Invalid, Problem, TooLarge, Unanswered, Unreadable
from config.settings import ApiSettings

UPLOADS = "/v1/uploads"
"""Requests to it have a limit of their own, in size and in time."""
MOST_NESTED = 64
"""Levels of a JSON document; deeper ones exhaust the stack of whoever walks through them."""
DOCS = "/docs"
CLOSED_TO_BROWSERS = "default-src 'none'; frame-ancestors 'none'"
_YEAR = 31_536_000


class Net:
    """Catches what nobody foresaw: the caller gets an id, the log the error."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        watched = _Watched(send)
        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            problem = problems.problem_of(error)
            what = f"{scope['method']} {scope['path']}"
            response = problems.response_of(problem) if problem else problems.unexpected(error, what)
            if watched.started:
                raise  # too late for a document: the server cuts the connection, and the caller sees that
            await response(scope, receive, send)
        return None


class TimeBound:
    """Answers with 504 when no answer has begun in time; one that has begun may take as long as it likes."""

    def __init__(self, app: ASGIApp, settings: ApiSettings) -> None:
        self._app = app
        self._settings = settings
        self._late: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        seconds = self._settings.upload_seconds if _uploads(scope) else self._settings.request_seconds
        watched = _Watched(send)
        task = asyncio.ensure_future(self._app(scope, receive, watched))
        try:
            async with asyncio.timeout(seconds) as timer:
                watched.when_started = lambda: timer.reschedule(None)
                await asyncio.shield(task)
        except TimeoutError:
            if not timer.expired():
                raise
            self._give_up(task, watched)
            late = f"there was no answer within {seconds:g} seconds; look whether it has happened before you try again"
            await problems.response_of(Unanswered(late))(scope, receive, send)
        except asyncio.CancelledError:
            task.cancel()
            raise
        return None

    def _give_up(self, task: asyncio.Task[None], watched: "_Watched") -> None:
        """It may sit in a thread that cannot be cancelled: nobody waits for it, and what it says is not heard."""
        watched.muted = True
        self._late.add(task)
        task.add_done_callback(self._bury)
        task.cancel()

    def _bury(self, task: asyncio.Task[None]) -> None:
        self._late.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, so that asyncio does not complain of one that nobody saw


class BodyBound:
    """Reads no more of a body than its limit, whatever its headers promise; and JSON only that can be stored."""

    def __init__(self, app: ASGIApp, settings: ApiSettings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        limit = self._settings.upload_bytes if _uploads(scope) else self._settings.body_bytes
        try:
            _require_text(scope)
            bounded = await self._bounded(Headers(scope=scope), receive, limit, is_upload=_uploads(scope))
        except Problem as problem:
            return await problems.response_of(problem)(scope, receive, send)
        return await self._app(scope, bounded, send)

    async def _bounded(self, headers: Headers, receive: Receive, limit: int, *, is_upload: bool) -> Receive:
        promised = headers.get("content-length", "0")
        if not promised.isdecimal() or int(promised) > limit:
            raise _too_large(limit)
        counted = _Counted(receive, limit)
        if is_upload or not _is_json(headers.get("content-type", "")):
            return counted  # a file that happens to be JSON is still a file
        body = await counted.whole()
        if body:
            _require_storable(body)
        return _Replayed(body, receive)


class SecurityHeaders:
    """What browsers should know of every answer. Routes that set a header themselves keep theirs."""

    def __init__(self, app: ASGIApp, settings: ApiSettings) -> None:
        self._app = app
        self._headers = {
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
            **({"Strict-Transport-Security": f"max-age={_YEAR}"} if _speaks_tls(settings) else {}),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                if scope["path"] != DOCS:  # that page loads its script from elsewhere
                    headers.setdefault("Content-Security-Policy", CLOSED_TO_BROWSERS)
            await send(message)

        return await self._app(scope, receive, with_headers)


class _Watched:
    """Knows whether an answer has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False
        self.muted = False
        self.when_started: Callable[[], None] = _nothing

    async def __call__(self, message: Message) -> None:
        if self.muted:
            return
        if message["type"] == "http.response.start":
            self.started = True
            self.when_started()
        await self._send(message)


def _nothing() -> None:
    return None


class _Counted:
    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._count = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        self._count += len(message.get("body", b""))
        if self._count > self._limit:
            problem = _too_large(self._limit)  # FastAPI lets no other error out of the reading of a body
            raise HTTPException(problem.status, problem.detail, problem.headers)
        return message

    async def whole(self) -> bytes:
        parts = []
        while True:
            message = await self()
            if message["type"] != "http.request":
                raise HTTPException(400, "the client went away")
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                return b"".join(parts)


class _Replayed:
    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


def _uploads(scope: Scope) -> bool:
    return str(scope["path"]).startswith(UPLOADS)


def _speaks_tls(settings: ApiSettings) -> bool:
    return settings.behind_tls_proxy or settings.tls_certificate is not None


def _too_large(limit: int) -> Problem:
    # Closed, as the rest of the body would be read as the next request.
    return TooLarge(f"the body may have {limit:,} bytes", headers={"Connection": "close"})


def _is_json(content_type: str) -> bool:
    essence = content_type.partition(";")[0].strip().lower()
    return essence == "application/json" or (essence.startswith("application/") and essence.endswith("+json"))


def _require_text(scope: Scope) -> None:
    """Postgres stores no NUL: what asks for one is not found anywhere, and is told so before anybody looks."""
    if "\0" in scope["path"]:
        raise Invalid("the address holds a NUL character", errors=(("path", _NO_NUL),))
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    for name, value in query:
        if "\0" in name + value:
            raise Invalid("the query holds a NUL character", errors=((f"query.{name}".replace("\0", ""), _NO_NUL),))


_NO_NUL = "must not hold the character NUL"
_NO_SURROGATE = "must not hold half of a surrogate pair"


def _require_storable(body: bytes) -> None:
    """JSON that neither Postgres nor UTF-8 can hold is refused for all routes at once, with the field that has it."""
    try:
        document = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Unreadable("the body is not JSON", errors=(("body", _why(error)),)) from error
    faults = tuple(_faults(document))
    if faults:
        raise Invalid("the request holds what cannot be stored", errors=faults[:50])


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _why(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]


def _faults(document: Any) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    left: list[tuple[str, Any, int]] = [("body", document, 0)]
    while left:
        place, value, depth = left.pop()
        match value:
            case str():
                found += [(_shown(place), fault) for fault in _fault_of_text(value)]
            case float() if value in (float("inf"), float("-inf")):
                found.append((_shown(place), "is too large a number"))
            case dict() | list() if depth == MOST_NESTED:
                found.append((_shown(place), f"is nested more than {MOST_NESTED} levels deep"))
            case dict():
                found += [(_shown(f"{place}.{key}"), fault) for key in value for fault in _fault_of_text(key)]
                left += [(f"{place}.{key}", inner, depth + 1) for key, inner in value.items()]
            case list():
                left += [(f"{place}.{number}", inner, depth + 1) for number, inner in enumerate(value)]
    return found


def _fault_of_text(text: str) -> list[str]:
    faults = [_NO_NUL] if "\0" in text else []
    try:
        text.encode()
    except UnicodeEncodeError:
        faults.append(_NO_SURROGATE)
    return faults


def _shown(place: str) -> str:
    return place.replace("\0", "").encode("utf-8", "replace").decode()[:200]
