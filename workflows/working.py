"""The work of an attempt at a task: its steps, a model's turns, an objective of its own, or a person's hands."""

import asyncio
from collections.abc import Sequence

from temporalio import workflow
from temporalio.exceptions import ChildWorkflowError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from workflows.allowance import Allowance
    from workflows.approvals import EVERY_CHOICE, YES_OR_NO, Approvals
    from workflows.books import Books
    from workflows.domain.approval import ApprovalDecision, AskWhen
    from workflows.domain.control import PERSON, Submission
    from workflows.domain.message import Message
    from workflows.domain.naming import models_queue, objective_workflow_id
    from workflows.domain.objective import Mode, ObjectiveResult, Oversight, Stage
    from workflows.domain.order import ObjectiveOrder, TaskOrder
    from workflows.domain.plan import Guard, TaskKind
    from workflows.domain.verdict import Decision, Subject
    from workflows.failures import reason_of
    from workflows.policies import BOOKKEEPING, MODEL_TURN, TOOL_CALL, named
    from workflows.ports.clerk import Clerk, FilingRequest
    from workflows.ports.delegation import Delegation, DelegationRequest
    from workflows.ports.executor import Executor, StepRequest
    from workflows.ports.turns import CallRequest, TurnReceipt, TurnRequest, Turns


