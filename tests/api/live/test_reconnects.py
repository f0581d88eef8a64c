"""Nothing is lost and nothing doubled, whatever is cut: the client, the service, the way to Postgres."""

import asyncio
import time
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import Engine

from tests.api.live.interruptions import Detour, cut_listeners
from tests.api.live.journalist import Journalist
from tests.api.live.listening import Dawdling, calling, listening
from tests.service import Service
from worker.embedded.stack import Addresses


class Following:
    """A client of an event stream as browsers are: it comes back with the last id that it had."""

    def __init__(self, objective_id: str, key: str) -> None:
        self.objective_id = objective_id
        self.key = key
        self.last_id = ""
        self.seen: list[int] = []
        self.connections = 0

    async def follow(self, url: str, until: int) -> None:
        """Raises what cuts it."""
        self.connections += 1
        async with listening(url, self.key, self.objective_id, last_id=self.last_id) as ear:
            while not self.seen or self.seen[-1] < until:
                heard = await ear.hear()
                if heard is None:
                    return
                self.last_id = heard.id
                self.seen.append(heard.seq)


async def test_a_service_that_restarts_costs_no_entry(
    engine: Engine, addresses: Addresses, live_folder: Path, journalist: Journalist
) -> None:
    objective_id = journalist.open()
    key = ""
    following: Following | None = None
    for n in range(3):
        with Service(engine, addresses.temporal_address, live_folder) as service:
            key = key or service.key()
            following = following or Following(objective_id, key)
            seen = len(following.seen)
            task = asyncio.create_task(following.follow(service.url, 1_000))
            await asyncio.to_thread(journalist.write, objective_id, *(f"{n}.{m}" for m in range(50)))
            while len(following.seen) < seen + 25:  # noqa: ASYNC110 - the service is stopped in the middle
                await asyncio.sleep(0.01)
            began = time.monotonic()
        await task
        assert time.monotonic() - began < 4, "open streams held up the service's end"
        journalist.write(objective_id, "while no service runs")
    assert following is not None
    with Service(engine, addresses.temporal_address, live_folder) as service:
        await following.follow(service.url, 154)
    assert following.seen == list(range(1, 155))
    assert following.connections == 4


async def test_a_socket_that_comes_back_to_another_service_misses_nothing(
    engine: Engine, addresses: Addresses, live_folder: Path, journalist: Journalist
) -> None:
    tenant = f"restarts-{time.time_ns()}"
    first, second = journalist.open(tenant), journalist.open(tenant)
    cursor: str | None = "0.0"
    heard: list[tuple[str, int]] = []
    with Service(engine, addresses.temporal_address, live_folder) as service:
        key = service.key(tenant=tenant)
    for n in range(3):
        with Service(engine, addresses.temporal_address, live_folder) as service:
            async with calling(service.url, key) as caller:
                await caller.subscribe(cursor=cursor)
                await asyncio.to_thread(_write_both, journalist, first, second)
                for frame in await caller.events(20 + 2 * (n == 0)):
                    cursor = frame["cursor"]
                    heard.append((frame["objective"], frame["entry"]["seq"]))
        _write_both(journalist, first, second)
    with Service(engine, addresses.temporal_address, live_folder) as service:
        async with calling(service.url, key) as caller:
            await caller.subscribe(cursor=cursor)
            heard += [(frame["objective"], frame["entry"]["seq"]) for frame in await caller.events(122 - len(heard))]
            journalist.write(first, "the last")
            [last] = await caller.events(1)
            assert last["entry"]["text"] == "the last"
    for objective_id in (first, second):
        assert [seq for id_, seq in heard if id_ == objective_id] == list(range(1, 62))


def _write_both(journalist: Journalist, first: str, second: str) -> None:
    for n in range(10):
        journalist.write(first, str(n))
        journalist.write(second, str(n))


async def test_a_service_that_stops_says_so_and_does_not_wait_for_streams(
    engine: Engine, addresses: Addresses, live_folder: Path, journalist: Journalist
) -> None:
    objective_id = journalist.open()
    with ExitStack() as running:
        service = running.enter_context(Service(engine, addresses.temporal_address, live_folder))
        key = service.key()
        async with listening(service.url, key, objective_id) as ear, calling(service.url, key) as caller:
            await ear.take(1)
            await caller.hear("hello")
            began = time.monotonic()
            await asyncio.to_thread(running.close)
            took = time.monotonic() - began
            assert await ear.rest() == []
            await caller.socket.wait_closed()
            assert caller.socket.close_code == 1012
    assert took < 3


