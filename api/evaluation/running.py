"""Runs cases as real objectives, several at a time."""

import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from api.cli.errors import Stopped
from api.cli.session import Session
from api.evaluation.assessing import Assessor, Started
from api.evaluation.cases import Case
from api.evaluation.runs import Run
from api.evaluation.sources import media_type, name_of, unpacked
from api.services.limits import Limits, of_worker
from worker.embedded import stack
from workflows.domain.artifact import ArtifactRef
from workflows.domain.budget import Budget
from workflows.domain.objective import Objective

TICK_SECONDS = 0.2
LOOK_AFTER_SECONDS = 5.0
"""How often it is asked whether the stack is still there, and whether workflows were closed from outside."""
PATIENCE_SECONDS = 60.0
"""How long a lost stack is waited for, and the end of an objective that was cancelled."""
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


class Evaluation:
    """One pass over all cases after another, so that what is interrupted has run each of them about as often."""

    def __init__(
        self,
        session: Session,
        suite: str,
        cases: Iterable[Case],
        *,
        times: int,
        parallel: int,
        usd: Decimal | None,
        report: Callable[[Run], None],
    ) -> None:
        self._session = session
        self._suite = suite
        self._waiting = deque((case, n) for n in range(1, times + 1) for case in cases)
        self._parallel = parallel
        self._usd = usd
        self._report = report
        self._assessor = Assessor(session)
        self._stored: dict[Path, ArtifactRef] = {}
        self._looked_after = time.monotonic()
        self._lost_since: float | None = None
        self.running: list[Started] = []
        self.runs: list[Run] = []

    def run(self) -> None:
        """Until all runs have ended; they are in `runs`. Raises Stopped when the stack is lost for good."""
        while self._waiting or self.running:
            try:
                self._fill_up()
                self._look_after()
                self._lost_since = None
            except DBAPIError as error:
                self._bear(error)
            if self.running:
                time.sleep(TICK_SECONDS)

    def _fill_up(self) -> None:
        while self._waiting and len(self.running) < self._parallel:
            case, n = self._waiting[0]
            started = Started(case, n, self._objective(case, n))
            self.running.append(started)  # first, so that whoever interrupts is told of it
            try:
                self._start(started.objective)
            except Stopped as error:
                self.running.remove(started)
                self._end(self._assessor.failed(started, " ".join(error.lines)))
            except DBAPIError:
                self.running.remove(started)
                raise
            self._waiting.popleft()

    def _objective(self, case: Case, n: int) -> Objective:
        objective_id = f"eval-{case.id[:36].rstrip('-')}-{n}-{''.join(secrets.choice(_ALPHABET) for _ in range(6))}"
        chosen, settings = case.chosen, self._session.settings.budget
        return Objective(
            id=objective_id,
            text=case.text,
            files=tuple(self._file(path) for path in case.files),
            playbook=self._playbook(chosen.name, chosen.text) if chosen else None,
            inputs=chosen.inputs if chosen else {},
            # Lessons are kept per tenant: no run learns from another one, and nobody's work from planted defects.
            tenant=f"eval/{objective_id}",
            asked_by=f"botted eval {self._suite}"[:120],
            budget=self._budget(case.budget),
            worker_budget=of_worker(settings),
        )

    def _file(self, path: Path) -> ArtifactRef:
        if path not in self._stored:
            plain = unpacked(path, self._session.settings.folder / "demo")
            self._stored[path] = self._session.artifacts.put_file(name_of(path), plain, media_type(name_of(path)))
        return self._stored[path]

    def _playbook(self, name: str, text: str) -> ArtifactRef:
        return self._session.artifacts.put(f"{name}.yaml", text.encode(), "application/yaml")

    def _budget(self, of_case: Budget) -> Budget:
        """What the command says, else what the case says, else the settings."""
        said = {name: value for name, value in of_case if value is not None}
        told = {} if self._usd is None else {"usd": self._usd}
        return Limits().of_objective(self._session.settings.budget).model_copy(update=said | told)

    def _start(self, objective: Objective) -> None:
        self._session.objectives.open(objective)
        try:
            self._session.workflows.start(objective)
        except Stopped:
            self._session.objectives.withdraw(objective.id)
            raise

    def _look_after(self) -> None:
        closely = time.monotonic() - self._looked_after > LOOK_AFTER_SECONDS
        if closely:
            self._looked_after = time.monotonic()
            self._get_back()
        for started in tuple(self.running):
            run = self._ended(started) or self._overdue(started) or (self._closed(started) if closely else None)
            if run is not None:
                self.running.remove(started)
                self._end(run)

    def _ended(self, started: Started) -> Run | None:
        row = self._session.objectives.get(started.objective.id)
        return self._assessor.ended(started, row) if row is not None and row.stage.ended else None

    def _overdue(self, started: Started) -> Run | None:
        """Cancels what takes too long, and gives it up if that does not end it."""
        now = time.monotonic()
        if started.cancelled_at is None:
            if now - started.at > started.case.minutes * 60:
                started.cancelled_at = now
                with suppress(Stopped):  # it may have ended this moment
                    self._session.workflows.cancel(started.objective.id)
            return None
        if now - started.cancelled_at < PATIENCE_SECONDS:
            return None
        return self._assessor.failed(started, "it took too long, and did not end when it was cancelled")

    def _closed(self, started: Started) -> Run | None:
        closed = self._session.workflows.closed_as(started.objective.id)
        if closed is None:
            return None
        ended = self._ended(started)
        error = f"its workflow was closed from outside ({closed}) and wrote no end down"
        return ended or self._assessor.failed(started, error)

    def _end(self, run: Run) -> None:
        self.runs.append(run)
        self._report(run)

    def _bear(self, error: DBAPIError) -> None:
        """Through a restart of Postgres; not for ever."""
        now = time.monotonic()
        self._lost_since = self._lost_since or now
        if now - self._lost_since > PATIENCE_SECONDS:
            raise Stopped([f"the connection to Postgres is lost: {error.orig}"]) from error
        time.sleep(0.5)
        self._get_back()

    def _get_back(self) -> None:
        try:
            stack.ensure(self._session.settings)
        except stack.StackError as error:
            raise Stopped(str(error).splitlines()) from error
