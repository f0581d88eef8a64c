"""Plans as activities read them: from the store, by hash, parsed once."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from pydantic import JsonValue

from activities.playbooks.compiler import Given, names_for
from activities.store.artifacts import ArtifactStore
from activities.store.objectives import ObjectiveStore
from activities.store.work import WorkStore
from activities.tools.tool import ToolError
from workflows.domain.objective import Objective
from workflows.domain.plan import Plan


class Desk:
    """What every activity of a host shares: the stores, the scratch folder, and plans already read."""

    def __init__(self, objectives: ObjectiveStore, work: WorkStore, artifacts: ArtifactStore, scratch: Path) -> None:
        self.objectives = objectives
        self.work = work
        self.artifacts = artifacts
        self.scratch = scratch
        self._read_plan = lru_cache(maxsize=64)(self._parse_plan)
        self._read_objective = lru_cache(maxsize=256)(self._parse_objective)

    def plan(self, digest: str) -> Plan:
        return self._read_plan(digest)

    def objective(self, objective_id: str) -> Objective:
        return self._read_objective(objective_id)

    def names(self, plan: Plan, bindings: Mapping[str, JsonValue], attempt: int, feedback: str) -> dict[str, JsonValue]:
        """What templates of this plan see when a step runs."""
        asked = given(self.objective(plan.objective_id)).model_copy(update={"inputs": plan.inputs})
        return {**names_for(asked), **bindings, "attempt": attempt, "feedback": feedback}

    def _parse_plan(self, digest: str) -> Plan:
        return Plan.model_validate_json(self.artifacts.read(digest))

    def _parse_objective(self, objective_id: str) -> Objective:
        row = self.objectives.get(objective_id)
        if row is None:
            raise ToolError(f"the store knows no objective {objective_id!r}")
        return row.request


def given(objective: Objective) -> Given:
    return Given(objective_id=objective.id, text=objective.text, files=objective.files, inputs=objective.inputs)
