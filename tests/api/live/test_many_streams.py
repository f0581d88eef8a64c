import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from sqlalchemy import Engine

from tests.api.live.crowd import crowd
from tests.api.live.journalist import Journalist
from tests.service import ServiceProcess
from worker.embedded.stack import Addresses

STREAMS, ENTRIES = 1_000, 20
MOST_PER_STREAM = 100_000
"""Bytes."""


@pytest.mark.timeout(60)
async def test_a_thousand_streams_hear_everything_and_cost_little(
    engine: Engine,
    addresses: Addresses,
    live_folder: Path,
    journalist: Journalist,
    record_property: Callable[[str, object], None],
) -> None:
    objective_id = journalist.open()
    with ServiceProcess(engine, addresses.temporal_address, live_folder) as service:
        assert service.process is not None
        process, key = psutil.Process(service.process.pid), service.key("viewer")
        service.client(key).get("/v1/health").raise_for_status()
        alone = process.memory_info().rss
        began = time.monotonic()
        async with crowd(service.url, key, [objective_id], STREAMS) as listeners:
            connected = time.monotonic() - began
            writing = asyncio.to_thread(journalist.write, objective_id, *map(str, range(ENTRIES)))
            async with asyncio.timeout(20):
                await asyncio.gather(listeners.hear_until(1 + ENTRIES), writing)
            heard = time.monotonic() - began - connected
            memory = (process.memory_info().rss - alone) / STREAMS
        assert all(one.numbers == list(range(1, 2 + ENTRIES)) for one in listeners.listeners)
        stopping = time.monotonic()
        service.stop()
        stopped = time.monotonic() - stopping
    record_property("bytes_per_stream", round(memory))
    print(f"{memory / 1000:.0f} kB each; connected in {connected:.1f} s, heard all in {heard:.1f} s")
    assert memory < MOST_PER_STREAM
    assert stopped < 5
