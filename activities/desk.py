"""Plans as activities read them: from the store, by hash, parsed once."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from functools import lru_cache
from pathlib import Path

from pydantic import JsonValue
from sqlalchemy import Connection, Engine

from activities.llm.asking import Asker
from activities.playbooks.compiler import Given, names_for
from activities.store import database
from activities.store.artifacts import ArtifactStore
from activities.store.ledger import Scope
from activities.store.objectives import ObjectiveStore
from activities.store.work import WorkStore
from activities.tools.tool import ToolError
from workflows.domain.budget import OnLimit
from workflows.domain.naming import objective_workflow_id, task_workflow_id
from workflows.domain.objective import Objective
from workflows.domain.plan import Plan, Task


class Desk:
    """What every activity of a host shares: the stores, the scratch folder, and plans already read."""

    def __init__(
        self, engine: Engine, objectives: ObjectiveStore, work: WorkStore, artifacts: ArtifactStore, scratch: Path
    ) -> None:
        self._reading = database.reading(engine)
        self.objectives = objectives
        self.work = work
        self.artifacts = artifacts
        self.scratch = scratch
        self._read_plan = lru_cache(maxsize=64)(self._parse_plan)
        self._read_objective = lru_cache(maxsize=256)(self._parse_objective)

    def reading(self) -> AbstractContextManager[Connection]:
        """A connection for single reads."""
        return self._reading.connect()

    def plan(self, digest: str) -> Plan:
        return self._read_plan(digest)

    def objective(self, objective_id: str) -> Objective:
        return self._read_objective(objective_id)

    def names(self, plan: Plan, bindings: Mapping[str, JsonValue], attempt: int, feedback: str) -> dict[str, JsonValue]:
        """What templates of this plan see when a step runs."""
        asked = given(self.objective(plan.objective_id)).model_copy(update={"inputs": plan.inputs})
        return {**names_for(asked), **bindings, "attempt": attempt, "feedback": feedback}

    def asker(
        self, objective: Objective, key: str, role: str, *, task: Task | None = None, attempt: int = 0, step_id: str
    ) -> Asker:
        """Who asks a model, and all budgets that the call has to fit into: those of parent objectives too."""
        return Asker(
            key=key,
            objective_id=objective.id,
            tenant=objective.tenant,
            task_id=task.id if task else "",
            attempt=attempt,
            step_id=step_id,
            role=role,
            scopes=tuple(self._scopes(objective, role, task)),
            degrade=objective.on_limit is OnLimit.DEGRADE,
        )

    def _scopes(self, objective: Objective, role: str, task: Task | None) -> Iterator[Scope]:
        own = objective_workflow_id(objective.id)
        if task is not None:
            name = task_workflow_id(objective.id, task.id)
            yield Scope(name=name, objective_id=objective.id, budget=task.budget)
        yield Scope(name=f"{own}/worker/{role}", objective_id=objective.id, budget=objective.worker_budget)
        paying = objective
        while True:
            yield Scope(name=objective_workflow_id(paying.id), objective_id=paying.id, budget=paying.budget)
            if not paying.parent:
                return
            paying = self.objective(paying.parent)

    def _parse_plan(self, digest: str) -> Plan:
        return Plan.model_validate_json(self.artifacts.read(digest))

    def _parse_objective(self, objective_id: str) -> Objective:
        row = self.objectives.get(objective_id)
        if row is None:
            raise ToolError(f"the store knows no objective {objective_id!r}")
        return row.request


def given(objective: Objective) -> Given:
    return Given(objective_id=objective.id, text=objective.text, files=objective.files, inputs=objective.inputs)
