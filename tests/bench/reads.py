"""How long the API takes to read, at a steady rate, on a database with thousands of objectives and long journals."""

import asyncio
import json
import random
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from sqlalchemy import Engine, text

from activities.store.artifacts import ArtifactStore
from tests.service import ServiceProcess
from workflows.domain.objective import Objective
from workflows.domain.plan import Plan, Step, Task

OBJECTIVES = 2000
LONG = 40
"""Every n-th objective has a journal of LONG_JOURNAL entries, the others of JOURNAL."""
JOURNAL, LONG_JOURNAL = 200, 4000
TASKS = 12
RATE = 100
SECONDS = 20
TENANT = "bench-reads"
MIX = {
    "/v1/objectives": 10,
    "/v1/objectives?stage=running&stage=approval": 5,
    "/v1/objectives?text=number%2017": 4,
    "/v1/approvals": 4,
    "/v1/objectives/{id}": 32,
    "/v1/objectives/{id}/tasks": 14,
    "/v1/objectives/{id}/tasks/{task}": 5,
    "/v1/objectives/{id}/tasks/{task}/steps": 5,
    "/v1/objectives/{id}/artifacts": 6,
    "/v1/objectives/{id}/journal?after={seq}": 6,
    "/v1/objectives/{id}/plan": 4,
    "/v1/objectives/{id}/verdicts": 3,
    "/v1/objectives/{id}/costs": 2,
}
"""Address → how often, in a hundred."""


@dataclass
class ReadFigures:
    """Seconds from the moment that a request was due until its answer was there."""

    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def percentile(self, share: float, *routes: str) -> float:
        ordered = sorted(t for route in routes or self.times for t in self.times[route])
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    @property
    def slowest(self) -> str:
        """The route with the highest 95th percentile."""
        return max(self.times, key=lambda route: self.percentile(0.95, route))


def read_figures(engine: Engine, temporal_address: str, folder: Path) -> ReadFigures:
    seed(engine, folder)
    with ServiceProcess(
        engine, temporal_address, folder, namespace="default", BOTTED_API__REQUESTS_PER_MINUTE="1000000"
    ) as service:
        key = service.key("viewer", tenant=TENANT)
        asyncio.run(_drive(service.url, key, 5))  # until connections and views are there
        return asyncio.run(_drive(service.url, key, SECONDS))


async def _drive(url: str, key: str, seconds: float) -> ReadFigures:
    """At RATE requests a second, whether or not the answers keep up."""
    dice, figures = random.Random(11), ReadFigures()
    routes = dice.choices(list(MIX), list(MIX.values()), k=int(RATE * seconds))
    limits = httpx2.Limits(max_connections=200, max_keepalive_connections=200)
    async with httpx2.AsyncClient(
        base_url=url, headers={"Authorization": f"Bearer {key}"}, limits=limits, timeout=30, trust_env=False
    ) as client:
        began = time.perf_counter()

        async def one(n: int, route: str) -> None:
            due = began + n / RATE
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            answer = await client.get(_address(route, dice))
            assert answer.status_code == 200, answer.text
            figures.times[route].append(time.perf_counter() - due)

        await asyncio.gather(*(one(n, route) for n, route in enumerate(routes)))
    return figures


def _address(route: str, dice: random.Random) -> str:
    """Most people look at what is new."""
    newest = dice.random() < 0.7
    number = dice.randint(OBJECTIVES - 100, OBJECTIVES) if newest else dice.randint(1, OBJECTIVES)
    return route.format(id=f"bench-read-{number}", task=f"t{dice.randint(1, TASKS)}", seq=dice.randint(0, JOURNAL))


def seed(engine: Engine, folder: Path) -> None:
    """Straight into the tables, as work would have left them."""
    plan = _plan()
    kept = ArtifactStore(engine, folder).put("plan.json", plan.model_dump_json().encode(), "application/json")
    objective = Objective(id="bench-read-0", text="x", tenant=TENANT, asked_by="ana")
    outline = [
        {"id": task.id, "title": task.title, "kind": "steps", "needs": list(task.needs), "steps": 10, "max_attempts": 3}
        for task in plan.tasks
    ]
    values = {
        "tenant": TENANT,
        "request": objective.model_dump_json(),
        "plan": kept.sha256,
        "tasks": json.dumps({"tasks": outline, "plan": kept.sha256}),
        "last": OBJECTIVES,
        "long": LONG,
        "short_journal": JOURNAL,
        "long_journal": LONG_JOURNAL,
        "count": TASKS,
    }
    with engine.begin() as connection:
        for statement in _SEED:
            connection.execute(text(statement), values)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def _plan() -> Plan:
    steps = tuple(Step(id=f"step-{n}", tool="file.read", title=f"Read {n}") for n in range(1, 11))
    tasks = [
        Task(id=f"t{n}", title=f"Task {n}", needs=(f"t{n - 1}",) if n > 1 else (), steps=steps)
        for n in range(1, TASKS + 1)
    ]
    return Plan(objective_id="bench-read-0", playbook="bench 1.0.0", tasks=tuple(tasks))


