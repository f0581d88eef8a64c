"""One client of the WebSocket: what it asks for, and what it is sent."""

import asyncio
import time
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count

import structlog
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from activities.store.journal_pages import Cursor
from api import problems
from api.errors import Invalid, NotFound, Problem, TooLarge, Unauthenticated, Unreadable
from api.live.channels import TenantChannel
from api.live.frames import Hello, People, Ping, Pong, Presence, Refusal, Subscribe, Subscribed, client_frames
from api.live.outputs import OutputWatch
from api.live.source import Live
from api.live.streams import Ending, Stream
from workflows.domain.model import Model

MOST_CHARACTERS = 16_000
"""Of a frame from a client."""
MOST_REPLIES = 32
"""Waiting to be sent; until some are, no more frames are read."""
FRAMES_PER_SECOND = 20
BURST = 40
PRESENCE_SECONDS = 1.0
"""Between two lists of who is present."""
QUIET_SECONDS = 60.0
STALLED_SECONDS = 60.0
GOING_AWAY, POLICY, TOO_BIG, FAILED, RESTART = 1001, 1008, 1009, 1011, 1012
log = structlog.get_logger("api.live")
_numbers = count(1)


@dataclass
class _Subscription:
    channel: TenantChannel
    position: Cursor
    only: frozenset[str] | None
    watch: OutputWatch | None
    held: ExitStack
    """Closed when another subscription takes its place."""


