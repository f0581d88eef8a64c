"""The WebSocket: events of everything that a tenant has, who is present, and what it refuses."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.api.live.journalist import Journalist
from tests.api.live.listening import calling
from tests.service import Service
from worker.embedded.stack import Addresses


def tenant() -> str:
    return f"socket-{time.time_ns()}"


async def test_says_hello_and_then_what_happens_in_all_objectives(live: Service, journalist: Journalist) -> None:
    ours = tenant()
    async with calling(live.url, live.key("viewer", tenant=ours)) as caller:
        hello = await caller.hear()
        assert hello == {"type": "hello", "name": "ana", "tenant": ours, "roles": ["viewer"]}
        await caller.subscribe()
        first, second = journalist.open(ours), journalist.open(ours)
        journalist.write(first, "more", kind="message")
        frames = await caller.events(3)
    assert [(frame["objective"], frame["entry"]["seq"]) for frame in frames] == [(first, 1), (second, 1), (first, 2)]
    assert frames[2]["entry"]["kind"] == "message"
    assert frames[2]["entry"]["text"] == "more"


async def test_only_the_objectives_that_were_asked_for(live: Service, journalist: Journalist) -> None:
    ours = tenant()
    wanted, other = journalist.open(ours), journalist.open(ours)
    async with calling(live.url, live.key(tenant=ours)) as caller:
        cursor = await caller.subscribe([wanted])
        journalist.write(other, "not this")
        journalist.write(wanted, "this")
        [frame] = await caller.events(1)
        assert frame["entry"]["text"] == "this"
        await caller.subscribe([other], cursor)  # from memory as from the table
        [frame] = await caller.events(1)
        assert frame["entry"]["text"] == "not this"
        await caller.subscribe([wanted], "0.0")
        frames = await caller.events(2)
        assert [frame["entry"]["kind"] for frame in frames] == ["objective.asked", "step.done"]


async def test_nothing_of_another_tenant_is_heard(live: Service, journalist: Journalist) -> None:
    ours, theirs = tenant(), tenant()
    foreign = journalist.open(theirs)
    async with calling(live.url, live.key(tenant=ours)) as caller:
        await caller.say("subscribe", objectives=[foreign])
        refused = await caller.hear("error")
        assert refused["problem"]["status"] == 404
        await caller.subscribe("all", "0.0")
        journalist.write(foreign, "secret")
        mine = journalist.open(ours)
        [frame] = await caller.events(1)
        assert frame["objective"] == mine


async def test_a_cursor_of_another_database_or_none_at_all_is_refused(live: Service, journalist: Journalist) -> None:
    async with calling(live.url, live.key()) as caller:
        for cursor in ("nonsense", "1.2.3", f"{1 << 62}.1"):
            await caller.say("subscribe", objectives="all", cursor=cursor)
            refused = await caller.hear("error", "subscribed")
            assert refused["problem"]["status"] == 422, refused
            assert refused["problem"]["errors"][0]["field"] == "cursor"


@pytest.mark.parametrize(
    "said",
    [
        "",
        "not json",
        "[]",
        "null",
        '"ping"',
        "{}",
        '{"type":"dance"}',
        '{"type":"ping","extra":1}',
        '{"type":"subscribe","objectives":"some"}',
        '{"type":"subscribe","objectives":[1]}',
        '{"type":"subscribe","objectives":["../../etc"]}',
        '{"type":"presence","where":"objective/<script>"}',
        '{"type":"presence"}',
        '{"type":"subscribe","cursor":"\\ud800"}',
        "[" * 5_000,
        b"\x00\x01",
    ],
)
async def test_a_malformed_frame_gets_an_error_and_changes_nothing(live: Service, said: str | bytes) -> None:
    async with calling(live.url, live.key()) as caller:
        await caller.socket.send(said)
        refused = await caller.hear("error")
        assert refused["problem"]["status"] in (400, 422)
        await caller.say("ping")
        assert await caller.hear("pong") == {"type": "pong"}


@pytest.mark.parametrize("size", [16_500, 100_000])
async def test_an_oversize_frame_closes_the_socket(live: Service, size: int) -> None:
    async with calling(live.url, live.key()) as caller:
        await caller.hear("hello")
        await caller.socket.send(json.dumps({"type": "ping", "padding": "x" * size}))
        await caller.socket.wait_closed()
        assert caller.socket.close_code == 1009


async def test_frames_in_masses_are_read_slowly_and_all_answered(live: Service) -> None:
    async with calling(live.url, live.key()) as caller:
        for _ in range(60):
            await caller.say("ping")
        for _ in range(60):
            await caller.hear("pong")


async def test_a_browser_sends_its_token_as_a_subprotocol(live: Service) -> None:
    url = f"{live.url.replace('http', 'ws', 1)}/v1/ws"
    asked: Any = ["botted.v1", f"botted.bearer.{live.key()}"]
    async with connect(url, subprotocols=asked, proxy=None) as socket:
        assert socket.subprotocol == "botted.v1"
        assert json.loads(await socket.recv())["type"] == "hello"


@pytest.mark.parametrize("credential", [None, "botted_nonsense", "Bearer"])
async def test_nobody_calls_without_a_key(live: Service, credential: str | None) -> None:
    headers = {"Authorization": f"Bearer {credential}"} if credential else {}
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"{live.url.replace('http', 'ws', 1)}/v1/ws", additional_headers=headers, proxy=None):
            pass
    assert refused.value.response.status_code == 401
    assert refused.value.response.headers["Content-Type"] == "application/problem+json"


async def test_the_socket_closes_when_the_key_expires(live: Service) -> None:
    key = live.key("viewer", expires_at=datetime.now(UTC) + timedelta(seconds=1.5))
    async with calling(live.url, key) as caller:
        said = await caller.hear("error")
        assert said["problem"]["status"] == 401
        await caller.socket.wait_closed()
        assert caller.socket.close_code == 1008


async def test_the_socket_closes_when_the_key_is_revoked(live: Service) -> None:
    key = live.key("viewer")
    async with calling(live.url, key) as caller:
        live.client(live.key()).delete(f"/v1/keys/{key.split('_')[1]}").raise_for_status()
        said = await caller.hear("error")
        assert said["problem"]["status"] == 401


async def test_there_are_only_so_many_streams(
    engine: Engine, addresses: Addresses, live_folder: Path, journalist: Journalist
) -> None:
    objective_id = journalist.open()
    address = addresses.temporal_address
    with Service(engine, address, live_folder, max_streams=3, max_streams_per_key=2) as service:
        key, other = service.key(), service.key()
        path = f"/v1/objectives/{objective_id}/events"
        async with calling(service.url, key), calling(service.url, key):
            assert service.client(key).get(path).status_code == 503
            async with calling(service.url, other):
                refused = service.client(service.key()).get(path)
                assert refused.status_code == 503
                assert "3 open streams" in refused.json()["detail"]
                assert int(refused.headers["Retry-After"]) > 0
        journalist.end(objective_id)
        for _ in range(50):  # a place that became free is free again
            if service.client(key).get(path).status_code == 200:
                break
            await asyncio.sleep(0.1)
        else:
            raise AssertionError("the places of those who left are still taken")


async def test_who_is_present_is_known_in_all_services(
    engine: Engine, addresses: Addresses, live: Service, live_folder: Path, journalist: Journalist
) -> None:
    ours = tenant()
    where = f"objective/{journalist.open(ours)}"
    foreign = live.key(tenant=tenant(), name="eve")
    with Service(engine, addresses.temporal_address, live_folder) as other:
        ana, ben = live.key(tenant=ours, name="ana"), live.key(tenant=ours, name="ben")
        async with calling(live.url, ana) as here, calling(live.url, foreign) as eve:
            await here.say("presence", where=where)
            await _seen(here, {("ana", where)})
            async with calling(other.url, ben) as there:
                await _seen(there, {("ana", where)})  # who comes later is told at once
                await there.say("presence", where=where)
                await _seen(here, {("ana", where), ("ben", where)})
                await _seen(there, {("ana", where), ("ben", where)})
                await here.say("presence", where="")
                await _seen(there, {("ben", where)})
            await _seen(here, set())
            await eve.say("ping")
            assert (await eve.hear("presence", "pong")) in ({"type": "presence", "people": []}, {"type": "pong"})


async def _seen(caller: Any, people: set[tuple[str, str]]) -> None:
    while True:
        frame = await caller.hear("presence")
        if {(one["name"], one["where"]) for one in frame["people"]} == people:
            return