async def test_clients_of_two_services_hear_the_same(
    engine: Engine, addresses: Addresses, live: Service, live_folder: Path, journalist: Journalist
) -> None:
    tenant = f"two-{time.time_ns()}"
    ids = [journalist.open(tenant) for _ in range(3)]
    key = live.key(tenant=tenant)
    with Service(engine, addresses.temporal_address, live_folder) as other:
        async with calling(live.url, key) as here, calling(other.url, key) as there:
            await here.subscribe(cursor="0.0")
            await there.subscribe(cursor="0.0")
            writing = [asyncio.to_thread(journalist.write, id_, *map(str, range(40))) for id_ in ids]
            await asyncio.gather(*writing)
            heard = [await caller.events(123) for caller in (here, there)]
    assert heard[0] == heard[1]
    assert len({frame["cursor"] for frame in heard[0]}) == 123


async def test_a_lost_connection_to_postgres_costs_no_entry(live: Service, journalist: Journalist) -> None:
    objective_id, key = journalist.open(), live.key()
    async with listening(live.url, key, objective_id) as ear, calling(live.url, key) as caller:
        await caller.subscribe([objective_id])
        await ear.take(1)
        cut = 0
        for n in range(5):
            await asyncio.to_thread(journalist.write, objective_id, f"{n} before")
            cut += cut_listeners(journalist.engine)
            await asyncio.to_thread(journalist.write, objective_id, f"{n} after")
            assert [event.seq for event in await ear.take(2)] == [2 + 2 * n, 3 + 2 * n]
        frames = await caller.events(10)
    assert cut >= 2  # it may just have been about to come back
    assert [frame["entry"]["seq"] for frame in frames] == list(range(2, 12))


async def test_streams_outlive_a_postgres_that_goes_away_and_comes_back(
    engine: Engine, addresses: Addresses, live_folder: Path, journalist: Journalist
) -> None:
    objective_id = journalist.open()
    with (
        Detour(engine.url) as detour,
        Service(engine, addresses.temporal_address, live_folder, database_url=detour.url) as service,
    ):
        key = service.key()
        async with listening(service.url, key, objective_id) as ear, calling(service.url, key) as caller:
            await ear.take(1)
            await caller.subscribe([objective_id])
            for n in range(2):
                detour.close()
                await asyncio.to_thread(journalist.write, objective_id, f"{n} while it is away")
                await asyncio.sleep(1.5)
                detour.open()
                assert [event.seq for event in await ear.take(1)] == [2 + 2 * n]
                await asyncio.to_thread(journalist.write, objective_id, f"{n} afterwards")
                assert [event.seq for event in await ear.take(1)] == [3 + 2 * n]
            frames = await caller.events(4)
    assert [frame["entry"]["seq"] for frame in frames] == [2, 3, 4, 5]


async def test_a_client_that_reads_slowly_loses_nothing_and_holds_up_nobody(
    live: Service, journalist: Journalist
) -> None:
    objective_id, key = journalist.open(), live.key()
    count = 5_000
    async with calling(live.url, key) as slow, listening(live.url, key, objective_id) as quick:
        await slow.subscribe([objective_id])
        async with Dawdling(live.url, key, objective_id) as dawdling:
            await dawdling.read(200)
            writing = asyncio.to_thread(_write_many, journalist, objective_id, count)
            _, heard = await asyncio.gather(writing, quick.take(count + 1))
            assert [event.seq for event in heard] == list(range(1, count + 2))
            assert await dawdling.rest(count + 1) == list(range(1, count + 2))
        frames = await slow.events(count)
        assert [frame["entry"]["seq"] for frame in frames] == list(range(2, count + 2))


def _write_many(journalist: Journalist, objective_id: str, count: int) -> None:
    text = "as long as what workers say of themselves, " * 20
    for start in range(0, count, 100):
        journalist.write_together(objective_id, *(f"{n} {text}" for n in range(start, start + 100)))
