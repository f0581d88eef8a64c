"""What happens, as it happens: server-sent events of an objective, and a WebSocket for everything."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, Query, Response, WebSocket
from starlette.requests import HTTPConnection

from api.auth.authenticator import SUBPROTOCOL
from api.dependencies import Reader
from api.errors import Invalid, NotFound
from api.live.session import Session
from api.live.source import Live
from api.live.sse import EventStream, ObjectiveEvents
from api.routes.objectives import ObjectiveId

VERSIONED = f"{SUBPROTOCOL}.v1"
_EXAMPLE = 'retry: 2043\n\nid: 1\nevent: objective.asked\ndata: {"seq":1,"kind":"objective.asked",…}\n\n'
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "Events until the objective ends.", "content": {"text/event-stream": {"example": _EXAMPLE}}},
    204: {"description": "It has ended, and you had its last event: do not come back."},
}


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state = app.state
    live = Live(state.house.engine, state.house.settings.api, state.authenticator, state.measures, state.closing)
    async with live:
        state.live = live
        yield


async def live_of(connection: HTTPConnection) -> Live:
    live: Live = connection.app.state.live
    return live


TheLive = Annotated[Live, Depends(live_of)]
router = APIRouter(prefix="/v1", tags=["live"], lifespan=_lifespan)


@router.get("/objectives/{objective_id}/events", status_code=200, response_class=EventStream, responses=_RESPONSES)
async def events(
    objective_id: ObjectiveId,
    caller: Reader,
    live: TheLive,
    after: Annotated[int, Query(ge=0, le=2**31 - 1, description="the number of the last entry that you have")] = 0,
    output: Annotated[bool, Query(description="whether to send what models say, as they say it")] = False,
    last_event_id: Annotated[
        str, Header(alias="Last-Event-ID", pattern=r"^[0-9]{1,10}(\.end)?$", description="counts more than `after`")
    ] = "",
) -> Response:
    """Every journal entry of the objective, as a server-sent event: `id` is its number, `event` its kind.

    Those that were there before come first. Come back with `Last-Event-ID`, and you miss nothing and get nothing
    twice. After the objective's last entry an event `end` is sent; `unauthorized` when your key or token stops
    counting. With `output=true` there are also events `output`, without an id: pieces of what models say.
    """
    tip = (await live.feed.tips([objective_id])).get(objective_id)
    if tip is None or tip.tenant != caller.tenant:
        raise NotFound(f"there is no objective {objective_id}")
    number, _, ended = (last_event_id or str(after)).partition(".")
    if int(number) > tip.seq:
        where = "header.Last-Event-ID" if last_event_id else "query.after"
        raise Invalid("there is no such entry yet", errors=((where, f"the last entry is {tip.seq}"),))
    if ended and tip.ended:
        return Response(status_code=204)
    live.streams.require_room(caller)
    return EventStream(ObjectiveEvents(live, caller, objective_id, tip, int(number), output=output).run())


@router.websocket("/ws")
async def ws(socket: WebSocket, caller: Reader, live: TheLive) -> None:
    """Journal events of everything that the caller's tenant has, presence, and models' output."""
    live.streams.require_room(caller)
    with live.open_stream(caller, "ws") as stream:
        asked = socket.scope.get("subprotocols", ())
        await socket.accept(next((name for name in (VERSIONED, SUBPROTOCOL) if name in asked), None))
        await Session(socket, live, stream).run()
