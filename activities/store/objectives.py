"""The list of objectives and what became of each."""

from datetime import datetime

from pydantic import JsonValue
from sqlalchemy import Connection, Engine, Row, Select, and_, bindparam, delete, func, select, true, update
from sqlalchemy.dialects.postgresql import insert

from activities.store import database, journal
from activities.store.journal import Entry
from activities.store.tables import files, objectives
from workflows.domain.model import Model
from workflows.domain.objective import Objective, ObjectiveResult, Stage
from workflows.domain.plan import Plan, Task


class ObjectiveRow(Model):
    request: Objective
    stage: Stage
    plan: str | None
    result: ObjectiveResult | None
    created_at: datetime
    ended_at: datetime | None
    body_digest: str | None = None


_COLUMNS = [objectives.c[name] for name in ObjectiveRow.model_fields]


class ObjectiveStore:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = database.reading(engine)

    def open(self, objective: Objective, body_digest: str | None = None) -> bool:
        """Writes a new objective and its files down, before its workflow starts. Once per id: False, it was there.

        One that was withdrawn, and opened again by a workflow that had started after all, counts as new for whoever
        asked for the same with a `body_digest`.
        """
        with self._engine.begin() as connection:
            row = insert(objectives).values(
                id=objective.id,
                tenant=objective.tenant,
                stage=Stage.PLANNING,
                request=objective.model_dump(mode="json"),
                body_digest=body_digest,
            )
            same = row.on_conflict_do_update(
                index_elements=["id"],
                set_={"body_digest": body_digest},
                where=and_(
                    objectives.c.body_digest.is_(None),
                    objectives.c.tenant == row.excluded.tenant,
                    objectives.c.request == row.excluded.request,
                ),
            )
            written = (same if body_digest else row.on_conflict_do_nothing()).returning(objectives.c.id)
            new = connection.execute(written).scalar_one_or_none() is not None
            if body_digest and not new:
                return False
            for file in objective.files:
                connection.execute(
                    insert(files)
                    .values(objective_id=objective.id, name=file.name, sha256=file.sha256, media_type=file.media_type)
                    .on_conflict_do_nothing()
                )
            journal.append(
                connection,
                Entry(
                    objective_id=objective.id,
                    kind="objective.asked",
                    actor=objective.asked_by,
                    text=objective.text,
                    data={"files": [file.name for file in objective.files], "mode": str(objective.mode)},
                    once="objective.asked",
                ),
            )
        return new

    def withdraw(self, objective_id: str) -> None:
        """Takes back an objective whose workflow could not be started. If it did start after all, planning opens it."""
        with self._engine.begin() as connection:
            connection.execute(delete(objectives).where(objectives.c.id == objective_id, objectives.c.plan.is_(None)))

    def planned(self, objective_id: str, plan: Plan, digest: str, *, replan: int = 0, by: str = "planner") -> None:
        """Writes the plan down, the first or the n-th anew; of one made twice, the first counts in the journal."""
        outline = {"playbook": plan.playbook, "plan": digest, "tasks": [_graph_of(task) for task in plan.tasks]}
        with self._engine.begin() as connection:
            connection.execute(
                update(objectives).where(objectives.c.id == objective_id).values(plan=digest, stage=Stage.RUNNING)
            )
            entry = Entry(
                objective_id=objective_id,
                kind="plan.made",
                actor=by,
                text=f"{len(plan.tasks)} tasks by {plan.playbook}",
                data=outline,
                once=f"plan.made:{replan}" if replan else "plan.made",
            )
            journal.append(connection, entry)

    def note_draft(self, objective_id: str, step_id: str, faults: str) -> None:
        """A draft of a plan that does not hold."""
        entry = Entry(
            objective_id=objective_id,
            kind="plan.faulty",
            actor="planner",
            step_id=step_id,
            text=faults,
            once=f"plan.faulty:{step_id}",
        )
        with self._engine.begin() as connection:
            journal.append(connection, entry)

    def get(self, objective_id: str, tenant: str | None = None) -> ObjectiveRow | None:
        """With a `tenant`, another one's is unknown."""
        with self._reading.connect() as connection:
            return find(connection, objective_id, tenant)

    def like(self, prefix: str) -> tuple[str, ...]:
        """Ids that begin with `prefix`, newest first, at most ten."""
        with self._engine.connect() as connection:
            found = connection.execute(
                select(objectives.c.id)
                .where(objectives.c.id.startswith(prefix, autoescape=True))
                .order_by(objectives.c.created_at.desc())
                .limit(10)
            )
            return tuple(found.scalars())

    def unfinished(self, limit: int = 5) -> tuple[str, ...]:
        """Ids of objectives that have not ended, newest first."""
        with self._engine.connect() as connection:
            found = connection.execute(
                select(objectives.c.id)
                .where(objectives.c.ended_at.is_(None))
                .order_by(objectives.c.created_at.desc())
                .limit(limit)
            )
            return tuple(found.scalars())

    def family(self, objective_id: str) -> tuple[str, ...]:
        """The objective and all that are tasks of it, or of one of those."""
        with self._engine.connect() as connection:
            return tuple(connection.execute(family(objective_id)).scalars())

    def newest(self, limit: int) -> tuple[ObjectiveRow, ...]:
        with self._engine.connect() as connection:
            rows = connection.execute(select(*_COLUMNS).order_by(objectives.c.created_at.desc()).limit(limit))
            return tuple(_parse(row) for row in rows)


