"""What was done for an objective: steps, the files they made, and the verdicts on them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Row, and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import distinct_on, insert

from activities.store import database, journal
from activities.store.journal import Entry
from activities.store.tables import artifacts, files, model_calls, steps, verdicts
from workflows.domain.artifact import ArtifactRef
from workflows.domain.model import Model
from workflows.domain.naming import step_key
from workflows.domain.verdict import CHECKS, Decision


class StepRun(Model):
    """Which step of which attempt, and on which host."""

    objective_id: str
    task_id: str
    attempt: int
    step_id: str
    tool: str
    host: str

    @property
    def key(self) -> str:
        return step_key(self.objective_id, self.task_id, self.attempt, self.step_id)


SUBMIT = "submit"
"""The step with which a worker ends its attempt; its output is the handoff."""


class StepDone(Model):
    step_id: str
    tool: str
    summary: str
    output: str
    refused: bool = False


class VerdictRow(Model):
    objective_id: str
    task_id: str = ""
    attempt: int = 0
    subject: str
    decision: Decision
    decided_by: str
    feedback: str = ""
    fingerprint: str = ""
    report: str | None = None


_REFS = (
    select(files.c.task_id, files.c.name, files.c.sha256, files.c.media_type, artifacts.c.size)
    .join(artifacts, artifacts.c.sha256 == files.c.sha256)
    .order_by(files.c.id)
)


class WorkStore:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = database.reading(engine)

    def begin(self, run: StepRun, title: str) -> str | None:
        """Marks the step as started and returns None; or returns its summary when it was already done."""
        with self._engine.begin() as connection:
            tries = connection.execute(
                insert(steps)
                .values(key=run.key, state="started", **run.model_dump())
                .on_conflict_do_update(
                    index_elements=["key"],
                    set_={"tries": steps.c.tries + 1, "state": "started", "host": run.host},
                    where=steps.c.state != "done",
                )
                .returning(steps.c.tries)
            ).scalar_one_or_none()
            if tries is None:
                done: str = connection.execute(select(steps.c.summary).where(steps.c.key == run.key)).scalar_one()
                return done
            entry = _entry(run, "step.started", title, data={"tool": run.tool, "try": tries})
            journal.append(connection, entry)
        return None

    def finish(
        self,
        run: StepRun,
        title: str,
        summary: str,
        made: Sequence[ArtifactRef],
        *,
        output: str = "",
        refused: bool = False,
    ) -> None:
        """Files, result and journal entry become visible together, and only for whoever finishes first.

        `output` is what a model that called the tool sees; `refused`: it was not done, and the output says why.
        """
        with self._engine.begin() as connection:
            first = connection.execute(
                update(steps)
                .where(steps.c.key == run.key, steps.c.state != "done")
                .values(state="done", summary=summary, output=output, refused=refused, ended_at=func.clock_timestamp())
            )
            if not first.rowcount:
                return
            for file in made:
                connection.execute(
                    insert(files).values(
                        objective_id=run.objective_id,
                        task_id=run.task_id,
                        attempt=run.attempt,
                        step_id=run.step_id,
                        name=file.name,
                        sha256=file.sha256,
                        media_type=file.media_type,
                    )
                )
            data: dict[str, object] = {
                "tool": run.tool,
                "summary": summary,
                "artifacts": [file.name for file in made][:50],
            }
            if refused:
                data["refused"] = True
            journal.append(connection, _entry(run, "step.finished", title, data=data))

    def fail(self, run: StepRun, title: str, error: str, *, final: bool) -> None:
        """`final`: the step is not tried again in this attempt."""
        with self._engine.begin() as connection:
            connection.execute(
                update(steps)
                .where(steps.c.key == run.key, steps.c.state != "done")
                .values(state="failed", summary=error, ended_at=func.clock_timestamp())
            )
            kind = "step.failed" if final else "step.retrying"
            journal.append(connection, _entry(run, kind, title, data={"tool": run.tool, "error": error[:2000]}))

    def progress(self, run: StepRun, fraction: float, note: str) -> None:
        with self._engine.begin() as connection:
            journal.append(connection, _entry(run, "step.progress", note, data={"fraction": round(fraction, 3)}))

    def visible(self, objective_id: str, needs: Sequence[str], task_id: str, attempt: int) -> tuple[ArtifactRef, ...]:
        """What an attempt may read: given files, what approved needs handed over, and what it made itself.

        Of two files with one name the nearer wins: the attempt's own, then the needs in their order, then given ones.
        """
        with self._reading.connect() as connection:
            approved = _approved_attempts(connection, objective_id, needs)
            rank = {"": len(needs) + 1, **{need: n for n, need in enumerate(needs, 1)}, task_id: 0}
            sources = [and_(files.c.task_id == need, files.c.attempt == tried) for need, tried in approved.items()]
            own = and_(files.c.task_id == task_id, files.c.attempt == attempt)
            rows = connection.execute(
                _REFS.where(files.c.objective_id == objective_id, or_(files.c.task_id == "", own, *sources))
            ).all()
        return _latest(sorted(rows, key=lambda row: -rank[row.task_id]))

    def made(self, objective_id: str, task_id: str, attempt: int) -> tuple[ArtifactRef, ...]:
        """What an attempt made, by name; of a name that two of its steps wrote, the later one."""
        with self._reading.connect() as connection:
            rows = connection.execute(
                _REFS.where(
                    files.c.objective_id == objective_id, files.c.task_id == task_id, files.c.attempt == attempt
                )
            ).all()
        return _latest(rows)

    def done(self, objective_id: str, task_id: str, attempt: int) -> dict[str, StepDone]:
        """Step id → what came of it, for the steps of an attempt that are done."""
        with self._reading.connect() as connection:
            rows = connection.execute(
                select(*[steps.c[name] for name in StepDone.model_fields]).where(
                    steps.c.objective_id == objective_id,
                    steps.c.task_id == task_id,
                    steps.c.attempt == attempt,
                    steps.c.state == "done",
                )
            ).all()
        return {row.step_id: StepDone.model_validate(dict(row._mapping)) for row in rows}

    def handoffs(self, objective_id: str, task_ids: Sequence[str]) -> dict[str, str]:
        """Task id → what its approved attempt handed over, as it was submitted, for those that submitted something."""
        found: dict[str, str] = {}
        for task_id, attempt in self.approved(objective_id, task_ids).items():
            for step in self.done(objective_id, task_id, attempt).values():
                if step.tool == SUBMIT and not step.refused:
                    found[task_id] = step.output
        return found

    def verdict(self, objective_id: str, task_id: str, attempt: int, subject: str, by: str) -> VerdictRow | None:
        with self._reading.connect() as connection:
            row = connection.execute(
                select(*[verdicts.c[name] for name in VerdictRow.model_fields]).where(
                    verdicts.c.objective_id == objective_id,
                    verdicts.c.task_id == task_id,
                    verdicts.c.attempt == attempt,
                    verdicts.c.subject == subject,
                    verdicts.c.decided_by == by,
                )
            ).one_or_none()
        return VerdictRow.model_validate(dict(row._mapping)) if row else None

    def begun(self, objective_id: str) -> frozenset[str]:
        """Ids of the tasks that anything was done for, of all plans: a new task may not find an old one's steps."""
        with self._reading.connect() as connection:
            stepped = connection.execute(select(steps.c.task_id).where(steps.c.objective_id == objective_id))
            asked = connection.execute(select(model_calls.c.task_id).where(model_calls.c.objective_id == objective_id))
            return frozenset(task_id for task_id in (*stepped.scalars(), *asked.scalars()) if task_id)

    def approved(self, objective_id: str, task_ids: Sequence[str]) -> dict[str, int]:
        """Task id → its approved attempt, for those that have one."""
        with self._reading.connect() as connection:
            return _approved_attempts(connection, objective_id, task_ids)


