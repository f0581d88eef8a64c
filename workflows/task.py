import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from hashlib import sha256
from typing import TypeVar

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ActivityError, ChildWorkflowError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from pydantic import BaseModel

    from workflows.allowance import Allowance
    from workflows.books import Books
    from workflows.domain.budget import BudgetAnswer
    from workflows.domain.message import Message
    from workflows.domain.naming import models_queue, objective_workflow_id
    from workflows.domain.objective import ObjectiveResult, Stage
    from workflows.domain.order import ObjectiveOrder, TaskOrder, TaskProgress
    from workflows.domain.outcome import TaskOutcome, TaskState
    from workflows.domain.plan import TaskKind, WhenUncertain
    from workflows.domain.verdict import BY_CHECKS, BY_PANEL, CHECKS, MAX_FEEDBACK, Decision, TaskVerdict
    from workflows.failures import is_final, reason_of
    from workflows.judging import Panel
    from workflows.policies import BOOKKEEPING, MODEL_TURN, REVIEW, TOOL_CALL, named
    from workflows.ports.delegation import Delegation, DelegationRequest
    from workflows.ports.executor import Executor, StepRequest
    from workflows.ports.judge import JudgeRequest
    from workflows.ports.reviewer import Reviewer, TaskReviewRequest
    from workflows.ports.turns import CallRequest, TurnReceipt, TurnRequest, Turns
    from workflows.strays import Strays

SIGNALS: Mapping[str, type[BaseModel]] = {"verdict": TaskVerdict, "message": Message, "budget": BudgetAnswer}
T = TypeVar("T")