class Work:
    """Where the task is, who does it, and how closely people follow."""

    def __init__(self, order: TaskOrder, approvals: Approvals, books: Books, allowance: Allowance) -> None:
        self._order = order
        self._approvals = approvals
        self._books = books
        self._allowance = allowance
        self.progress = order.carried
        self.supervision = order.supervision
        self.worker = order.worker
        self.permits = 0
        """How many steps or turns may begin although it is paused."""
        self.messages: dict[str, Message] = {}
        self._submission: Submission | None = None
        self._fate: str | None = ""
        """Of what was submitted last: why it cannot be taken, or nothing."""

    @property
    def person(self) -> str:
        """Who does it by hand; empty: nobody."""
        return self.worker.removeprefix(PERSON) if self.worker.startswith(PERSON) else ""

    def follows(self, oversight: Oversight) -> bool:
        """Whether people want to be asked as often as that."""
        levels = list(Oversight)
        manual = self.supervision.mode is Mode.MANUAL
        return manual and levels.index(self.supervision.oversight) >= levels.index(oversight)

    async def do(self) -> str:
        """Why this attempt has nothing to review; empty: it has. Begins anew when somebody else is to do it."""
        while True:
            work = asyncio.create_task(self._by_hand() if self.person else self._by_kind())
            try:
                await self._until_done_or_reassigned(work, self.worker)
            except asyncio.CancelledError:
                await _stopped(work)
                raise
            if work.done():
                return work.result()
            await _stopped(work)

    async def _until_done_or_reassigned(self, work: asyncio.Task[str], worker: str) -> None:
        await workflow.wait_condition(lambda: work.done() or self.worker != worker)

    async def _by_kind(self) -> str:
        match self._order.task.kind:
            case TaskKind.STEPS:
                return await self._do_steps()
            case TaskKind.TURNS:
                return await self._take_turns()
            case TaskKind.OBJECTIVE:
                return await self._delegate()

    async def _do_steps(self) -> str:
        while self.progress.position < self._order.task.steps:
            await self._permission()
            self._continue_as_new_if_long()
            position = self.progress.position
            guard = self._order.task.guards.get(position)
            answer = await self._consent(self._step_id(position), f"step {position + 1}", guard, YES_OR_NO)
            if answer is not None and not answer.approved:
                return f"{answer.by} did not allow step {position + 1}: {answer.feedback or 'no reason given'}"
            await self._do_step(position, answer)
            self._advance()
        return ""

    async def _do_step(self, position: int, answer: ApprovalDecision | None) -> None:
        request = StepRequest(
            objective_id=self._order.objective_id,
            plan=self._order.plan.sha256,
            task_id=self._order.task.id,
            attempt=self.progress.attempt,
            position=position,
            feedback=self.progress.feedback,
            arguments=answer.arguments if answer else None,
        )
        config = named(
            TOOL_CALL,
            f"{self._order.task.title}: step {position + 1} of {self._order.task.steps}",
            activity_id=f"attempt-{request.attempt}-{self._step_id(position)}",
            queue=self._order.queue,
        )
        await workflow.execute_activity_method(Executor.execute_step, request, **config)

    async def _take_turns(self) -> str:
        """Turns of the worker's model, and the tool calls that it asks for, until it submits or has no turns left."""
        while self.progress.position <= self._order.task.steps:  # one more, in which the last turn's calls are weighed
            await self._permission()
            await self._pass_messages_on()
            self._continue_as_new_if_long()
            turn = self.progress.position + 1
            receipt = await self._allowance.spend(lambda turn=turn: self._take_turn(turn))  # type: ignore[misc]
            if receipt.submitted or receipt.stopped:
                return receipt.stopped
            await self._call_tools(turn, receipt)
            self._advance()
        return f"nothing was submitted within {self._order.task.steps} turns"

    async def _take_turn(self, turn: int) -> TurnReceipt:
        request = TurnRequest(
            objective_id=self._order.objective_id,
            plan=self._order.plan.sha256,
            task_id=self._order.task.id,
            attempt=self.progress.attempt,
            turn=turn,
            feedback=self.progress.feedback,
            profile=self.worker,
        )
        config = named(
            MODEL_TURN,
            f"{self._order.task.title}: turn {turn} of at most {self._order.task.steps}",
            activity_id=f"attempt-{request.attempt}-turn-{turn}",
            queue=models_queue(self._order.queue),
        )
        return await workflow.execute_activity_method(Turns.take_turn, request, **config)

    async def _call_tools(self, turn: int, receipt: TurnReceipt) -> None:
        calls = [self._call(turn, n, tool, receipt.guards.get(n)) for n, tool in enumerate(receipt.calls)]
        await asyncio.gather(*calls)

    async def _call(self, turn: int, call: int, tool: str, guard: Guard | None) -> None:
        answer = await self._consent(f"turn-{turn}-call-{call + 1}", f"a call of {tool}", guard, EVERY_CHOICE)
        request = CallRequest(
            objective_id=self._order.objective_id,
            plan=self._order.plan.sha256,
            task_id=self._order.task.id,
            attempt=self.progress.attempt,
            turn=turn,
            call=call,
            allowed=answer is not None and answer.approved,
            refusal="" if answer is None or answer.approved else _refusal(answer),
            arguments=answer.arguments if answer else None,
        )
        config = named(
            TOOL_CALL,
            f"{self._order.task.title}: {tool}",
            activity_id=f"attempt-{request.attempt}-turn-{turn}-call-{call + 1}",
            queue=self._order.queue,
        )
        await workflow.execute_activity_method(Turns.call_tool, request, **config)

    async def _consent(
        self, step_id: str, what: str, guard: Guard | None, choices: Sequence[Decision]
    ) -> ApprovalDecision | None:
        """A person's leave, where one is wanted; None: none is."""
        guarded = guard is not None and (self._asks_when(guard) or self.supervision.mode is Mode.MANUAL)
        if not (guarded or self.follows(Oversight.STEP)):
            return None
        return await self._approvals.ask(
            Subject.STEP,
            f"{what} of the task {self._order.task.title!r}" + (f", which is {guard}" if guard else ""),
            choices=choices,
            attempt=self.progress.attempt,
            step_id=step_id,
            moot=lambda: not (guarded or self.follows(Oversight.STEP)),
        )

    def _asks_when(self, guard: Guard) -> bool:
        return AskWhen(guard) in self._order.approvals.ask_when

    async def _delegate(self) -> str:
        """The task as an objective of its own, with its own plan, checks and end."""
        task, attempt = self._order.task, self.progress.attempt
        request = DelegationRequest(
            objective_id=self._order.objective_id,
            plan=self._order.plan.sha256,
            task_id=task.id,
            attempt=attempt,
            feedback=self.progress.feedback,
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

    async def hand_in(self, submission: Submission) -> str:
        """Why it cannot be taken; empty: it is. Only while the work waits for somebody's hands."""
        asked = self._approvals.about(Subject.WORK)
        assert asked is not None
        self._submission, self._fate = submission, None
        self._approvals.take(
            ApprovalDecision(approval=asked.id, decision=Decision.APPROVED, by=submission.by, origin=submission.origin)
        )
        await workflow.wait_condition(lambda: self._fate is not None)
        return self._fate or ""

    async def _by_hand(self) -> str:
        try:
            return await self._handed_in()
        finally:
            if self._fate is None:
                self._fate = "somebody else does it by now"

    async def _handed_in(self) -> str:
        """Waits for what the person submits; what cannot be taken is asked for again."""
        trouble = ""
        while True:
            answer = await self._approvals.ask(
                Subject.WORK,
                f"{self.person} to do {self._order.task.title!r} by hand" + trouble,
                choices=(Decision.REJECTED,),
                attempt=self.progress.attempt,
            )
            assert answer is not None
            submitted = self._submission
            if not answer.approved or submitted is None:
                return f"{answer.by} gave it back: {answer.feedback or 'no reason given'}"
            fault = self._fate = await self._file(submitted)
            if not fault:
                return ""
            trouble = f"; what {submitted.by} submitted could not be taken: {fault}"

    async def _file(self, submission: Submission) -> str:
        request = FilingRequest(
            objective_id=self._order.objective_id,
            plan=self._order.plan.sha256,
            task_id=self._order.task.id,
            attempt=self.progress.attempt,
            submission=submission,
        )
        title = f"{self._order.task.title}: take what {submission.by} submitted"
        return await workflow.execute_activity_method(Clerk.file_submission, request, **named(BOOKKEEPING, title))

    async def _permission(self) -> None:
        """While it is paused nothing begins, except what a person lets through one by one."""
        await workflow.wait_condition(lambda: not self.supervision.paused or self.permits > 0)
        if self.supervision.paused:
            self.permits -= 1

    async def _pass_messages_on(self) -> None:
        """Into the journal, where the next turn reads them."""
        while self.messages:
            for message in list(self.messages.values()):
                await self._books.note("message", message.text, actor=message.by, attempt=self.progress.attempt)
                del self.messages[message.id]
                heard = (*self.progress.heard, message.id)
                self.progress = self.progress.model_copy(update={"heard": heard})

    def _advance(self) -> None:
        self.progress = self.progress.model_copy(update={"position": self.progress.position + 1})

    def _step_id(self, position: int) -> str:
        return f"step-{position + 1}"

    def _continue_as_new_if_long(self) -> None:
        if workflow.info().is_continue_as_new_suggested() and workflow.all_handlers_finished():
            carried = self.progress.model_copy(update={"asked": self._approvals.asked})
            update = {"carried": carried, "supervision": self.supervision, "worker": self.worker}
            workflow.continue_as_new(self._order.model_copy(update=update))


def _refusal(answer: ApprovalDecision) -> str:
    return f"{answer.by} did not allow this call: {answer.feedback or 'no reason given'}"[:1000]


async def _stopped(work: asyncio.Task[str]) -> None:
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
