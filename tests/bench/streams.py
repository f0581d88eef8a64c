"""What live events cost: how late they are, and how many there can be, with a thousand clients that listen."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import quantiles

import psutil
from sqlalchemy import Engine, text

from activities.store import journal
from activities.store.journal import Entry
from tests.api.live.crowd import Crowd, crowd
from tests.api.live.journalist import Journalist
from tests.api.live.listening import calling
from tests.service import ServiceProcess
from workflows.domain.model import Model

STREAMS = 1_000
OBJECTIVES = 100
PACE_SECONDS = 0.25
ENTRIES = 20
HELD_SECONDS = 0.02
BURST = 200


class StreamFigures(Model):
    connections_per_second: float
    bytes_per_stream: float
    one: tuple[float, float]
    """Seconds, the middle and the 95th of a hundred, from commit to client, all listening to one objective."""
    many: tuple[float, float]
    """The same where the streams share a hundred objectives, and each entry is for ten of them."""
    socket: tuple[float, float]
    """The same over the WebSocket, one client that hears everything."""
    busy_socket: tuple[float, float]
    """The same while others write, in transactions that stay open for a moment: what may come before is waited for."""
    deliveries_per_second: float
    """When entries come as fast as they are written: each to a thousand clients."""


async def stream_figures(engine: Engine, address: str, folder: Path) -> StreamFigures:
    journalist = Journalist(engine)
    ids = [journalist.open("bench") for _ in range(OBJECTIVES)]
    with ServiceProcess(engine, address, folder) as service:
        assert service.process is not None
        key = service.key("viewer", tenant="bench")
        process = psutil.Process(service.process.pid)
        alone, began = process.memory_info().rss, time.monotonic()
        async with crowd(service.url, key, ids[:1], STREAMS) as all_of_one:
            connecting = time.monotonic() - began
            one = await _paced(journalist, all_of_one, ids[:1])
            per_stream = (process.memory_info().rss - alone) / STREAMS
            burst = await _burst(journalist, all_of_one, ids[0])
        async with crowd(service.url, key, ids[1:], STREAMS) as shared:
            many = await _paced(journalist, shared, ids[1:])
        quiet = await _over_a_socket(service.url, key, journalist, ids)
        async with _others_writing(engine):
            busy = await _over_a_socket(service.url, key, journalist, ids)
        return StreamFigures(
            connections_per_second=STREAMS / connecting,
            bytes_per_stream=per_stream,
            one=one,
            many=many,
            socket=quiet,
            busy_socket=busy,
            deliveries_per_second=burst,
        )


async def _paced(journalist: Journalist, listeners: Crowd, ids: list[str]) -> tuple[float, float]:
    """Entry by entry, to one objective after the other."""
    written: dict[str, list[float]] = {id_: [] for id_ in ids}
    heard_before = [len(one.numbers) for one in listeners.listeners]
    listening = [asyncio.create_task(one.hear_until(1 + _rounds(ids))) for one in listeners.listeners]
    await asyncio.sleep(0.5)
    for _ in range(_rounds(ids)):
        for id_ in ids:
            await asyncio.to_thread(journalist.write, id_, "something")
            written[id_].append(time.monotonic())
            await asyncio.sleep(PACE_SECONDS if len(ids) == 1 else PACE_SECONDS / 5)
    await asyncio.gather(*listening)
    late = [
        heard - told
        for n, one in enumerate(listeners.listeners)
        for heard, told in zip(one.times[max(1, heard_before[n]) :], written[ids[n % len(ids)]], strict=True)
    ]
    return _middle_and_worst(late)


def _rounds(ids: list[str]) -> int:
    return ENTRIES if len(ids) == 1 else 3


async def _burst(journalist: Journalist, listeners: Crowd, objective_id: str) -> float:
    last = journalist.last(objective_id) + BURST
    began = time.monotonic()
    writing = asyncio.to_thread(journalist.write, objective_id, *map(str, range(BURST)))
    await asyncio.gather(writing, listeners.hear_until(last))
    return BURST * len(listeners.listeners) / (time.monotonic() - began)


async def _over_a_socket(url: str, key: str, journalist: Journalist, ids: list[str]) -> tuple[float, float]:
    late = []
    async with calling(url, key) as caller:
        await caller.subscribe()
        for n in range(8 * ENTRIES):
            await asyncio.to_thread(journalist.write, ids[n % len(ids)], "something")
            told = time.monotonic()
            await caller.events(1)
            late.append(time.monotonic() - told)
    return _middle_and_worst(late)


@asynccontextmanager
async def _others_writing(engine: Engine) -> AsyncIterator[None]:
    """Four writers, each in one transaction after the other."""
    journalist, stop = Journalist(engine), threading.Event()
    writers = [asyncio.to_thread(_write_on, journalist, stop) for _ in range(4)]
    writing = asyncio.gather(*writers)
    try:
        yield
    finally:
        stop.set()
        await writing


def _write_on(journalist: Journalist, stop: threading.Event) -> None:
    objective_id = journalist.open("bench-others")
    while not stop.is_set():
        with journalist.engine.begin() as connection:
            connection.execute(text("SELECT pg_current_xact_id()"))
            time.sleep(HELD_SECONDS)
            journal.append(connection, Entry(objective_id=objective_id, kind="step.done", actor="bench"))


def _middle_and_worst(seconds: list[float]) -> tuple[float, float]:
    cuts = quantiles(seconds, n=20)
    return cuts[9], cuts[18]
