"""What people in the loop cost: from a decision to what it lets start, and hundreds of objectives that wait."""

import asyncio
import random
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import quantiles
from uuid import uuid4

import httpx2
import psutil
from sqlalchemy import Engine, func, select
from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

from activities.store.tables import approvals, steps
from tests.bench.bare import BARE_PEOPLE_QUEUE, BareWait
from tests.objectives import Objectives, Running, until
from tests.service import ServiceProcess
from worker.app import workflow_runner
from workflows.domain.model import Model
from workflows.domain.objective import Mode, Oversight

DECISIONS = 40
PARKED = 500
SAMPLE = 60
PLAN = "tasks: [{id: a, title: A, steps: [{tool: fake.noop}]}]"


class PeopleFigures(Model):
    decision: tuple[float, float]
    """Seconds, the middle and the 95th of a hundred, from sending a decision over HTTP to the start of its step."""
    bare: tuple[float, float]
    """The same from sending a signal to bare Temporal to the start of an activity."""
    parking: float
    """Seconds until all objectives waited."""
    host_bytes: float
    """What one that waits takes in the host."""
    temporal_bytes: float
    """What one that waits takes in Temporal."""
    resumed: tuple[float, float]
    """From a decision on one of them, over HTTP, until it asks for its result to be approved."""


async def people_figures(client: Client, engine: Engine, address: str, folder: Path, server: int) -> PeopleFigures:
    """`server` is the process of Temporal. Needs a host with the tests' tools that shares `folder`."""
    objectives = Objectives(client, engine, folder)
    with ServiceProcess(engine, address, folder) as service:
        headers = {"Authorization": f"Bearer {service.key('operator')}"}
        async with httpx2.AsyncClient(base_url=service.url, headers=headers, timeout=60, trust_env=False) as caller:
            decision = await _decisions(objectives, caller)
            bare = await _bare(client)
            memory = _Memory(server)
            began = time.perf_counter()
            parked = await _park(objectives)
            parking = time.perf_counter() - began
            host_bytes, temporal_bytes = memory.grown()
            resumed = await _resume(objectives, caller, parked)
    return PeopleFigures(
        decision=decision,
        bare=bare,
        parking=parking,
        host_bytes=host_bytes / PARKED,
        temporal_bytes=temporal_bytes / PARKED,
        resumed=resumed,
    )


async def _decisions(objectives: Objectives, caller: httpx2.AsyncClient) -> tuple[float, float]:
    listed = ", ".join(["{tool: fake.noop}"] * DECISIONS)
    running = await objectives.start(
        f"tasks: [{{id: a, title: A, steps: [{listed}]}}]", mode=Mode.MANUAL, oversight=Oversight.STEP
    )
    objective_id = objectives.id_of(running)
    await _decide(objectives, caller, f"{objective_id}.plan.1")
    late: list[float] = []
    for n in range(1, DECISIONS + 1):
        sent = await _decide(objectives, caller, f"{objective_id}.step.a.1.{n}")
        late.append(await asyncio.to_thread(_started, objectives.engine, objective_id, n) - sent)
    await running.cancel()
    return _spread(late)


async def _decide(objectives: Objectives, caller: httpx2.AsyncClient, approval: str) -> float:
    """When it was sent; waits until somebody asks for it."""
    await asyncio.to_thread(_wait_for, objectives.engine, approval)
    sent = time.time()
    answer = await caller.post(f"/v1/approvals/{approval}/decide", json={"decision": "approved"})
    assert answer.status_code == 200, answer.text
    return sent


def _wait_for(engine: Engine, approval: str) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        query = select(func.count()).where(approvals.c.id == approval, approvals.c.state == "open")
        while not connection.execute(query).scalar_one():
            time.sleep(0.005)


def _started(engine: Engine, objective_id: str, count: int) -> float:
    """When the n-th step started, by the database's clock, which is this machine's."""
    query = select(steps.c.started_at).where(steps.c.objective_id == objective_id).order_by(steps.c.started_at)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while True:
            found = list(connection.execute(query).scalars())
            if len(found) >= count:
                return float(found[count - 1].timestamp())
            time.sleep(0.002)


async def _bare(client: Client) -> tuple[float, float]:
    began: asyncio.Queue[float] = asyncio.Queue()

    @activity.defn(name="bare_step")
    async def bare_step() -> None:
        began.put_nowait(time.time())

    waiting = Worker(client, task_queue=BARE_PEOPLE_QUEUE, workflows=[BareWait], workflow_runner=workflow_runner())
    working = Worker(client, task_queue=f"{BARE_PEOPLE_QUEUE}-steps", activities=[bare_step])
    late: list[float] = []
    async with waiting, working:
        handle = await client.start_workflow(
            BareWait.run, DECISIONS, id=f"bare-wait/{uuid4().hex}", task_queue=BARE_PEOPLE_QUEUE
        )
        for _ in range(DECISIONS):
            await asyncio.sleep(0.05)
            sent = time.time()
            await handle.signal(BareWait.go)
            late.append(await began.get() - sent)
        await handle.result()
    return _spread(late)


async def _park(objectives: Objectives) -> list[Running]:
    """All of them, until each waits for its plan to be approved."""
    limit = asyncio.Semaphore(20)

    async def start() -> Running:
        async with limit:
            return await objectives.start(PLAN, mode=Mode.MANUAL)

    query = select(func.count()).where(approvals.c.state == "open")

    def waiting() -> int:
        with objectives.engine.connect() as connection:
            return connection.execute(query).scalar_one()

    before = waiting()
    parked = await asyncio.gather(*(start() for _ in range(PARKED)))
    await until(lambda: waiting() >= before + PARKED, 300)
    return parked


async def _resume(objectives: Objectives, caller: httpx2.AsyncClient, parked: Sequence[Running]) -> tuple[float, float]:
    """Some of them, one after the other, in no order."""
    late: list[float] = []
    for running in random.Random(7).sample(list(parked), SAMPLE):
        objective_id = objectives.id_of(running)
        sent = await _decide(objectives, caller, f"{objective_id}.plan.1")
        await asyncio.to_thread(_wait_for, objectives.engine, f"{objective_id}.result.1")
        late.append(time.time() - sent)
    await asyncio.gather(*(running.cancel() for running in parked))
    return _spread(late)


class _Memory:
    """What this process, which is the host, and Temporal's have grown by."""

    def __init__(self, server: int) -> None:
        self._processes = (psutil.Process(), psutil.Process(server))
        self._before = self._now()

    def grown(self) -> tuple[float, float]:
        host, temporal = (now - before for now, before in zip(self._now(), self._before, strict=True))
        return float(host), float(temporal)

    def _now(self) -> list[int]:
        return [process.memory_info().rss for process in self._processes]


def _spread(seconds: Sequence[float]) -> tuple[float, float]:
    cuts = quantiles(seconds, n=20)
    return cuts[9], cuts[18]
