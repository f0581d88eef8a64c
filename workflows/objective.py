import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from temporalio import workflow
from temporalio.common import RawValue, SearchAttributeKey
from temporalio.exceptions import ActivityError, ChildWorkflowError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from pydantic import BaseModel

    from workflows.allowance import Allowance
    from workflows.books import Books
    from workflows.domain.budget import BudgetAnswer
    from workflows.domain.naming import Role, queue_of, task_workflow_id
    from workflows.domain.objective import Mode, ObjectiveResult, ObjectiveStatus, Stage
    from workflows.domain.order import ObjectiveOrder, ObjectiveProgress, TaskOrder
    from workflows.domain.outcome import TaskOutcome, TaskState
    from workflows.domain.plan import PlanOutline, TaskOutline
    from workflows.domain.verdict import BY_CHECKS, BY_PANEL, CHECKS, MAX_FEEDBACK, Decision, ObjectiveVerdict, Subject
    from workflows.drafting import draft_plan
    from workflows.failures import NotDelivered, reason_of, stop_or_cancel
    from workflows.judging import Panel
    from workflows.policies import BOOKKEEPING, PLANNING, REVIEW, named
    from workflows.ports.clerk import Clerk, CloseRequest
    from workflows.ports.drafter import DraftRequest
    from workflows.ports.judge import JudgeRequest
    from workflows.ports.planner import OutlineRequest, Planner, PlanRequest
    from workflows.ports.reviewer import ResultReviewRequest, Reviewer
    from workflows.progress import progress_table
    from workflows.strays import Strays
    from workflows.task import TaskWorkflow

TENANT = SearchAttributeKey.for_keyword("BottedTenant")
STAGE = SearchAttributeKey.for_keyword("BottedStage")
MODE = SearchAttributeKey.for_keyword("BottedMode")
SIGNALS: Mapping[str, type[BaseModel]] = {"verdict": ObjectiveVerdict, "budget": BudgetAnswer}
T = TypeVar("T")


