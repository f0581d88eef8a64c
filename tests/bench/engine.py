"""How much the engine adds: against bare Temporal, against the critical path, and in history events."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import median

from sqlalchemy import Engine
from temporalio.client import Client
from temporalio.worker import Worker

from activities.store.artifacts import ArtifactStore
from activities.store.objectives import ObjectiveStore
from tests.bench.bare import BareChild, BareParent
from worker.app import workflow_runner
from workflows.domain.naming import WORKFLOW_QUEUE, objective_workflow_id, task_workflow_id
from workflows.domain.objective import Objective, Stage
from workflows.domain.order import ObjectiveOrder
from workflows.objective import ObjectiveWorkflow

BARE_QUEUE = "bench-bare"
_ids = count()


@dataclass
class Graph:
    """Tasks as (id, needs, steps), each step a nap of `nap` seconds (0: a no-op).

    With `together`, a task's naps are one step.
    """

    tasks: list[tuple[str, list[str], int]]
    nap: float = 0.0
    together: bool = False

    @property
    def steps(self) -> int:
        return len(self.tasks) if self.together else sum(steps for _, _, steps in self.tasks)

    def in_single_steps(self) -> "Graph":
        return Graph(self.tasks, self.nap, together=True)

    def playbook(self) -> str:
        lines = ["name: bench", "version: 1.0.0", "description: a benchmark", "tasks:"]
        for task_id, needs, steps in self.tasks:
            lines.append(f"  - {{id: {task_id}, title: {task_id}, needs: [{', '.join(needs)}], steps: [")
            lines.append(self._steps(steps) + "]}")
        return "\n".join(lines)

    def _steps(self, count: int) -> str:
        if self.together:
            return f"{{tool: fake.nap, with: {{seconds: {count * self.nap}}}}}"
        step = f"{{tool: fake.nap, with: {{seconds: {self.nap}}}}}" if self.nap else "{tool: fake.noop}"
        return ", ".join([step] * count)

    def critical_path(self) -> float:
        """Seconds of napping on the longest chain."""
        ends: dict[str, float] = {}
        for task_id, needs, steps in self.tasks:
            ends[task_id] = max((ends[need] for need in needs), default=0.0) + steps * self.nap
        return max(ends.values())


def sequential(n: int) -> Graph:
    return Graph([("only", [], n)])


def fan_out(n: int) -> Graph:
    return Graph([(f"t{i}", [], 1) for i in range(n)])


def uneven(n: int = 60, nap: float = 0.05, seed: int = 7) -> Graph:
    """A graph in layers where tasks differ much in length: what barriers are worst at."""
    dice = random.Random(seed)
    tasks: list[tuple[str, list[str], int]] = []
    for i in range(n):
        layer = i // 6
        before = [f"t{j}" for j in range(max(0, (layer - 1) * 6), layer * 6)]
        needs = dice.sample(before, k=min(len(before), dice.randint(1, 2)))
        tasks.append((f"t{i}", needs, dice.choice([1, 1, 2, 3, 12])))
    return Graph(tasks, nap)


class Bench:
    def __init__(self, client: Client, engine: Engine, data_folder: Path) -> None:
        self.client = client
        self._artifacts = ArtifactStore(engine, data_folder)
        self._objectives = ObjectiveStore(engine)

    def bare_worker(self) -> Worker:
        return Worker(
            self.client,
            task_queue=BARE_QUEUE,
            workflows=[BareParent, BareChild],
            workflow_runner=workflow_runner(),
        )

    async def ours(self, graph: Graph) -> tuple[float, str]:
        """Seconds, and the objective's id."""
        objective = self._objective(graph)
        began = time.perf_counter()
        result = await self.client.execute_workflow(
            ObjectiveWorkflow.run,
            ObjectiveOrder(objective=objective),
            id=objective_workflow_id(objective.id),
            task_queue=WORKFLOW_QUEUE,
        )
        took = time.perf_counter() - began
        assert result.stage is Stage.DELIVERED, result
        return took, objective.id

    async def bare(self, graph: Graph) -> float:
        objective = self._objective(graph)
        began = time.perf_counter()
        await self.client.execute_workflow(
            BareParent.run, ObjectiveOrder(objective=objective), id=f"bare/{objective.id}", task_queue=BARE_QUEUE
        )
        return time.perf_counter() - began

    async def overhead(self, graph: Graph, repeats: int) -> "Overhead":
        """Alternates the two, so that a slow moment of the machine hits both."""
        found = Overhead()
        await self.bare(graph)
        await self.ours(graph)
        for _ in range(repeats):
            found.bare.append(await self.bare(graph))
            took, _ = await self.ours(graph)
            found.ours.append(took)
        return found

    async def events(self, objective_id: str, task_ids: Sequence[str]) -> tuple[int, int]:
        """How many events all workflows of an objective have, and the bytes of the largest."""
        workflow_ids = [objective_workflow_id(objective_id), *(task_workflow_id(objective_id, t) for t in task_ids)]
        total, largest = 0, 0
        for workflow_id in workflow_ids:
            history = await self.client.get_workflow_handle(workflow_id).fetch_history()
            total += len(history.events)
            largest = max(largest, *(event.ByteSize() for event in history.events))
        return total, largest

    def _objective(self, graph: Graph) -> Objective:
        playbook = self._artifacts.put("bench.yaml", graph.playbook().encode(), "application/yaml")
        return Objective(
            id=f"bench-{time.time_ns():x}-{next(_ids)}", text="A benchmark", playbook=playbook, max_parallel=100
        )


@dataclass
class Overhead:
    bare: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Median of the pairs' ratios."""
        return median(ours / bare for ours, bare in zip(self.ours, self.bare, strict=True))
