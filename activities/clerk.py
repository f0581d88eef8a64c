"""Keeps the books for the workflows: notes, and how an objective ended."""

from sqlalchemy import Engine
from temporalio import activity
from typing_extensions import override

from activities.desk import Desk
from activities.store import approvals, journal, objectives, work
from activities.store.journal import Entry
from activities.store.work import SUBMIT, StepRun, VerdictRow
from activities.threads import Threads
from activities.turns.control import Handoff
from workflows.domain.artifact import ArtifactRef
from workflows.domain.objective import Missing, ObjectiveResult, Stage
from workflows.domain.plan import Plan, Task
from workflows.ports.clerk import Clerk, CloseRequest, FilingRequest, Note, ReopenRequest


class JournalClerk(Clerk):
    """Its errors are never final: Temporal tries again until the books are kept, be it after a repair."""

    def __init__(self, engine: Engine, desk: Desk, threads: Threads) -> None:
        self._engine = engine
        self._desk = desk
        self._threads = threads

    @override
    @activity.defn
    async def take_note(self, note: Note) -> None:
        once = f"note:{activity.info().activity_id}:{activity.info().workflow_run_id}"
        await self._threads.run(lambda: self._write(note, once))

    @override
    @activity.defn
    async def reopen_tasks(self, request: ReopenRequest) -> None:
        once = f"{activity.info().activity_id}:{activity.info().workflow_run_id}"
        await self._threads.run(lambda: self._reopen(request, once))

    @override
    @activity.defn
    async def file_submission(self, request: FilingRequest) -> str:
        return await self._threads.run(lambda: self._file(request))

    @override
    @activity.defn
    async def close_objective(self, request: CloseRequest) -> ObjectiveResult:
        return await self._threads.run(lambda: self._close(request))

    def _write(self, note: Note, once: str) -> None:
        with self._engine.begin() as connection:
            if note.stage is not None:
                objectives.enter_stage(connection, note.objective_id, note.stage)
            if note.asked is not None:
                approvals.ask(connection, note.asked)
            if note.escalated:
                approvals.escalate(connection, note.escalated)
            if note.settled is not None:
                ended = note.settled
                approvals.settle(connection, ended.id, ended.state, ended.by, ended.feedback)
            row = _verdict_of(note)
            if row is not None:
                work.decide(connection, row)
                return
            entry = Entry(
                objective_id=note.objective_id,
                kind=note.kind,
                actor=note.actor,
                task_id=note.task_id,
                attempt=note.attempt,
                text=note.text,
                data=note.data,
                once=once,
            )
            journal.append(connection, entry)

    def _reopen(self, request: ReopenRequest, once: str) -> None:
        """A person's word counts before that of whoever approved."""
        with self._engine.begin() as connection:
            for task_id, attempt in request.attempts.items():
                asked_for = task_id in request.named
                text = request.feedback if asked_for else "what it builds on is done again"
                if attempt:
                    work.overrule(connection, request.objective_id, task_id, attempt, request.by, text)
                entry = Entry(
                    objective_id=request.objective_id,
                    kind="task.reopened",
                    actor=request.by,
                    task_id=task_id,
                    attempt=attempt,
                    text=text,
                    once=f"reopen:{task_id}:{once}",
                )
                journal.append(connection, entry)

    def _file(self, request: FilingRequest) -> str:
        """What a person submits is filed as what the attempt made, and checked like anybody's."""
        plan, submission = self._desk.plan(request.plan), request.submission
        task = plan.task(request.task_id)
        made = self._desk.work.made(request.objective_id, task.id, request.attempt)
        there = {ref.name for ref in (*made, *submission.artifacts)}
        missing = task.undelivered(there)
        if missing:
            return f"promised and not there: {', '.join(missing[:10])}"
        run = StepRun(
            objective_id=request.objective_id,
            task_id=task.id,
            attempt=request.attempt,
            step_id="by-hand",
            tool=SUBMIT,
            host=submission.by,
        )
        handoff = Handoff(summary=submission.summary, artifacts=sorted(there), open_questions=[])
        if self._desk.work.begin(run, f"submitted by {submission.by}") is None:
            summary, output = submission.summary[:300], handoff.model_dump_json()
            self._desk.work.finish(run, "submit", summary, submission.artifacts, output=output)
        return ""

    def _close(self, request: CloseRequest) -> ObjectiveResult:
        plan = self._desk.plan(request.plan) if request.plan else None
        approved = self._desk.work.approved(request.objective_id, [task.id for task in plan.tasks]) if plan else {}
        result = ObjectiveResult(
            stage=request.stage,
            deliverables=self._deliverables(plan, approved) if plan else (),
            missing=self._missing(plan, request, approved) if plan else (),
            reason=request.reason,
        )
        with self._engine.begin() as connection:
            counted = objectives.end(connection, request.objective_id, result)
            approvals.withdraw_all(connection, request.objective_id)
            kind = f"objective.{counted.stage}"
            entry = Entry(
                objective_id=request.objective_id,
                kind=kind,
                actor="workflow",
                text=counted.reason,
                once="objective.end",
            )
            journal.append(connection, entry)
        return counted.brief()

    def _deliverables(self, plan: Plan, approved: dict[str, int]) -> tuple[ArtifactRef, ...]:
        """What the approved tasks promised and made, in the plan's order; what was promised by name comes first."""
        named: list[ArtifactRef] = []
        others: list[ArtifactRef] = []
        for task in plan.tasks:
            if task.id not in approved:
                continue
            made = self._desk.work.made(plan.objective_id, task.id, approved[task.id])
            for ref in made:
                if ref.name in task.deliverables:
                    named.append(ref)
                elif task.delivers(ref.name):
                    others.append(ref)
        return (*named, *others)

    def _missing(self, plan: Plan, request: CloseRequest, approved: dict[str, int]) -> tuple[Missing, ...]:
        """Of what was delivered, only what a person went on without."""
        reasons = {**self._reasons(request.objective_id), **request.skipped}
        delivered = request.stage is Stage.DELIVERED
        return tuple(
            Missing(task_id=task.id, title=task.title, reason=reasons.get(task.id) or _because(task, approved))
            for task in plan.tasks
            if task.id not in approved and (task.id in request.skipped or not delivered)
        )

    def _reasons(self, objective_id: str) -> dict[str, str]:
        with self._engine.connect() as connection:
            rows = journal.read(connection, objective_id)
        return {row.task_id: row.text[:300] for row in rows if row.kind == "task.rejected"}


def _because(task: Task, approved: dict[str, int]) -> str:
    blocked_by = [need for need in task.needs if need not in approved]
    return f"it needs {', '.join(blocked_by[:5])}, not approved" if blocked_by else "it did not get to an end"


def _verdict_of(note: Note) -> VerdictRow | None:
    if note.task_verdict is not None:
        verdict = note.task_verdict
        return VerdictRow(
            objective_id=note.objective_id,
            task_id=note.task_id,
            attempt=verdict.attempt,
            subject="task",
            decision=verdict.decision,
            decided_by=verdict.by,
            feedback=verdict.feedback,
            fingerprint=verdict.fingerprint,
            report=verdict.report,
        )
    if note.objective_verdict is not None:
        decided = note.objective_verdict
        return VerdictRow(
            objective_id=note.objective_id,
            attempt=note.attempt,
            subject=decided.subject,
            decision=decided.decision,
            decided_by=decided.by,
            feedback=decided.feedback,
        )
    return None