@workflow.defn
class ObjectiveWorkflow:
    """One objective, from what a person asked for to a result that was checked."""

    @workflow.init
    def __init__(self, order: ObjectiveOrder) -> None:
        self._objective = order.objective
        self._carried = order.carried
        self._stage = Stage.PLANNING
        self._since = workflow.now()
        self._outline: PlanOutline | None = None
        self._tasks: dict[str, TaskOutline] = {}
        self._states: dict[str, TaskState] = {}
        self._outcomes: dict[str, TaskOutcome] = {}
        self._verdicts: dict[Subject, ObjectiveVerdict] = {}
        self._checked: ObjectiveVerdict | None = None
        self._waiting_for: Subject | None = None
        self._replans = 0
        self._books = Books(order.objective.id)
        self._allowance = Allowance(order.objective.on_limit, self._ask_for_budget, self._books.budget_answer)
        self._panel = Panel(1, True, self._within_budget)
        self._strays = Strays()

    @workflow.run
    async def run(self, order: ObjectiveOrder) -> ObjectiveResult:
        try:
            await self._plan()
            await self._approval_of_plan()
            await self._run_graph()
            while await self._replan():
                await self._approval_of_plan(anew=True)
                await self._run_graph()
            await self._review()
            return await self._close(Stage.DELIVERED)
        except NotDelivered as stop:
            return await self._close(Stage.NOT_DELIVERED, stop.reason)
        except asyncio.CancelledError:
            await self._close(Stage.CANCELLED, "cancelled on request")
            raise

    @workflow.signal(dynamic=True)
    def signal(self, name: str, args: Sequence[RawValue]) -> None:
        """`verdict` with {"subject": "plan", "decision": "approved", "by": "ana"}, `budget` with {"granted": true,
        "by": "ana"}; anything else is noticed.

        One dynamic handler, because a handler of its own would lose a payload that it cannot read, and would stop
        the workflow for good over a signal without any payload.
        """
        match self._strays.read(name, args, SIGNALS):
            case ObjectiveVerdict() as verdict:
                self._hear(verdict)
            case BudgetAnswer() as answer if not self._allowance.hear(answer):
                self._strays.add("an answer about the budget, for which nobody asked now", answer.by)

    def _hear(self, verdict: ObjectiveVerdict) -> None:
        if verdict.by == BY_CHECKS:
            self._checked = verdict
        elif verdict.by.startswith(CHECKS):
            self._panel.hear(verdict)
        elif verdict.subject is not self._waiting_for or verdict.subject in self._verdicts:
            self._strays.add(f"a verdict on the {verdict.subject}, which nobody asked for now", verdict.by)
        else:
            self._verdicts[verdict.subject] = verdict

    @workflow.query(description="Stage, tasks and what is waited for")
    def status(self) -> ObjectiveStatus:
        return ObjectiveStatus(
            stage=self._stage,
            mode=self._objective.mode,
            tasks={task_id: str(state) for task_id, state in self._states.items()},
            waiting_for=self._waiting(),
            since=self._since,
        )

    @workflow.query(description="The tasks and what each needs")
    def plan(self) -> tuple[TaskOutline, ...]:
        return tuple(self._tasks.values())

    @workflow.query(description="What waits for a person")
    def pending(self) -> tuple[str, ...]:
        verdict = (str(self._waiting_for),) if self._waiting_for is not None else ()
        return (*verdict, "budget") if self._allowance.asked_for else verdict

    async def _plan(self) -> None:
        if self._carried is not None:
            page = await self._page(OutlineRequest(plan=self._carried.plan, page=0))
            self._outcomes = {outcome.task_id: outcome for outcome in self._carried.outcomes}
            self._replans = self._carried.replans
        else:
            self._enter(Stage.PLANNING)
            page = await self._first_page()
        await self._take_over(page)

    async def _take_over(self, page: PlanOutline) -> None:
        """Reads the rest of the plan; from here on it is the one that counts."""
        self._outline = page
        self._tasks = {}
        while True:
            self._tasks.update((task.id, task) for task in page.tasks)
            if not page.next_page:
                break
            page = await self._page(OutlineRequest(plan=page.plan, page=page.next_page))
        self._states = {
            task_id: self._outcomes[task_id].state if task_id in self._outcomes else TaskState.WAITING
            for task_id in self._tasks
        }

    async def _first_page(self) -> PlanOutline:
        if self._objective.playbook is None:
            return await draft_plan(DraftRequest(objective=self._objective), self._allowance)
        try:
            return await workflow.execute_activity_method(
                Planner.make_plan,
                PlanRequest(objective=self._objective),
                **named(PLANNING, "Make the plan", activity_id="plan"),
            )
        except ActivityError as error:
            raise stop_or_cancel(error, "there is no plan") from error

    async def _replan(self) -> bool:
        """Whether there is a new plan for what was not approved. What is approved stays, and is not done again."""
        failed = [task_id for task_id in self._tasks if not self._approved(task_id)]
        if self._objective.playbook is not None or not failed or self._replans >= self._objective.max_replans:
            return False
        self._replans += 1
        self._block_the_rest()
        assert self._outline is not None
        request = DraftRequest(objective=self._objective, replan=self._replans, plan=self._outline.plan.sha256)
        self._enter(Stage.PLANNING)
        try:
            page = await draft_plan(request, self._allowance)
        except NotDelivered as stop:
            await self._books.note("replan.failed", stop.reason)
            return False
        self._outcomes = {task_id: outcome for task_id, outcome in self._outcomes.items() if outcome.approved}
        await self._take_over(page)
        return True

    async def _page(self, request: OutlineRequest) -> PlanOutline:
        return await workflow.execute_activity_method(
            Planner.outline, request, **named(BOOKKEEPING, f"Read page {request.page + 1} of the plan")
        )

    async def _approval_of_plan(self, *, anew: bool = False) -> None:
        """In manual mode nothing runs before a person has approved the plan, and every plan that replaces it."""
        if self._objective.mode is Mode.AUTO or (self._carried is not None and not anew):
            return
        self._enter(Stage.APPROVAL)
        verdict = await self._persons_verdict(Subject.PLAN)
        if not verdict.approved:
            raise NotDelivered(f"{verdict.by} did not approve the plan: {verdict.feedback or 'no reason given'}")

    async def _run_graph(self) -> None:
        """Starts each task the moment its own needs are approved; ends when no more can run."""
        self._enter(Stage.RUNNING)
        running: dict[str, asyncio.Task[TaskOutcome]] = {}
        try:
            while self._start_ready(running):
                await self._books.strays(self._strays)
                await self._next_outcomes(running)
        except asyncio.CancelledError:
            await self._cancel(running)
            raise
        self._continue_as_new_if_held_back()

    def _start_ready(self, running: dict[str, asyncio.Task[TaskOutcome]]) -> bool:
        """Whether anything runs now."""
        for task in self._ready(running):
            running[task.id] = asyncio.create_task(self._run_task(task))
            self._states[task.id] = TaskState.WORKING
        self._show()
        return bool(running)

    async def _next_outcomes(self, running: dict[str, asyncio.Task[TaskOutcome]]) -> None:
        done, _ = await workflow.wait(list(running.values()), return_when=asyncio.FIRST_COMPLETED)
        for finished in done:
            outcome = finished.result()
            del running[outcome.task_id]
            self._record(outcome)

    async def _cancel(self, running: dict[str, asyncio.Task[TaskOutcome]]) -> None:
        for task in running.values():
            task.cancel()
        await asyncio.gather(*running.values(), return_exceptions=True)

    def _ready(self, running: dict[str, asyncio.Task[TaskOutcome]]) -> list[TaskOutline]:
        if workflow.info().is_continue_as_new_suggested():
            return []
        room = max(self._objective.max_parallel - len(running), 0)
        return [task for task in self._startable() if task.id not in running][:room]

    def _startable(self) -> list[TaskOutline]:
        return [
            task
            for task in self._tasks.values()
            if task.id not in self._outcomes and all(self._approved(need) for need in task.needs)
        ]

    def _approved(self, task_id: str) -> bool:
        return task_id in self._outcomes and self._outcomes[task_id].approved

    async def _run_task(self, task: TaskOutline) -> TaskOutcome:
        assert self._outline is not None
        order = TaskOrder(
            objective_id=self._objective.id,
            tenant=self._objective.tenant,
            plan=self._outline.plan,
            task=task.model_copy(update={"needs": ()}),
            queue=self._staff(task),
            on_limit=self._objective.on_limit,
        )
        try:
            return await workflow.execute_child_workflow(
                TaskWorkflow.run,
                order,
                id=task_workflow_id(self._objective.id, task.id),
                static_summary=task.title,
                static_details=f"Capability: {task.capability}. Needs: {', '.join(task.needs) or 'nothing'}."[:400],
                parent_close_policy=workflow.ParentClosePolicy.REQUEST_CANCEL,
            )
        except ChildWorkflowError as error:
            state = TaskState.CANCELLED if is_cancelled_exception(error) else TaskState.FAILED
            return TaskOutcome(task_id=task.id, state=state, reason=reason_of(error)[:600])

    def _staff(self, task: TaskOutline) -> str:
        """Who does it: the one place where the office will answer. Until then, any host of the executor role."""
        return queue_of(Role.EXECUTOR)

    def _record(self, outcome: TaskOutcome) -> None:
        self._outcomes[outcome.task_id] = outcome
        self._states[outcome.task_id] = outcome.state

    async def _review(self) -> None:
        self._block_the_rest()
        missing = [task_id for task_id in self._tasks if not self._approved(task_id)]
        if missing:
            raise NotDelivered(f"{len(missing)} of {len(self._tasks)} tasks are not approved")
        self._enter(Stage.REVIEW)
        verdict = await self._checks_of_result()
        if verdict.approved and self._objective.mode is Mode.MANUAL:
            verdict = await self._persons_verdict(Subject.RESULT)
        if not verdict.approved:
            raise NotDelivered(f"{verdict.by} did not approve the result: {verdict.feedback}")

    def _block_the_rest(self) -> None:
        for task in self._tasks.values():
            if task.id not in self._outcomes:
                missing = next(need for need in task.needs if not self._approved(need))
                reason = f"needs {missing!r}, which was not approved"
                self._record(TaskOutcome(task_id=task.id, state=TaskState.BLOCKED, reason=reason))

    async def _checks_of_result(self) -> ObjectiveVerdict:
        assert self._outline is not None
        request = ResultReviewRequest(objective_id=self._objective.id, plan=self._outline.plan.sha256)
        try:
            await workflow.execute_activity_method(
                Reviewer.review_result, request, **named(REVIEW, "Review the result", activity_id="review")
            )
        except ActivityError as error:
            raise stop_or_cancel(error, "the result could not be reviewed") from error
        if self._checked is None:
            raise NotDelivered("the review of the result ended without a verdict")
        if not self._checked.approved or not self._outline.judges:
            return self._checked
        return await self._judgement_of_result()

    async def _judgement_of_result(self) -> ObjectiveVerdict:
        assert self._outline is not None
        self._panel = Panel(self._outline.judges, True, self._within_budget)
        request = JudgeRequest(objective_id=self._objective.id, plan=self._outline.plan.sha256)
        try:
            decision = await self._panel.decide(request, "The result")
        except ActivityError as error:
            raise stop_or_cancel(error, "the result could not be judged") from error
        approved = decision is Decision.APPROVED
        doubt = "the verifiers could not tell: " if decision is Decision.UNCERTAIN else ""
        verdict = ObjectiveVerdict(
            subject=Subject.RESULT,
            decision=Decision.APPROVED if approved else Decision.REJECTED,
            by=BY_PANEL,
            feedback="" if approved else f"{doubt}{self._panel.feedback}"[:MAX_FEEDBACK],
        )
        await self._books.verdict(verdict)
        return verdict

    async def _persons_verdict(self, subject: Subject) -> ObjectiveVerdict:
        # Before anybody is told: an answer may come sooner than the news that the question was written down.
        self._waiting_for = subject
        self._show()
        await self._books.note("approval.requested", f"the {subject}", subject=subject, stage=self._stage)
        while subject not in self._verdicts:
            await workflow.wait_condition(lambda: subject in self._verdicts or bool(self._strays))
            await self._books.strays(self._strays)
        self._waiting_for = None
        verdict = self._verdicts.pop(subject)
        await self._books.verdict(verdict, plan=self._replans)
        return verdict

    async def _close(self, stage: Stage, reason: str = "") -> ObjectiveResult:
        """Writes the end down. Whoever cancels meanwhile comes too late: an end half written is none."""
        self._waiting_for = None
        closing = asyncio.create_task(self._write_end(stage, reason))
        try:
            return await asyncio.shield(closing)
        except asyncio.CancelledError:
            return await closing

    async def _write_end(self, stage: Stage, reason: str) -> ObjectiveResult:
        await self._books.strays(self._strays)
        request = CloseRequest(
            objective_id=self._objective.id,
            plan=self._outline.plan.sha256 if self._outline else None,
            stage=stage,
            reason=reason[:600],
        )
        result = await workflow.execute_activity_method(
            Clerk.close_objective, request, **named(BOOKKEEPING, f"Close: {stage}")
        )
        self._enter(result.stage)
        return result

    async def _ask_for_budget(self, reason: str) -> None:
        self._show()
        await self._books.ask_for_budget(reason)

    async def _within_budget(self, call: Callable[[], Awaitable[T]]) -> T:
        return await self._allowance.spend(call)

    def _enter(self, stage: Stage) -> None:
        self._stage, self._since = stage, workflow.now()
        workflow.upsert_search_attributes(
            [
                TENANT.value_set(self._objective.tenant),
                STAGE.value_set(str(stage)),
                MODE.value_set(str(self._objective.mode)),
            ]
        )
        self._show()

    def _show(self) -> None:
        waiting = f"waiting for {self._waiting()}" if self._waiting() else ""
        workflow.set_current_details(
            progress_table(self._objective.text, self._stage, self._tasks.values(), self._states, waiting)
        )

    def _waiting(self) -> str:
        if self._allowance.asked_for:
            return "more budget"
        return f"a verdict on the {self._waiting_for}" if self._waiting_for else ""

    def _continue_as_new_if_held_back(self) -> None:
        """Nothing runs; what could have started was held back because the history is long."""
        assert self._outline is not None
        if self._startable():
            carried = ObjectiveProgress(
                plan=self._outline.plan, outcomes=tuple(self._outcomes.values()), replans=self._replans
            )
            workflow.continue_as_new(ObjectiveOrder(objective=self._objective, carried=carried))
