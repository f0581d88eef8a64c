from collections.abc import Sequence
from hashlib import sha256

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from workflows.domain.order import TaskOrder, TaskProgress
    from workflows.domain.outcome import TaskOutcome, TaskState
    from workflows.domain.verdict import CHECKS, Decision, TaskVerdict
    from workflows.failures import reason_of
    from workflows.policies import BOOKKEEPING, REVIEW, TOOL_CALL, named
    from workflows.ports.clerk import Clerk, Note
    from workflows.ports.executor import Executor, StepRequest
    from workflows.ports.reviewer import Reviewer, TaskReviewRequest
    from workflows.strays import Strays


@workflow.defn
class TaskWorkflow:
    """One task: attempt → steps → review → verdict, until approved or hopeless."""

    @workflow.init
    def __init__(self, order: TaskOrder) -> None:
        self._order = order
        self._progress = order.carried
        self._state = TaskState.WORKING
        self._verdicts: dict[int, TaskVerdict] = {}
        self._strays = Strays()

    @workflow.run
    async def run(self, order: TaskOrder) -> TaskOutcome:
        while True:
            verdict = await self._attempt()
            await self._note_strays()
            if verdict.approved:
                return self._end(TaskState.APPROVED)
            if self._hopeless(verdict):
                return await self._give_up(verdict)
            self._try_again(verdict)

    @workflow.signal(dynamic=True)
    def signal(self, name: str, args: Sequence[RawValue]) -> None:
        """`verdict` with {"attempt": 1, "decision": "approved", "by": "ana"}; anything else is noticed.

        One dynamic handler, because a handler of its own would lose a payload that it cannot read, and would stop
        the workflow for good over a signal without any payload.
        """
        verdict = self._strays.read(name, args, TaskVerdict)
        if verdict is None:
            return
        if self._state is not TaskState.REVIEW or verdict.attempt != self._progress.attempt:
            self._strays.add(f"a verdict on attempt {verdict.attempt}, which is not under review", verdict.by)
            return
        given = self._verdicts.setdefault(verdict.attempt, verdict)
        if given.by != verdict.by:
            self._strays.add(f"a verdict on attempt {verdict.attempt}, on which {given.by} has decided", verdict.by)

    @workflow.query(description="What the task is doing")
    def status(self) -> TaskOutcome:
        return TaskOutcome(
            task_id=self._order.task.id,
            state=self._state,
            attempt=self._progress.attempt,
            reason=self._progress.feedback[:600],
        )

    async def _attempt(self) -> TaskVerdict:
        try:
            await self._do_steps()
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            return self._rejection("executor", reason_of(error))
        return await self._verdict_on_attempt()

    async def _do_steps(self) -> None:
        self._show(TaskState.WORKING)
        while self._progress.position < self._order.task.steps:
            self._continue_as_new_if_long()
            await self._do_step(self._progress.position)
            self._progress = self._progress.model_copy(update={"position": self._progress.position + 1})

    async def _do_step(self, position: int) -> None:
        request = StepRequest(
            objective_id=self._order.objective_id,
            plan=self._order.plan.sha256,
            task_id=self._order.task.id,
            attempt=self._progress.attempt,
            position=position,
            feedback=self._progress.feedback,
        )
        await workflow.execute_activity_method(
            Executor.execute_step,
            request,
            **named(
                TOOL_CALL,
                f"{self._order.task.title}: step {position + 1} of {self._order.task.steps}",
                activity_id=f"attempt-{request.attempt}-step-{position + 1}",
                queue=self._order.queue,
            ),
        )

    async def _verdict_on_attempt(self) -> TaskVerdict:
        """The first verdict on this attempt, whoever gives it; without one there is no approval."""
        self._show(TaskState.REVIEW)
        attempt = self._progress.attempt
        review = workflow.start_activity_method(
            Reviewer.review_task,
            TaskReviewRequest(
                objective_id=self._order.objective_id,
                plan=self._order.plan.sha256,
                task_id=self._order.task.id,
                attempt=attempt,
            ),
            **named(
                REVIEW,
                f"{self._order.task.title}: review of attempt {attempt}",
                activity_id=f"attempt-{attempt}-review",
            ),
        )
        await workflow.wait_condition(lambda: attempt in self._verdicts or review.done())
        verdict = self._verdicts.get(attempt)
        if verdict is not None and not verdict.by.startswith(CHECKS):
            review.cancel()
            await self._note_verdict(verdict)
            return verdict
        try:
            await review
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            return self._rejection("workflow", f"the review could not be done: {reason_of(error)}")
        return self._verdicts.get(attempt) or self._rejection("workflow", "the review ended without a verdict")

    def _rejection(self, by: str, feedback: str) -> TaskVerdict:
        return TaskVerdict(
            attempt=self._progress.attempt,
            decision=Decision.REJECTED,
            by=by,
            feedback=feedback,
            fingerprint=sha256(feedback.encode()).hexdigest(),
        )

    def _hopeless(self, verdict: TaskVerdict) -> bool:
        """Out of attempts, or this attempt failed exactly like an earlier one."""
        repeated = bool(verdict.fingerprint) and verdict.fingerprint in self._progress.fingerprints
        return repeated or self._progress.attempt >= self._order.task.max_attempts

    def _try_again(self, verdict: TaskVerdict) -> None:
        self._progress = TaskProgress(
            attempt=self._progress.attempt + 1,
            feedback=verdict.feedback,
            fingerprints=(*self._progress.fingerprints, verdict.fingerprint),
        )

    async def _give_up(self, verdict: TaskVerdict) -> TaskOutcome:
        tried = self._progress.attempt
        early = "" if tried >= self._order.task.max_attempts else ", twice for the same reason"
        reason = f"not approved after {tried} attempt{'s' * (tried > 1)}{early}: {verdict.feedback}"
        await self._note(kind="task.rejected", actor=verdict.by, text=reason[:2000])
        return self._end(TaskState.REJECTED, reason)

    def _end(self, state: TaskState, reason: str = "") -> TaskOutcome:
        self._show(state)
        return TaskOutcome(
            task_id=self._order.task.id, state=state, attempt=self._progress.attempt, reason=reason[:600]
        )

    async def _note_verdict(self, verdict: TaskVerdict) -> None:
        await self._note(kind="verdict", actor=verdict.by, text=verdict.feedback, task_verdict=verdict)

    async def _note_strays(self) -> None:
        for text in self._strays.take():
            await self._note(kind="signal.ignored", text=text)

    async def _note(
        self, *, kind: str, text: str, actor: str = "workflow", task_verdict: TaskVerdict | None = None
    ) -> None:
        note = Note(
            objective_id=self._order.objective_id,
            kind=kind,
            task_id=self._order.task.id,
            attempt=self._progress.attempt,
            actor=actor,
            text=text,
            task_verdict=task_verdict,
        )
        await workflow.execute_activity_method(Clerk.take_note, note, **named(BOOKKEEPING, kind))

    def _show(self, state: TaskState) -> None:
        self._state = state
        task, progress = self._order.task, self._progress
        details = f"**{task.title}**: {state}, attempt {progress.attempt} of at most {task.max_attempts}"
        if progress.feedback:
            details += f"\n\nFeedback on the attempt before: {progress.feedback}"
        workflow.set_current_details(details)

    def _continue_as_new_if_long(self) -> None:
        if workflow.info().is_continue_as_new_suggested():
            workflow.continue_as_new(self._order.model_copy(update={"carried": self._progress}))