@workflow.defn
class TaskWorkflow:
    """One task: attempt → work → review → verdict, until approved or hopeless."""

    @workflow.init
    def __init__(self, order: TaskOrder) -> None:
        self._order = order
        self._progress = order.carried
        self._state = TaskState.WORKING
        self._decided: dict[int, TaskVerdict] = {}
        self._checked: dict[int, TaskVerdict] = {}
        self._panel = self._new_panel()
        self._final = False
        self._messages: dict[str, Message] = {}
        self._books = Books(order.objective_id, order.task.id)
        self._allowance = Allowance(order.on_limit, self._ask_for_budget, self._note_budget)
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
        """`verdict` {"attempt": 1, "decision": "approved", "by": "ana"}, `message` {"id": "1", "by": "ana",
        "text": "…"}, `budget` {"granted": true, "by": "ana"}; anything else is noticed.

        One dynamic handler, because a handler of its own would lose a payload that it cannot read, and would stop
        the workflow for good over a signal without any payload.
        """
        match self._strays.read(name, args, SIGNALS):
            case TaskVerdict() as verdict:
                self._hear(verdict)
            case Message() as message if message.id not in self._progress.heard:
                self._messages.setdefault(message.id, message)
            case BudgetAnswer() as answer if not self._allowance.hear(answer):
                self._strays.add("an answer about the budget, for which nobody asked now", answer.by)

    @workflow.query(description="What the task is doing")
    def status(self) -> TaskOutcome:
        return TaskOutcome(
            task_id=self._order.task.id,
            state=self._state,
            attempt=self._progress.attempt,
            reason=self._progress.feedback[:600],
        )

    def _hear(self, verdict: TaskVerdict) -> None:
        if self._state is not TaskState.REVIEW or verdict.attempt != self._progress.attempt:
            self._strays.add(f"a verdict on attempt {verdict.attempt}, which is not under review", verdict.by)
        elif not verdict.by.startswith(CHECKS):
            given = self._decided.setdefault(verdict.attempt, verdict)
            if given.by != verdict.by:
                self._strays.add(f"a verdict on attempt {verdict.attempt}, on which {given.by} has decided", verdict.by)
        elif verdict.by == BY_CHECKS:
            self._checked.setdefault(verdict.attempt, verdict)
        else:
            self._panel.hear(verdict)

    async def _attempt(self) -> TaskVerdict:
        try:
            failure = await self._work()
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            self._final = is_final(error)
            return self._rejection("executor", reason_of(error))
        return self._rejection("executor", failure) if failure else await self._verdict_on_attempt()

    async def _work(self) -> str:
        """Why this attempt has nothing to review; empty: it has."""
        self._show(TaskState.WORKING)
        match self._order.task.kind:
            case TaskKind.STEPS:
                return await self._do_steps()
            case TaskKind.TURNS:
                return await self._take_turns()
            case TaskKind.OBJECTIVE:
                return await self._delegate()

    async def _do_steps(self) -> str:
        while self._progress.position < self._order.task.steps:
            self._continue_as_new_if_long()
            await self._do_step(self._progress.position)
            self._advance()
        return ""

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

    async def _take_turns(self) -> str:
        """Turns of the worker's model, and the tool calls that it asks for, until it submits or has no turns left."""
        while self._progress.position <= self._order.task.steps:  # one more, in which the last turn's calls are weighed
            await self._pass_messages_on()
            self._continue_as_new_if_long()
            turn = self._progress.position + 1
            receipt = await self._allowance.spend(lambda turn=turn: self._take_turn(turn))  # type: ignore[misc]
            if receipt.submitted or receipt.stopped:
                return receipt.stopped
            await asyncio.gather(*(self._call(turn, n, tool) for n, tool in enumerate(receipt.calls)))
            self._advance()
        return f"nothing was submitted within {self._order.task.steps} turns"

    async def _take_turn(self, turn: int) -> TurnReceipt:
        request = TurnRequest(
            objective_id=self._order.objective_id,
            plan=self._order.plan.sha256,
            task_id=self._order.task.id,
            attempt=self._progress.attempt,
            turn=turn,
            feedback=self._progress.feedback,
        )
        config = named(
            MODEL_TURN,
            f"{self._order.task.title}: turn {turn} of at most {self._order.task.steps}",
            activity_id=f"attempt-{request.attempt}-turn-{turn}",
            queue=models_queue(self._order.queue),
        )
        return await workflow.execute_activity_method(Turns.take_turn, request, **config)

    async def _call(self, turn: int, call: int, tool: str) -> None:
        request = CallRequest(
            objective_id=self._order.objective_id,
            plan=self._order.plan.sha256,
            task_id=self._order.task.id,
            attempt=self._progress.attempt,
            turn=turn,
            call=call,
        )
        config = named(
            TOOL_CALL,
            f"{self._order.task.title}: {tool}",
            activity_id=f"attempt-{request.attempt}-turn-{turn}-call-{call + 1}",
            queue=self._order.queue,
        )
        await workflow.execute_activity_method(Turns.call_tool, request, **config)

    async def _delegate(self) -> str:
        """The task as an objective of its own, with its own plan, checks and end."""
        task, attempt = self._order.task, self._progress.attempt
        request = DelegationRequest(
            objective_id=self._order.objective_id,
            plan=self._order.plan.sha256,
            task_id=task.id,
            attempt=attempt,
            feedback=self._progress.feedback,
        )
        child = await workflow.execute_activity_method(
            Delegation.delegate, request, **named(BOOKKEEPING, f"{task.title}: ask for it")
        )
        try:
            result = await workflow.execute_child_workflow(
                "ObjectiveWorkflow",
                ObjectiveOrder(objective=child),
                id=objective_workflow_id(child.id),
                result_type=ObjectiveResult,
                static_summary=task.title,
                parent_close_policy=workflow.ParentClosePolicy.REQUEST_CANCEL,
            )
        except ChildWorkflowError as error:
            if is_cancelled_exception(error):
                raise
            return f"its objective {child.id} failed: {reason_of(error)}"
        if result.stage is not Stage.DELIVERED:
            return f"its objective {child.id} was not delivered: {result.reason}"
        await workflow.execute_activity_method(
            Delegation.adopt, request, **named(BOOKKEEPING, f"{task.title}: take over what was delivered")
        )
        return ""

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
            verdict = self._decided[attempt]
            await self._books.verdict(verdict)
            return verdict
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
        if not self._order.task.judges:
            return checked
        verdict = await self._judge(attempt) if checked.approved else checked
        await self._books.verdict(verdict.model_copy(update={"by": BY_PANEL}))
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
            wanted = f"the task {self._order.task.title!r}"
            await self._books.note("approval.requested", wanted, subject="task", attempt=attempt)
            await workflow.wait_condition(lambda: attempt in self._decided)
            return self._decided[attempt]
        if decision is Decision.UNCERTAIN:
            return self._rejection(BY_PANEL, f"the verifiers could not tell: {self._panel.feedback}")
        return TaskVerdict(
            attempt=attempt,
            decision=decision,
            by=BY_PANEL,
            feedback=self._panel.feedback,
            fingerprint=self._panel.fingerprint,
        )

    def _new_panel(self) -> Panel:
        task = self._order.task
        second_opinion = task.when_uncertain is WhenUncertain.SECOND_OPINION
        return Panel(max(task.judges, 1), second_opinion, self._within_budget)

    async def _within_budget(self, call: Callable[[], Awaitable[T]]) -> T:
        return await self._allowance.spend(call)

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
        repeated = bool(verdict.fingerprint) and verdict.fingerprint in self._progress.fingerprints
        return self._final or repeated or self._progress.attempt >= self._order.task.max_attempts

    def _try_again(self, verdict: TaskVerdict) -> None:
        self._progress = TaskProgress(
            attempt=self._progress.attempt + 1,
            feedback=verdict.feedback,
            fingerprints=(*self._progress.fingerprints, verdict.fingerprint),
            heard=self._progress.heard,
        )

    async def _give_up(self, verdict: TaskVerdict) -> TaskOutcome:
        tried = self._progress.attempt
        repeated = verdict.fingerprint in self._progress.fingerprints
        early = ", twice for the same reason" if repeated and tried < self._order.task.max_attempts else ""
        reason = f"not approved after {tried} attempt{'s' * (tried > 1)}{early}: {verdict.feedback}"
        await self._books.note("task.rejected", reason, actor=verdict.by, attempt=tried)
        return self._end(TaskState.REJECTED, reason)

    def _advance(self) -> None:
        self._progress = self._progress.model_copy(update={"position": self._progress.position + 1})

    def _end(self, state: TaskState, reason: str = "") -> TaskOutcome:
        self._show(state)
        return TaskOutcome(
            task_id=self._order.task.id, state=state, attempt=self._progress.attempt, reason=reason[:600]
        )

    async def _pass_messages_on(self) -> None:
        """Into the journal, where the next turn reads them."""
        while self._messages or self._strays:
            for message in list(self._messages.values()):
                await self._books.note("message", message.text, actor=message.by, attempt=self._progress.attempt)
                del self._messages[message.id]
                heard = (*self._progress.heard, message.id)
                self._progress = self._progress.model_copy(update={"heard": heard})
            await self._note_strays()

    async def _ask_for_budget(self, reason: str) -> None:
        await self._books.ask_for_budget(reason, self._progress.attempt)

    async def _note_budget(self, answer: BudgetAnswer) -> None:
        await self._books.budget_answer(answer, self._progress.attempt)

    async def _note_strays(self) -> None:
        await self._books.strays(self._strays, self._progress.attempt)

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
