"""Reviews by deterministic checks: cheap, the same every time, and nothing can talk them round."""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Engine
from temporalio import activity
from temporalio.service import RPCError, RPCStatusCode
from typing_extensions import override

from activities.desk import Desk
from activities.failures import is_transient
from activities.playbooks.templates import TemplateFault, render
from activities.review.check import Check
from activities.store import lessons, objectives, work
from activities.store.work import VerdictRow
from activities.threads import Threads
from activities.tools.tool import ToolCancelled
from activities.workspace import Sitting, StoreWorkspace, sit_through
from workflows.domain.model import Model
from workflows.domain.objective import Stage
from workflows.domain.plan import AcceptanceCheck, Task
from workflows.domain.verdict import BY_CHECKS, MAX_FEEDBACK, Decision, ObjectiveVerdict, Subject, TaskVerdict
from workflows.ports.reviewer import ResultReviewRequest, Reviewer, TaskReviewRequest

OPINION = "opinion"
"""Subject of a verdict that is one of several; what they come to is the panel's."""
_MAX_FAULTS = 50


class CheckResult(Model):
    check: str
    faults: tuple[str, ...]


class ReviewReport(Model):
    """What was checked and what was found, kept in the store beside the verdict."""

    checks: tuple[CheckResult, ...]

    @property
    def faults(self) -> tuple[str, ...]:
        return tuple(f"{result.check}: {fault}" for result in self.checks for fault in result.faults)


class CheckReviewer(Reviewer):
    """A check that fails, cannot run or is unknown means rejection: only checks that pass approve."""

    def __init__(self, engine: Engine, desk: Desk, checks: Mapping[str, Check], threads: Threads) -> None:
        self._engine = engine
        self._desk = desk
        self._checks = checks
        self._threads = threads

    @override
    @activity.defn
    async def review_task(self, request: TaskReviewRequest) -> None:
        row = await sit_through(self._threads, lambda sitting: self._judge_task(request, sitting))
        await send_verdict(
            TaskVerdict(
                attempt=request.attempt,
                decision=row.decision,
                by=row.decided_by,
                feedback=row.feedback,
                fingerprint=row.fingerprint,
                report=row.report,
            )
        )

    @override
    @activity.defn
    async def review_result(self, request: ResultReviewRequest) -> None:
        row = await sit_through(self._threads, lambda sitting: self._judge_result(request, sitting))
        verdict = ObjectiveVerdict(
            subject=Subject.RESULT, decision=row.decision, by=row.decided_by, feedback=row.feedback
        )
        await send_verdict(verdict)

    def _judge_task(self, request: TaskReviewRequest, sitting: Sitting) -> VerdictRow:
        plan = self._desk.plan(request.plan)
        task = plan.task(request.task_id)
        # Where verifiers judge as well, checks alone do not approve.
        subject = OPINION if task.criteria else "task"
        given = self._desk.work.verdict(request.objective_id, request.task_id, request.attempt, subject, BY_CHECKS)
        if given is not None:
            return given
        names = self._desk.names(plan, task.bindings, request.attempt, "")
        with self._workspace(request.objective_id, plan.needs_of(task.id), task.id, request.attempt) as workspace:
            sitting.take(workspace)
            missing = _promises_kept((task,), workspace.names())
            report = ReviewReport(checks=(missing, *self._run(task.checks, names, workspace)))
        row = self._verdict(request.objective_id, subject, report, task_id=task.id, attempt=request.attempt)
        with self._engine.begin() as connection:
            work.decide(connection, row)
            if task.brief is not None and row.decision is Decision.REJECTED:
                lessons.keep(
                    connection,
                    tenant=self._desk.objective(request.objective_id).tenant,
                    capability=task.capability,
                    text=row.feedback,
                    objective_id=request.objective_id,
                    task_id=task.id,
                )
        return row

    def _judge_result(self, request: ResultReviewRequest, sitting: Sitting) -> VerdictRow:
        plan = self._desk.plan(request.plan)
        subject = OPINION if plan.criteria else Subject.RESULT
        given = self._desk.work.verdict(request.objective_id, "", request.round, subject, BY_CHECKS)
        if given is not None:
            return given
        names = self._desk.names(plan, {}, 1, "")
        everything = tuple(task.id for task in plan.tasks)
        done = self._desk.work.approved(request.objective_id, everything)  # what was skipped promises nothing
        with self._workspace(request.objective_id, everything, "", 0) as workspace:
            sitting.take(workspace)
            missing = _promises_kept([task for task in plan.tasks if task.id in done], workspace.names())
            report = ReviewReport(checks=(missing, *self._run(plan.checks, names, workspace)))
        row = self._verdict(request.objective_id, subject, report, attempt=request.round)
        with self._engine.begin() as connection:
            objectives.enter_stage(connection, request.objective_id, Stage.REVIEW)
            work.decide(connection, row)
        return row

    def _workspace(self, objective_id: str, needs: tuple[str, ...], task_id: str, attempt: int) -> StoreWorkspace:
        visible = self._desk.work.visible(objective_id, needs, task_id, attempt)
        return StoreWorkspace(self._desk.artifacts, visible, self._desk.scratch)

    def _run(
        self, checks: Sequence[AcceptanceCheck], names: Mapping[str, Any], workspace: StoreWorkspace
    ) -> Iterator[CheckResult]:
        for asked in checks:
            yield CheckResult(check=asked.check, faults=self._faults(asked, names, workspace)[:_MAX_FAULTS])

    def _faults(self, asked: AcceptanceCheck, names: Mapping[str, Any], workspace: StoreWorkspace) -> tuple[str, ...]:
        check = self._checks.get(asked.check)
        if check is None:
            return ("there is no such check on this host",)
        try:
            arguments = check.input_model.model_validate(render(asked.arguments, names))
            return check.run(arguments, workspace)
        except (TemplateFault, ValidationError) as error:
            return (f"cannot be asked: {error}",)
        except ToolCancelled:
            raise
        except Exception as error:
            if is_transient(error):
                raise
            return (f"could not run: {error}",)

    def _verdict(
        self, objective_id: str, subject: str, report: ReviewReport, task_id: str = "", attempt: int = 0
    ) -> VerdictRow:
        faults = report.faults
        stored = self._desk.artifacts.put("review.json", report.model_dump_json(indent=1).encode(), "application/json")
        return VerdictRow(
            objective_id=objective_id,
            task_id=task_id,
            attempt=attempt,
            subject=subject,
            decision=Decision.REJECTED if faults else Decision.APPROVED,
            decided_by=BY_CHECKS,
            feedback="\n".join(faults)[:MAX_FEEDBACK],
            fingerprint=sha256("\n".join(sorted(faults)).encode()).hexdigest() if faults else "",
            report=stored.sha256,
        )


def _promises_kept(tasks: Sequence[Task], there: Sequence[str]) -> CheckResult:
    undelivered = [name for task in tasks for name in task.undelivered(there)]
    return CheckResult(
        check="deliverables", faults=tuple(f"the deliverable {name!r} was not made" for name in undelivered)
    )


async def send_verdict(verdict: TaskVerdict | ObjectiveVerdict) -> None:
    """By the same door that a person's verdict takes, to whichever run of the workflow asked.

    One that has been cancelled meanwhile needs none any more.
    """
    workflow_id = activity.info().workflow_id
    assert workflow_id is not None
    try:
        await activity.client().get_workflow_handle(workflow_id).signal("verdict", verdict)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