def decide(connection: Connection, verdict: VerdictRow) -> None:
    """Writes a verdict and its journal entry down; the same reviewer's second one on the same thing changes nothing."""
    new = connection.execute(insert(verdicts).values(**verdict.model_dump()).on_conflict_do_nothing())
    if not new.rowcount:
        return
    journal.append(
        connection,
        Entry(
            objective_id=verdict.objective_id,
            kind="verdict",
            actor=verdict.decided_by,
            task_id=verdict.task_id,
            attempt=verdict.attempt,
            text=verdict.feedback,
            data={"decision": str(verdict.decision), "subject": verdict.subject, "report": verdict.report},
        ),
    )


def overrule(connection: Connection, objective_id: str, task_id: str, attempt: int, by: str, feedback: str) -> None:
    """A person takes an attempt's approval back, their own included."""
    row = insert(verdicts).values(
        objective_id=objective_id,
        task_id=task_id,
        attempt=attempt,
        subject="task",
        decision=Decision.REVISE,
        decided_by=by,
        feedback=feedback,
    )
    connection.execute(
        row.on_conflict_do_update(
            index_elements=["objective_id", "task_id", "attempt", "subject", "decided_by"],
            set_={"decision": Decision.REVISE, "feedback": feedback, "decided_at": func.clock_timestamp()},
        )
    )


def _latest(rows: Iterable[Row[*tuple[Any, ...]]]) -> tuple[ArtifactRef, ...]:
    found = {
        row.name: ArtifactRef(sha256=row.sha256, name=row.name, media_type=row.media_type, size=row.size)
        for row in rows
    }
    return tuple(found[name] for name in sorted(found))


def _approved_attempts(connection: Connection, objective_id: str, task_ids: Sequence[str]) -> dict[str, int]:
    """The latest approved attempt of each. On one attempt a person's last word counts before that of checks."""
    if not task_ids:
        return {}
    first = (
        select(verdicts.c.task_id, verdicts.c.attempt, verdicts.c.decision)
        .ext(distinct_on(verdicts.c.task_id, verdicts.c.attempt))
        .where(
            verdicts.c.objective_id == objective_id,
            verdicts.c.task_id.in_(task_ids),
            verdicts.c.subject == "task",
        )
        .order_by(
            verdicts.c.task_id,
            verdicts.c.attempt,
            verdicts.c.decided_by.startswith(CHECKS),
            verdicts.c.decided_at.desc(),
        )
        .subquery()
    )
    rows = connection.execute(
        select(first.c.task_id, func.max(first.c.attempt))
        .where(first.c.decision == Decision.APPROVED)
        .group_by(first.c.task_id)
    )
    return {task_id: attempt for task_id, attempt in rows}


def _entry(run: StepRun, kind: str, text: str, data: Mapping[str, object]) -> Entry:
    return Entry.model_validate(
        {
            "objective_id": run.objective_id,
            "kind": kind,
            "actor": run.host,
            "task_id": run.task_id,
            "attempt": run.attempt,
            "step_id": run.step_id,
            "text": text,
            "data": data,
        }
    )
