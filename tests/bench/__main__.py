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
from tests.bench.prompts import prompt_figures
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
            asyncio.run(engine_figures(addresses.temporal_address, addresses.database_url, Path(folder)))
            time.sleep(5)
            line("idle memory of the whole stack (PSS)", f"{memory(settings) / 1e6:.0f} MB", "≤ 700 MB")
            stack.stop(settings)
            began = time.perf_counter()
            stack.ensure(settings)
            line("time to ready, started again", f"{time.perf_counter() - began:.1f} s", "≤ 8 s")
        finally:
            stack.stop(settings)


async def engine_figures(address: str, database_url: str, folder: Path) -> None:
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
    await prompts(client, engine, folder)
    engine.dispose()


async def prompts(client: Client, engine: Engine, folder: Path) -> None:
    figures = await prompt_figures(client, engine, folder)
    calls = f"{figures.calls_per_task:.0f} calls; what is sent, at four characters a token"
    line("prompt tokens per task, recorded run", f"{figures.tokens_per_task:,.0f}", "", calls)
    line("    of which the prompt before had already", f"{figures.same_share:.0%}", "", "what a cache can serve")
    line("prompt tokens of the plan", f"{figures.planner_tokens:,.0f}", "")


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
