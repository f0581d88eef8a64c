"""`make bench`: every figure is measured now, on this machine, and printed as a ratio where there is a yardstick."""

import asyncio
import os
import platform
import tempfile
import time
from pathlib import Path

import psutil
from sqlalchemy import Engine
from temporalio.client import Client

from activities.store import database
from config.settings import Settings
from tests import namespaces
from tests.bench.barriers import langgraph_makespan
from tests.bench.engine import Bench, Graph, fan_out, sequential, uneven
from tests.bench.people import PARKED, people_figures
from tests.bench.prompts import prompt_figures
from tests.bench.reads import RATE, read_figures
from tests.bench.streams import stream_figures
from tests.fakes.tools import TOOLS
from worker.embedded import stack
from worker.wiring import build_host

REPEATS = 5


def main() -> None:
    load = os.getloadavg()[0]
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f}, Python {platform.python_version()}\n")
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder) / "data")
        try:
            began = time.perf_counter()
            addresses = stack.ensure(settings)
            line("time to ready, nothing there before", f"{time.perf_counter() - began:.1f} s", "≤ 8 s")
            settle(settings, began)
            line("idle memory of the whole stack (PSS)", f"{memory(settings) / 1e6:.0f} MB", "≤ 700 MB")
            found = stack.find(settings)
            assert found is not None
            server = found.parts["temporal"].pid
            asyncio.run(engine_figures(addresses.temporal_address, addresses.database_url, Path(folder), server))
            stack.stop(settings)
            began = time.perf_counter()
            addresses = stack.ensure(settings)
            line("time to ready, started again", f"{time.perf_counter() - began:.1f} s", "≤ 8 s")
            settle(settings, began)
            reads(addresses.temporal_address, addresses.database_url, Path(folder))
        finally:
            stack.stop(settings)


async def engine_figures(address: str, database_url: str, folder: Path, server: int) -> None:
    client = await namespaces.connect(address)
    engine = database.connect(database_url, pool_size=40)
    bench = Bench(client, engine, folder)
    host = build_host(client, engine, folder, tools=TOOLS, max_concurrent_steps=40)
    async with host, bench.bare_worker():
        for name, graph in (
            ("sequential, n = 10", sequential(10)),
            ("sequential, n = 50", sequential(50)),
            ("fan-out, n = 10", fan_out(10)),
            ("fan-out, n = 50", fan_out(50)),
        ):
            overhead = await bench.overhead(graph, REPEATS)
            seconds = f"{min(overhead.ours):.2f} s against {min(overhead.bare):.2f} s at best"
            line(f"engine overhead, {name}", f"{overhead.ratio:.2f} ×", "≤ 1.25 ×", seconds)
        await makespan(bench)
        await events(bench)
        await people(client, engine, address, folder, server)
    await prompts(client, engine, folder)
    await streams(engine, address, folder)
    engine.dispose()


def reads(address: str, database_url: str, folder: Path) -> None:
    engine = database.connect(database_url, pool_size=2)
    figures = read_figures(engine, address, folder)
    engine.dispose()
    p50, p95, p99 = (f"{figures.percentile(share) * 1000:.0f} ms" for share in (0.5, 0.95, 0.99))
    slowest = f"{figures.percentile(0.95, figures.slowest) * 1000:.0f} ms for {figures.slowest}"
    line(f"API reads at {RATE}/s, p95", p95, "≤ 50 ms", f"p50 {p50}, p99 {p99}; p95 at most {slowest}")


async def prompts(client: Client, engine: Engine, folder: Path) -> None:
    figures = await prompt_figures(client, engine, folder)
    calls = f"{figures.calls_per_task:.0f} calls; what is sent, at four characters a token"
    line("prompt tokens per task, recorded run", f"{figures.tokens_per_task:,.0f}", "", calls)
    line("    of which the prompt before had already", f"{figures.same_share:.0%}", "", "what a cache can serve")
    line("prompt tokens of the plan", f"{figures.planner_tokens:,.0f}", "")