_SEED = (
    """
    INSERT INTO objectives (id, tenant, stage, request, plan, result, created_at, ended_at)
    SELECT 'bench-read-' || n, :tenant, CASE WHEN n % 10 = 0 THEN 'approval' ELSE 'delivered' END,
           CAST(:request AS jsonb)
               || jsonb_build_object('id', 'bench-read-' || n, 'text', 'Find out what drives number ' || n),
           :plan, CASE WHEN n % 10 = 0 THEN NULL ELSE '{"stage": "delivered", "deliverables": []}'::jsonb END,
           now() - (:last - n) * interval '1 minute', CASE WHEN n % 10 = 0 THEN NULL ELSE now() END
    FROM generate_series(1, :last) AS n
    """,
    """
    INSERT INTO journal (objective_id, tenant, seq, kind, actor, task_id, attempt, step_id, text, data)
    SELECT 'bench-read-' || n, :tenant, seq,
           CASE WHEN seq = 1 THEN 'objective.asked' WHEN seq = 2 THEN 'plan.made'
                WHEN seq = most AND n % 10 > 0 THEN 'objective.delivered'
                WHEN seq % 2 = 1 THEN 'step.started' ELSE 'step.finished' END,
           'host:1', CASE WHEN seq < 3 OR seq = most THEN '' ELSE 't' || (seq / 2 % :count + 1) END,
           CASE WHEN seq < 3 OR seq = most THEN 0 ELSE 1 END, 'step-' || seq / (2 * :count), 'Read it',
           CASE WHEN seq = 2 THEN CAST(:tasks AS jsonb)
                ELSE jsonb_build_object('tool', 'file.read', 'summary', 'read 1,000 lines of sales.csv') END
    FROM generate_series(1, :last) AS n,
         LATERAL (SELECT CASE WHEN n % :long = 0 THEN :long_journal ELSE :short_journal END AS most) AS journals,
         generate_series(1, most) AS seq
    """,
    """
    INSERT INTO steps (key, objective_id, task_id, attempt, step_id, tool, state, host, summary)
    SELECT 'bench-read-' || n || '/t' || t || '/1/step-' || s, 'bench-read-' || n, 't' || t, 1, 'step-' || s,
           'file.read', 'done', 'host:1', 'read 1,000 lines'
    FROM generate_series(1, :last) AS n, generate_series(1, :count) AS t, generate_series(1, 10) AS s
    """,
    """
    INSERT INTO files (objective_id, task_id, attempt, step_id, name, sha256, media_type)
    SELECT 'bench-read-' || n, 't' || t, 1, 'step-1', 'part-' || t || '-' || f || '.json', :plan, 'application/json'
    FROM generate_series(1, :last) AS n, generate_series(1, :count) AS t, generate_series(1, 3) AS f
    """,
    """
    INSERT INTO verdicts (objective_id, task_id, attempt, subject, decision, decided_by)
    SELECT 'bench-read-' || n, 't' || t, 1, 'task', 'approved', 'verifier:checks'
    FROM generate_series(1, :last) AS n, generate_series(1, :count) AS t
    """,
    """
    INSERT INTO model_calls (key, objective_id, tenant, task_id, attempt, step_id, role, worker, profile, provider,
                             model, host, state, scopes, cost_usd, input_tokens, output_tokens, latency_seconds)
    SELECT 'bench-read-' || n || '/t' || c % :count + 1 || '/1/turn-' || c, 'bench-read-' || n, :tenant,
           't' || c % :count + 1, 1, 'turn-' || c, 'executor', 'worker', 'fast', 'openai', 'gpt', 'host:1', 'done',
           '[]', 0.001, 1000, 100, 1.5
    FROM generate_series(1, :last) AS n, generate_series(1, 40) AS c
    """,
    """
    INSERT INTO approvals (id, objective_id, tenant, subject, text, request, state)
    SELECT 'bench-read-' || n || '.result.1', 'bench-read-' || n, :tenant, 'result', 'the result',
           jsonb_build_object('id', 'bench-read-' || n || '.result.1', 'objective_id', 'bench-read-' || n,
                              'subject', 'result', 'text', 'the result', 'choices', '["approved", "rejected"]'::jsonb),
           'open'
    FROM generate_series(1, :last) AS n WHERE n % 10 = 0
    """,
)
