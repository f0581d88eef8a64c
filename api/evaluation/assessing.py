"""What became of a run: what it used, whether it could be run at all, and whether it succeeded."""

import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from activities.store import journal
from activities.store.journal import JournalRow
from activities.store.objectives import ObjectiveRow
from activities.store.usage import By, UsageStore
from api.cli.session import Session
from api.evaluation.answers import faults_of
from api.evaluation.cases import Case
from api.evaluation.runs import Run, attempts_in, faults_in_verdict, judged_in, last_failure
from workflows.domain.objective import Objective, Stage


@dataclass(eq=False)
class Started:
    """A run that is under way."""

    case: Case
    n: int
    objective: Objective
    at: float = field(default_factory=time.monotonic)
    cancelled_at: float | None = None


class Assessor:
    def __init__(self, session: Session) -> None:
        self._session = session
        self._usage = UsageStore(session.engine)

    def failed(self, started: Started, error: str) -> Run:
        """Of what could not be run to an end."""
        seconds = round(time.monotonic() - started.at, 3)
        return self._counted(started).model_copy(update={"error": error, "seconds": seconds})

    def ended(self, started: Started, row: ObjectiveRow) -> Run:
        assert row.ended_at is not None
        with self._session.engine.connect() as connection:
            rows = journal.read(connection, started.objective.id)
        attempts = attempts_in(rows)
        run = self._counted(started).model_copy(
            update={
                "stage": row.stage,
                "seconds": round((row.ended_at - row.created_at).total_seconds(), 3),
                "tasks": len(attempts),
                "reworked": sum(attempt > 1 for attempt in attempts.values()),
            }
        )
        if started.cancelled_at is not None:
            late = f"not ended after {started.case.minutes:g} minutes, and cancelled"
            return run.model_copy(update={"faults": (late,)})
        error = _not_run(started.case, run, row, rows)
        if error:
            return run.model_copy(update={"error": error})
        judged = judged_in(rows) if started.case.truth else None
        faults = self._faults(started, row, rows)
        return run.model_copy(update={"judged": judged, "faults": faults, "success": not faults})

    def _counted(self, started: Started) -> Run:
        """With what it used, that of objectives within it included: they are of the same tenant."""
        run = Run(case=started.case.id, n=started.n, objective_id=started.objective.id)
        used = next(iter(self._usage.used(By.TENANT, tenant=started.objective.tenant)), None)
        if used is None:
            return run
        return run.model_copy(
            update={
                "calls": used.calls,
                "failed_calls": used.failed,
                "input_tokens": used.input_tokens,
                "cached_tokens": used.cached_tokens,
                "output_tokens": used.output_tokens,
                "cost_usd": used.cost_usd,
                "unpriced_calls": used.unpriced,
            }
        )

    def _faults(self, started: Started, row: ObjectiveRow, rows: tuple[JournalRow, ...]) -> tuple[str, ...]:
        case = started.case
        if case.truth is not None:
            judged = judged_in(rows)
            assert judged is not None
            return faults_in_verdict(judged, case.truth, case.planted)
        if row.stage != case.expect.stage:
            reason = f": {row.result.reason}" if row.result and row.result.reason else ""
            return (f"{row.stage.replace('_', ' ')}{reason}",)
        delivered = row.result.deliverables if row.result else ()
        with tempfile.TemporaryDirectory(prefix="botted-eval-") as scratch:
            return faults_of(case.expect, started.objective.files, delivered, self._session.artifacts, Path(scratch))


def _not_run(case: Case, run: Run, row: ObjectiveRow, rows: tuple[JournalRow, ...]) -> str:
    """Why the run says nothing about anybody's work; empty: it does."""
    reason = row.result.reason if row.result else ""
    if row.stage is Stage.CANCELLED:
        return "somebody cancelled it"
    if case.needs_model and run.calls == run.failed_calls and row.stage is not Stage.DELIVERED:
        return f"no model answered: {last_failure(rows) or reason}"
    if case.truth is not None and judged_in(rows) is None:
        return f"no verifier came to a verdict: {last_failure(rows) or reason}"
    return ""
