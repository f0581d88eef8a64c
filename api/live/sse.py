"""An objective's journal as server-sent events."""

import asyncio
import json
import random
from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing

import structlog
from starlette.responses import StreamingResponse
from starlette.types import Send
from typing_extensions import override

from activities.store.journal import Tip
from api import problems
from api.auth.principal import Principal
from api.errors import Unauthenticated
from api.live.channels import ObjectiveChannel
from api.live.encoding import sent_event
from api.live.outputs import OutputWatch
from api.live.source import Live
from api.live.streams import Ending, Stream

HEARTBEAT_SECONDS = 15.0
STALLED_SECONDS = 60.0
"""A client that takes nothing for so long is given up; it comes back with its last id."""
RETRY_MILLISECONDS = (1_000, 3_000)
"""Clients of a service that was restarted do not all come back at the same moment."""
ENDED = ".end"
"""Follows the last number in the id of the event `end`: who sends that back has had everything."""
log = structlog.get_logger("api.live")


class EventStream(StreamingResponse):
    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[str, None]) -> None:
        # Proxies are told not to collect: an event is worth most while it is new.
        super().__init__(events, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._events = events

    @override
    async def stream_response(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            async with aclosing(self._events) as events:
                async for text in events:
                    async with asyncio.timeout(STALLED_SECONDS):
                        await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
        except TimeoutError:
            log.info("gave up a client that takes nothing")
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class ObjectiveEvents:
    """What one client gets: every entry after the one that it had last, each once and in order."""

    def __init__(
        self, live: Live, principal: Principal, objective_id: str, tip: Tip, after: int, *, output: bool
    ) -> None:
        self._live = live
        self._principal = principal
        self._id = objective_id
        self._tip = tip
        self._position = after
        self._output = output

    async def run(self) -> AsyncGenerator[str, None]:
        yield f"retry: {random.randint(*RETRY_MILLISECONDS)}\n\n"
        with ExitStack() as open_:
            stream = open_.enter_context(self._live.open_stream(self._principal, "sse"))
            channel = open_.enter_context(self._live.feed.objective(self._id, stream.bell))
            channel.note(self._tip)
            watch = self._watch(open_, stream)
            while True:
                stream.bell.clear()
                if stream.ending is not None:
                    yield _goodbye(stream.ending)
                    return
                text = await self._news(channel, watch)
                if text:
                    yield text
                elif last := self._last_words(channel):
                    yield last
                    return
                elif not await stream.wait(HEARTBEAT_SECONDS):
                    yield ": nothing new\n\n"

    def _watch(self, open_: ExitStack, stream: Stream) -> OutputWatch | None:
        if not self._output:
            return None
        return open_.enter_context(self._live.outputs.watch(frozenset({self._id}), stream.bell))

    async def _news(self, channel: ObjectiveChannel, watch: OutputWatch | None) -> str:
        page = await channel.after(self._position)
        self._position = page.position
        said = [sent_event("output", body) for body in watch.news()] if watch is not None else []
        return "".join([*(event.frame for event in page.events), *said])

    def _last_words(self, channel: ObjectiveChannel) -> str:
        """When everything was sent, and nothing more will come."""
        if channel.gone:
            return sent_event("end", json.dumps({"stage": None}), f"{self._position}{ENDED}")
        stage = channel.ended(self._position)
        return sent_event("end", json.dumps({"stage": stage}), f"{self._position}{ENDED}") if stage else ""


def _goodbye(ending: Ending) -> str:
    if ending is Ending.RESTART:
        return ": the service stops; come back\n\n"
    problem = Unauthenticated("your key or token has expired or was revoked")
    return sent_event("unauthorized", problems.document_of(problem).model_dump_json(exclude_defaults=True))
