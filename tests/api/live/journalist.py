"""Writes journals as activities do, for tests that follow them."""

from uuid import uuid4

from sqlalchemy import Engine

from activities.store import journal, objectives
from activities.store.journal import Entry
from activities.store.objectives import ObjectiveStore
from workflows.domain.objective import Objective, ObjectiveResult, Stage


class Journalist:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def open(self, tenant: str = "default") -> str:
        """The id of a new objective, whose journal has one entry."""
        objective = Objective(id=f"live-{uuid4().hex[:10]}", text="A test", tenant=tenant)
        ObjectiveStore(self.engine).open(objective)
        return objective.id

    def write(self, objective_id: str, *texts: str, kind: str = "step.done") -> None:
        """Each in a transaction of its own."""
        for text in texts:
            self.write_together(objective_id, text, kind=kind)

    def write_together(self, objective_id: str, *texts: str, kind: str = "step.done") -> None:
        entries = [Entry(objective_id=objective_id, kind=kind, actor="test", text=text) for text in texts]
        with self.engine.begin() as connection:
            journal.append(connection, *entries)

    def end(self, objective_id: str, stage: Stage = Stage.DELIVERED) -> None:
        entry = Entry(objective_id=objective_id, kind=f"objective.{stage}", actor="workflow", once="objective.end")
        with self.engine.begin() as connection:
            objectives.end(connection, objective_id, ObjectiveResult(stage=stage))
            journal.append(connection, entry)

    def last(self, objective_id: str) -> int:
        with self.engine.connect() as connection:
            return journal.tips(connection, [objective_id])[objective_id].seq