_FIND = select(*_COLUMNS).where(objectives.c.id == bindparam("objective_id"))
_FIND_OF = _FIND.where(objectives.c.tenant == bindparam("tenant"))


def find(connection: Connection, objective_id: str, tenant: str | None = None) -> ObjectiveRow | None:
    query = _FIND if tenant is None else _FIND_OF
    row = connection.execute(query, {"objective_id": objective_id, "tenant": tenant}).one_or_none()
    return _parse(row) if row else None


def family(objective_id: str) -> Select[str]:
    """Ids of the objective and of all that are tasks of it, or of one of those."""
    found = select(objectives.c.id).where(objectives.c.id == objective_id).cte("family", recursive=True)
    parent = objectives.c.request["parent"].astext
    # The offset keeps Postgres from joining over the whole table instead of asking the index for each one's children.
    children = select(objectives.c.id).where(parent == found.c.id, parent != "").offset(0).lateral()
    found = found.union(select(children.c.id).select_from(found.join(children, true())))
    return select(found.c.id)


def enter_stage(connection: Connection, objective_id: str, stage: Stage) -> None:
    """An ended objective stays ended, whoever comes late."""
    connection.execute(
        update(objectives).where(objectives.c.id == objective_id, objectives.c.ended_at.is_(None)).values(stage=stage)
    )


def end(connection: Connection, objective_id: str, result: ObjectiveResult) -> ObjectiveResult:
    """Writes the end down; the first end counts and is what comes back."""
    ended = connection.execute(
        update(objectives)
        .where(objectives.c.id == objective_id, objectives.c.ended_at.is_(None))
        .values(stage=result.stage, result=result.model_dump(mode="json"), ended_at=func.clock_timestamp())
    )
    if ended.rowcount:
        return result
    first = connection.execute(select(objectives.c.result).where(objectives.c.id == objective_id)).scalar_one()
    return ObjectiveResult.model_validate(first)


def _graph_of(task: Task) -> JsonValue:
    """What live views show of a task."""
    return {
        "id": task.id,
        "title": task.title,
        "kind": str(task.kind),
        "needs": list(task.needs),
        "steps": task.brief.max_turns if task.brief else len(task.steps),
        "max_attempts": task.review.max_attempts,
    }


def _parse(row: Row[tuple[object, ...]]) -> ObjectiveRow:
    return ObjectiveRow.model_validate(dict(row._mapping))