async def people(client: Client, engine: Engine, address: str, folder: Path, server: int) -> None:
    """Middle and 95th of a hundred."""
    figures = await people_figures(client, engine, address, folder, server)
    middle, worst = figures.decision
    line("from a decision over HTTP to its step's start", f"{middle * 1000:.0f} ms", "", f"95 %: {worst * 1000:.0f} ms")
    bare = f"{figures.bare[0] * 1000:.0f} ms, 95 %: {figures.bare[1] * 1000:.0f} ms"
    line("    the same / a signal to bare Temporal", f"{middle / figures.bare[0]:.1f} ×", "", bare)
    line(f"{PARKED} objectives parked on approvals, after", f"{figures.parking:.0f} s", "")
    line("    memory of one, in the host", f"{figures.host_bytes / 1000:.0f} kB", "")
    line("    memory of one, in Temporal", f"{figures.temporal_bytes / 1000:.0f} kB", "")
    middle, worst = figures.resumed
    detail = f"95 %: {worst * 1000:.0f} ms; the task is done and checked meanwhile"
    line("    from a decision to its result's approval", f"{middle * 1000:.0f} ms", "", detail)


async def streams(engine: Engine, address: str, folder: Path) -> None:
    """Middle and 95th of a hundred, from the commit of an entry until a client has it."""
    figures = await stream_figures(engine, address, folder)
    late = {
        "1,000 clients of one objective": figures.one,
        "1,000 clients of 100 objectives": figures.many,
        "one WebSocket that hears everything": figures.socket,
        "    the same, four others writing for 20 ms each": figures.busy_socket,
    }
    for name, (middle, worst) in late.items():
        line(f"event late by, {name}", f"{middle * 1000:.0f} ms", "", f"95 %: {worst * 1000:.0f} ms")
    line("events delivered, 1,000 clients of one objective", f"{figures.deliveries_per_second:,.0f} /s", "")
    line("memory of an open event stream", f"{figures.bytes_per_stream / 1000:.0f} kB", "")


async def makespan(bench: Bench) -> None:
    """Twice the same graph: tasks of several 50 ms steps, and tasks of one step as long as these together."""
    for name, graph in (("50 ms steps", uneven()), ("one step each", uneven().in_single_steps())):
        ours: list[float] = []
        bare: list[float] = []
        barriers: list[float] = []
        for _ in range(3):
            bare.append(await bench.bare(graph))
            ours.append((await bench.ours(graph))[0])
            barriers.append(await langgraph_makespan(graph))
        path, steps = graph.critical_path(), graph.steps
        detail = f"{min(ours):.1f} s for {steps} steps; critical path {path:.1f} s"
        line(f"makespan, uneven, 60 tasks, {name} / critical path", f"{min(ours) / path:.2f} ×", "≤ 1.3 ×", detail)
        line("    the same / bare Temporal", f"{min(ours) / min(bare):.2f} ×", "", f"{min(bare):.1f} s")
        line(
            "    the same / LangGraph in memory",
            f"{min(ours) / min(barriers):.2f} ×",
            "< 1 ×",
            f"{min(barriers):.1f} s",
        )


async def events(bench: Bench) -> None:
    largest = 0
    shapes: tuple[tuple[str, Graph], ...] = (
        ("one task of 50 steps", sequential(50)),
        ("five tasks of 10 steps", Graph([(f"t{i}", [], 10) for i in range(5)])),
        ("50 tasks of one step", fan_out(50)),
    )
    for name, graph in shapes:
        _, objective_id = await bench.ours(graph)
        total, size = await bench.events(objective_id, [task_id for task_id, _, _ in graph.tasks])
        largest = max(largest, size)
        steps = graph.steps
        line(f"history events per step, {name}", f"{total / steps:.1f}", "≤ 8")
    line("largest event", f"{largest / 1024:.1f} KB", "≤ 8 KB")


def settle(settings: Settings, began: float) -> None:
    """The API comes a little later than the rest; what starts would be measured with what is there."""
    stack.api(settings)
    line("    until the API answers", f"{time.perf_counter() - began:.1f} s", "")
    time.sleep(10)


def memory(settings: Settings) -> int:
    """Proportional set size of the supervisor and everything below it, in bytes."""
    found = stack.find(settings)
    assert found is not None
    supervisor = psutil.Process(found.supervisor.pid)
    return sum(process.memory_full_info().pss for process in [supervisor, *supervisor.children(recursive=True)])


def line(what: str, measured: str, bar: str, detail: str = "") -> None:
    print(f"{what:58} {measured:>10}   {bar:9} {detail}", flush=True)


if __name__ == "__main__":
    main()