class Session:
    def __init__(self, socket: WebSocket, live: Live, stream: Stream) -> None:
        self._socket = socket
        self._live = live
        self._stream = stream
        self._tenant = stream.principal.tenant
        self._connection = str(next(_numbers))
        self._replies: asyncio.Queue[Model] = asyncio.Queue(MOST_REPLIES)
        self._subscription: _Subscription | None = None
        self._shown_presence = -1
        self._presence_at = 0.0

    async def run(self) -> None:
        """Until one of the two goes away."""
        self._replies.put_nowait(Hello.to(self._stream.principal))
        with self._live.presence.ringing(self._tenant, self._stream.bell):
            tasks = [asyncio.create_task(self._hear()), asyncio.create_task(self._tell())]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                ended = await asyncio.gather(*tasks, return_exceptions=True)
                self._live.presence.place(self._connection, self._tenant, "", "")
                self._unsubscribe()
        await self._account_for(ended)

    async def _account_for(self, ended: list[BaseException | None]) -> None:
        """An error that nobody foresaw closes the socket with a code that says so, and is logged."""
        if WebSocketState.DISCONNECTED in (self._socket.application_state, self._socket.client_state):
            return
        failures = [one for one in ended if isinstance(one, Exception) and not isinstance(one, WebSocketDisconnect)]
        if failures:
            log.error("a WebSocket failed", exc_info=failures[0])
            await self._socket.close(FAILED)

    async def _hear(self) -> None:
        allowance, at = float(BURST), time.monotonic()
        while True:
            text = await self._receive()
            now = time.monotonic()
            allowance, at = min(BURST, allowance + (now - at) * FRAMES_PER_SECOND), now
            if allowance < 1:  # who hurries is read slower
                await asyncio.sleep(1 / FRAMES_PER_SECOND)
            allowance -= 1
            try:
                await self._answer(text)
            except Problem as problem:
                await self._reply(Refusal(problem=problems.document_of(problem)))

    async def _receive(self) -> str | None:
        """A frame's text; None of one that has none. Raises WebSocketDisconnect."""
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        text: str | None = message.get("text")
        size = len(text) if text is not None else len(message.get("bytes") or b"")
        if size > MOST_CHARACTERS:
            await self._close(TooLarge(f"a frame may have {MOST_CHARACTERS:,} characters"), TOO_BIG)
        return text

    async def _answer(self, text: str | None) -> None:
        if text is None:
            raise Invalid("frames are text: JSON objects with a `type`")
        try:
            frame = client_frames.validate_json(text)
        except ValidationError as error:
            raise _fault_in(error) from None
        match frame:
            case Ping():
                await self._reply(Pong())
            case Presence():
                name = self._stream.principal.name
                self._live.presence.place(self._connection, self._tenant, name, frame.where)
            case Subscribe():
                await self._subscribe(frame)

    async def _subscribe(self, asked: Subscribe) -> None:
        """Raises Problem; what was subscribed to before stays then."""
        only = None if asked.objectives == "all" else frozenset(asked.objectives)
        try:
            await self._require_own((only or frozenset()) | frozenset(asked.output))
            with ExitStack() as held:
                channel = held.enter_context(self._live.feed.tenant(self._tenant, self._stream.bell))
                position = await self._position(channel, asked.cursor)
                watched = frozenset(asked.output)
                watch = held.enter_context(self._live.outputs.watch(watched, self._stream.bell)) if watched else None
                await self._reply(Subscribed(cursor=str(position)))
                self._unsubscribe()
                self._subscription = _Subscription(channel, position, only, watch, held.pop_all())
        except SQLAlchemyError as error:
            raise problems.problem_of(error) or error from None
        self._stream.bell.set()

    async def _require_own(self, objective_ids: frozenset[str]) -> None:
        tips = await self._live.feed.tips(tuple(objective_ids)) if objective_ids else {}
        own = {objective_id for objective_id, tip in tips.items() if tip.tenant == self._tenant}
        if foreign := sorted(objective_ids - own):
            raise NotFound(f"there is no objective {', '.join(foreign[:5])}")

    async def _position(self, channel: TenantChannel, cursor: str | None) -> Cursor:
        until = await channel.horizon()
        if cursor is None:
            return until.cursor
        try:
            position = Cursor.parse(cursor)
        except ValueError as error:
            raise Invalid("the cursor is none", errors=(("cursor", str(error)),)) from None
        if position.xact > until.unborn:
            raise Invalid("the cursor is of another database", errors=(("cursor", "nothing has come that far yet"),))
        return position

    def _unsubscribe(self) -> None:
        if self._subscription is not None:
            self._subscription.held.close()
            self._subscription = None

    async def _reply(self, frame: Model) -> None:
        await self._replies.put(frame)
        self._stream.bell.set()

    async def _tell(self) -> None:
        while True:
            self._stream.bell.clear()
            if self._stream.ending is not None:
                return await self._say_goodbye(self._stream.ending)
            frames = [*self._waiting_replies(), *await self._news(), *self._presence()]
            for frame in frames:
                await self._send(frame)
            if not frames:
                await self._stream.wait(self._patience())

    def _waiting_replies(self) -> list[str]:
        return [self._replies.get_nowait().model_dump_json(exclude_none=True) for _ in range(self._replies.qsize())]

    async def _news(self) -> list[str]:
        subscription = self._subscription
        if subscription is None:
            return []
        page = await subscription.channel.after(subscription.position, subscription.only)
        subscription.position = page.position
        said = subscription.watch.news() if subscription.watch is not None else []
        return [*(event.frame for event in page.events), *(f'{{"type":"output",{body[1:]}' for body in said)]

    def _presence(self) -> list[str]:
        version = self._live.presence.version(self._tenant)
        if version == self._shown_presence or time.monotonic() < self._presence_at:
            return []
        self._shown_presence, self._presence_at = version, time.monotonic() + PRESENCE_SECONDS
        return [People.of(self._live.presence.people(self._tenant)).model_dump_json()]

    def _patience(self) -> float:
        """Until there may be something to say without that the bell rings."""
        if self._live.presence.version(self._tenant) == self._shown_presence:
            return QUIET_SECONDS
        return max(0.0, self._presence_at - time.monotonic())

    async def _send(self, text: str) -> None:
        try:
            async with asyncio.timeout(STALLED_SECONDS):
                await self._socket.send_text(text)
        except TimeoutError:
            log.info("gave up a client that takes nothing")
            raise WebSocketDisconnect(GOING_AWAY) from None

    async def _say_goodbye(self, ending: Ending) -> None:
        if ending is Ending.UNAUTHORIZED:
            await self._close(Unauthenticated("your key or token has expired or was revoked"), POLICY)
        await self._socket.close(RESTART, "the service stops; come back")

    async def _close(self, problem: Problem, code: int) -> None:
        """Says why, and goes. Raises WebSocketDisconnect."""
        await self._send(Refusal(problem=problems.document_of(problem)).model_dump_json())
        await self._socket.close(code, problem.detail[:120])
        raise WebSocketDisconnect(code)


def _fault_in(error: ValidationError) -> Problem:
    faults = error.errors(include_url=False, include_input=False)
    if faults[0]["type"] == "json_invalid":
        return Unreadable("the frame is not JSON")
    fields = tuple((".".join(map(str, fault["loc"])) or "frame", fault["msg"]) for fault in faults[:20])
    return Invalid("the frame does not have the form it needs", errors=fields)
