import asyncio
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from typing import TypeVar

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from workflows.allowance import Allowance
    from workflows.approvals import YES_OR_NO, Approvals
    from workflows.books import Books
    from workflows.domain.approval import Approval, ApprovalDecision, DecisionReceipt
    from workflows.domain.budget import BudgetAnswer
    from workflows.domain.control import Action, Control, Submission, SubmissionReceipt
    from workflows.domain.message import Message
    from workflows.domain.objective import Oversight
    from workflows.domain.order import Supervision, TaskOrder, TaskProgress
    from workflows.domain.outcome import TaskOutcome, TaskState
    from workflows.domain.plan import WhenUncertain
    from workflows.domain.verdict import BY_CHECKS, BY_PANEL, CHECKS, MAX_FEEDBACK, Decision, Subject, TaskVerdict
    from workflows.doors import TO_TASKS, decision_of
    from workflows.failures import is_final, reason_of, refuse
    from workflows.judging import Panel
    from workflows.policies import REVIEW, named
    from workflows.ports.judge import JudgeRequest
    from workflows.ports.reviewer import Reviewer, TaskReviewRequest
    from workflows.secretary import Secretary
    from workflows.strays import Strays
    from workflows.working import Work

T = TypeVar("T")


@workflow.defn
class TaskWorkflow:
    """One task: attempt → work → review → verdict, until approved or hopeless."""

    @workflow.init
    def __init__(self, order: TaskOrder) -> None:
        self._order = order
        self._state = TaskState.WORKING
        self._decided: dict[int, TaskVerdict] = {}
        self._checked: dict[int, TaskVerdict] = {}
        self._panel = self._new_panel()
        self._final = False
        self._strays = Strays()
        self._books = Books(order.objective_id, order.task.id)
        self._approvals = Approvals(order.approvals, self._books, order.text, order.notify, order.carried.asked)
        self._allowance = Allowance(order.on_limit, self._ask_for_budget)
        self._work = Work(order, self._approvals, self._books, self._allowance)
        self._secretary = Secretary(lambda: bool(self._strays), self._keep_up)

    @workflow.run
    async def run(self, order: TaskOrder) -> TaskOutcome:
        self._secretary.begin()
        while True:
            verdict = await self._attempt()
            if verdict.approved:
                return await self._end(TaskState.APPROVED)
            if self._hopeless(verdict):
                return await self._give_up(verdict)
            self._try_again(verdict)

    @workflow.signal(dynamic=True)
    def signal(self, name: str, args: Sequence[RawValue]) -> None:
        """`verdict` {"approval": "…", "decision": "approved", "by": "ana"} or, of an attempt under review, {"attempt":
        1, "decision": "approved", "by": "ana"}; `message` {"id": "1", "by": "ana", "text": "…"}; `budget` {"granted":
        true, "by": "ana"}; what the objective passes on; anything else is noticed.

        One dynamic handler, because a handler of its own would lose a payload that it cannot read, and would stop
        the workflow for good over a signal without any payload.
        """
        match self._strays.read(name, args, TO_TASKS):
            case TaskVerdict() as verdict:
                self._hear(verdict)
            case ApprovalDecision() as decision:
                self._approvals.hear(decision, self._strays)
            case Message() as message if message.id not in self._progress.heard:
                self._work.messages.setdefault(message.id, message)
            case BudgetAnswer() as answer:
                self._approvals.hear_about_budget(answer, self._strays)
            case Supervision() as supervision:
                self._work.supervision, self._work.permits = supervision, 0
            case Control(action=Action.ADVANCE):
                self._work.permits += 1
            case Control(action=Action.ASSIGN_TASK, worker=worker):
                self._work.worker = worker

    @workflow.update(description="A person's decision on an approval; refused with the reason when it does not count")
    async def decide(self, decision: ApprovalDecision) -> DecisionReceipt:
        self._approvals.take(decision)
        return await self._approvals.receipt(decision)

    @decide.validator
    def _may_decide(self, decision: ApprovalDecision) -> None:
        self._approvals.require(decision)
        refuse("a task's approval names no other tasks" if decision.tasks else "")

    @workflow.update(description="The result of a task that a person does by hand")
    async def submit(self, submission: Submission) -> SubmissionReceipt:
        refuse(await self._work.hand_in(submission))
        return SubmissionReceipt(task=self._order.task.id, attempt=self._progress.attempt)

    @submit.validator
    def _may_submit(self, submission: Submission) -> None:
        refuse(self._fault_in(submission))

    @workflow.query(description="What the task is doing")
    def status(self) -> TaskOutcome:
        return TaskOutcome(
            task_id=self._order.task.id,
            state=self._state,
            attempt=self._progress.attempt,
            reason=self._progress.feedback[:600],
        )

    @workflow.query(description="What of the task waits for a person")
    def pending(self) -> tuple[Approval, ...]:
        return self._approvals.waiting

    @property
    def _progress(self) -> TaskProgress:
        return self._work.progress

    def _hear(self, verdict: TaskVerdict) -> None:
        if self._state is not TaskState.REVIEW or verdict.attempt != self._progress.attempt:
            self._strays.add(f"a verdict on attempt {verdict.attempt}, which is not under review", verdict.by)
        elif not verdict.by.startswith(CHECKS) and (asked := self._approvals.about(Subject.TASK)):
            self._approvals.hear(decision_of(verdict, asked.id), self._strays)
        elif not verdict.by.startswith(CHECKS):
            given = self._decided.setdefault(verdict.attempt, verdict)
            if given.by != verdict.by:
                self._strays.add(f"a verdict on attempt {verdict.attempt}, on which {given.by} has decided", verdict.by)
        elif verdict.by == BY_CHECKS:
            self._checked.setdefault(verdict.attempt, verdict)
        else:
            self._panel.hear(verdict)

    def _fault_in(self, submission: Submission) -> str:
        if self._approvals.about(Subject.WORK) is None:
            return "nobody does this task by hand now; assign it to person:NAME first"
        if submission.attempt not in (0, self._progress.attempt):
            return f"attempt {submission.attempt} is over; attempt {self._progress.attempt} waits"
        return ""

    async def _attempt(self) -> TaskVerdict:
        self._show(TaskState.WORKING)
        try:
            failure = await self._work.do()
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            self._final = is_final(error)
            return self._rejection("executor", reason_of(error))
        return self._rejection("executor", failure) if failure else await self._verdict_on_attempt()

    async def _verdict_on_attempt(self) -> TaskVerdict:
        """A person's verdict if one comes, else that of checks and verifiers; without one there is no approval."""
        self._show(TaskState.REVIEW)
        attempt = self._progress.attempt
        self._panel = self._new_panel()
        review = asyncio.create_task(self._review(attempt))
        await workflow.wait_condition(lambda: attempt in self._decided or review.done())
        if attempt in self._decided:
            review.cancel()
            await asyncio.gather(review, return_exceptions=True)
            return await self._persons(self._decided[attempt])
        try:
            return await review
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            self._final = is_final(error)
            return self._rejection("workflow", f"the review could not be done: {reason_of(error)}")

    async def _review(self, attempt: int) -> TaskVerdict:
        await self._run_checks(attempt)
        checked = self._checked.get(attempt) or self._rejection("workflow", "the review ended without a verdict")
        verdict = checked
        if self._order.task.judges:
            verdict = await self._judge(attempt) if checked.approved else checked
            await self._books.verdict(verdict.model_copy(update={"by": BY_PANEL}))
        if verdict.approved and self._work.follows(Oversight.TASK):
            return await self._ask_a_person(attempt, moot=lambda: not self._work.follows(Oversight.TASK)) or verdict
        return verdict

    async def _run_checks(self, attempt: int) -> None:
        request = TaskReviewRequest(
            objective_id=self._order.objective_id,
            plan=self._order.plan.sha256,
            task_id=self._order.task.id,
            attempt=attempt,
        )
        title = f"{self._order.task.title}: review of attempt {attempt}"
        await workflow.execute_activity_method(
            Reviewer.review_task, request, **named(REVIEW, title, activity_id=f"attempt-{attempt}-review")
        )

    async def _judge(self, attempt: int) -> TaskVerdict:
        request = JudgeRequest(
            objective_id=self._order.objective_id,
            plan=self._order.plan.sha256,
            task_id=self._order.task.id,
            attempt=attempt,
        )
        decision = await self._panel.decide(request, self._order.task.title)
        if decision is Decision.UNCERTAIN and self._order.task.when_uncertain is WhenUncertain.PERSON:
            verdict = await self._ask_a_person(attempt)
            assert verdict is not None
            return verdict
        if decision is Decision.UNCERTAIN:
            return self._rejection(BY_PANEL, f"the verifiers could not tell: {self._panel.feedback}")
        return TaskVerdict(
            attempt=attempt,
            decision=decision,
            by=BY_PANEL,
            feedback=self._panel.feedback,
            fingerprint=self._panel.fingerprint,
        )

    async def _ask_a_person(self, attempt: int, moot: Callable[[], bool] = lambda: False) -> TaskVerdict | None:
        """Their verdict; None when none is needed any more."""
        answer = await self._approvals.ask(
            Subject.TASK, f"the task {self._order.task.title!r}", attempt=attempt, moot=moot
        )
        if answer is None:
            return None
        verdict = TaskVerdict(attempt=attempt, decision=answer.decision, by=answer.by, feedback=answer.feedback)
        return await self._persons(verdict)

    async def _persons(self, verdict: TaskVerdict) -> TaskVerdict:
        """Counts before that of checks and verifiers; a rejection ends the task, to revise begins another attempt."""
        await self._books.verdict(verdict)
        self._final = verdict.decision is Decision.REJECTED
        return verdict

    def _new_panel(self) -> Panel:
        task = self._order.task
        second_opinion = task.when_uncertain is WhenUncertain.SECOND_OPINION
        return Panel(max(task.judges, 1), second_opinion, self._within_budget)

    async def _within_budget(self, call: Callable[[], Awaitable[T]]) -> T:
        return await self._allowance.spend(call)

    async def _ask_for_budget(self, reason: str) -> bool:
        answer = await self._approvals.ask(
            Subject.BUDGET, f"more budget: {reason}", choices=YES_OR_NO, attempt=self._progress.attempt
        )
        return answer is not None and answer.approved

    def _rejection(self, by: str, feedback: str) -> TaskVerdict:
        return TaskVerdict(
            attempt=self._progress.attempt,
            decision=Decision.REJECTED,
            by=by,
            feedback=feedback[:MAX_FEEDBACK],
            fingerprint=sha256(feedback.encode()).hexdigest(),
        )

    def _hopeless(self, verdict: TaskVerdict) -> bool:
        """Out of attempts, this attempt failed exactly like an earlier one, or another would meet the same."""
        if verdict.decision is Decision.REVISE:  # whoever asks for another attempt gets it
            return False
        repeated = bool(verdict.fingerprint) and verdict.fingerprint in self._progress.fingerprints
        return self._final or repeated or self._tried >= self._order.task.max_attempts

    @property
    def _tried(self) -> int:
        return self._progress.attempt - self._progress.first + 1

    def _try_again(self, verdict: TaskVerdict) -> None:
        self._work.progress = TaskProgress(
            attempt=self._progress.attempt + 1,
            first=self._progress.first,
            feedback=verdict.feedback,
            fingerprints=(*self._progress.fingerprints, verdict.fingerprint),
            heard=self._progress.heard,
        )

    async def _give_up(self, verdict: TaskVerdict) -> TaskOutcome:
        repeated = verdict.fingerprint in self._progress.fingerprints
        early = ", twice for the same reason" if repeated and self._tried < self._order.task.max_attempts else ""
        reason = f"not approved after {self._tried} attempt{'s' * (self._tried > 1)}{early}: {verdict.feedback}"
        await self._books.note("task.rejected", reason, actor=verdict.by, attempt=self._progress.attempt)
        return await self._end(TaskState.REJECTED, reason)

    async def _end(self, state: TaskState, reason: str = "") -> TaskOutcome:
        self._show(state)
        await self._secretary.rest()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return TaskOutcome(
            task_id=self._order.task.id, state=state, attempt=self._progress.attempt, reason=reason[:600]
        )

    async def _keep_up(self) -> None:
        await self._books.strays(self._strays, self._progress.attempt)

    def _show(self, state: TaskState) -> None:
        self._state = state
        task, progress = self._order.task, self._progress
        details = f"**{task.title}**: {state}, attempt {self._tried} of at most {task.max_attempts}"
        if progress.feedback:
            details += f"\n\nFeedback on the attempt before: {progress.feedback}"
        workflow.set_current_details(details)
