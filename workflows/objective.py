import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from temporalio import workflow
from temporalio.common import RawValue, SearchAttributeKey

with workflow.unsafe.imports_passed_through():
    from workflows.allowance import Allowance
    from workflows.approvals import YES_OR_NO, Approvals
    from workflows.books import Books
    from workflows.consent import Consent
    from workflows.crew import Crew
    from workflows.domain.approval import Approval, ApprovalDecision, DecisionReceipt
    from workflows.domain.budget import BudgetAnswer
    from workflows.domain.control import Control, ControlReceipt, PlanReceipt, PlanRevision
    from workflows.domain.naming import Role, queue_of
    from workflows.domain.objective import Mode, ObjectiveResult, ObjectiveStatus, Stage
    from workflows.domain.order import ObjectiveOrder, ObjectiveProgress, Supervision, TaskOrder
    from workflows.domain.outcome import TaskOutcome
    from workflows.domain.plan import TaskOutline
    from workflows.domain.verdict import CHECKS, ObjectiveVerdict, Subject
    from workflows.doors import TO_OBJECTIVES, decision_of
    from workflows.failures import NotDelivered, refuse
    from workflows.graph import Graph
    from workflows.planning import Planning
    from workflows.policies import BOOKKEEPING, named
    from workflows.ports.clerk import Clerk, CloseRequest
    from workflows.progress import progress_table
    from workflows.reviewing import ResultReview
    from workflows.secretary import Secretary
    from workflows.steering import Steering
    from workflows.strays import Strays

TENANT = SearchAttributeKey.for_keyword("BottedTenant")
STAGE = SearchAttributeKey.for_keyword("BottedStage")
MODE = SearchAttributeKey.for_keyword("BottedMode")
T = TypeVar("T")


@workflow.defn
class ObjectiveWorkflow:
    """One objective, from what a person asked for to a result that was checked."""

    @workflow.init
    def __init__(self, order: ObjectiveOrder) -> None:
        objective, carried = order.objective, order.carried
        self._objective = objective
        self._carried = carried
        self._stage = Stage.PLANNING
        self._since = workflow.now()
        asked = carried.asked if carried else {}
        self._strays = Strays()
        self._books = Books(objective.id)
        self._approvals = Approvals(objective.approvals, self._books, objective.text, objective.notify, asked)
        self._allowance = Allowance(objective.on_limit, self._ask_for_budget)
        self._graph = Graph()
        self._crew = Crew()
        self._planning = Planning(objective, self._graph, self._allowance, self._books)
        self._review = ResultReview(self._books, self._within_budget, carried.reviews if carried else 0)
        supervision = Supervision(mode=objective.mode, oversight=objective.oversight)
        self._steering = Steering(
            self._graph,
            self._crew,
            self._books,
            carried.supervision if carried else supervision,
            carried.assigned if carried else {},
        )
        self._consent = Consent(objective, self._approvals, self._books, self._graph, self._planning, self._steering)
        self._secretary = Secretary(lambda: bool(self._strays) or self._steering.has_orders, self._keep_up)

    @workflow.run
    async def run(self, order: ObjectiveOrder) -> ObjectiveResult:
        self._secretary.begin()
        try:
            await self._plan()
            await self._approval_of_plan()
            await self._run_graph()
            while await self._goes_on():
                await self._run_graph()
            return await self._close(Stage.DELIVERED)
        except NotDelivered as stop:
            return await self._close(Stage.NOT_DELIVERED, stop.reason)
        except asyncio.CancelledError:
            await self._close(Stage.CANCELLED, "cancelled on request")
            raise

    @workflow.signal(dynamic=True)
    def signal(self, name: str, args: Sequence[RawValue]) -> None:
        """`verdict` {"approval": "ID.plan.1", "decision": "approved", "by": "ana"}; `pause`, `resume`, `advance`,
        `retry_task`, `skip_task`, `cancel_task`, `assign_task`, `set_mode` {"by": "ana", "task": "…"}; `budget`
        {"granted": true, "by": "ana"}; anything else is noticed.

        One dynamic handler, because a handler of its own would lose a payload that it cannot read, and would stop
        the workflow for good over a signal without any payload.
        """
        match self._strays.read(name, args, TO_OBJECTIVES):
            case ObjectiveVerdict() as verdict if verdict.by.startswith(CHECKS):
                self._review.hear(verdict)
            case ObjectiveVerdict() as verdict:
                first = self._approvals.id_of(verdict.subject, 1)  # without an id it can mean no later one
                self._hear(decision_of(verdict, first))
            case ApprovalDecision() as decision:
                self._hear(decision)
            case BudgetAnswer() as answer:
                self._approvals.hear_about_budget(answer, self._strays)
            case Control() as order:
                self._steering.give(order)

    def _hear(self, decision: ApprovalDecision) -> None:
        fault = self._consent.fault_in(decision)
        if fault:
            self._strays.add(f"a decision on {decision.approval}", f"{decision.by}: {fault}")
        else:
            self._approvals.hear(decision, self._strays)

    @workflow.update(description="A person's decision on an approval; refused with the reason when it does not count")
    async def decide(self, decision: ApprovalDecision) -> DecisionReceipt:
        self._approvals.take(decision)
        return await self._approvals.receipt(decision)

    @decide.validator
    def _may_decide(self, decision: ApprovalDecision) -> None:
        self._approvals.require(decision)
        refuse(self._consent.fault_in(decision))

    @workflow.update(description="What the signals of an action's name do, with an answer")
    async def control(self, order: Control) -> ControlReceipt:
        return await self._steering.receipt(order, self._steering.give(order))

    @control.validator
    def _may_control(self, order: Control) -> None:
        refuse(self._steering.fault_in(order))

    @workflow.update(description="Another plan, written or edited by a person; finished tasks stay as they are")
    async def revise_plan(self, revision: PlanRevision) -> PlanReceipt:
        return await self._planning.revise(revision)

    @revise_plan.validator
    def _may_revise(self, revision: PlanRevision) -> None:
        refuse("the objective has ended" if self._steering.ended else self._planning.fault_in(revision))

    @workflow.query(description="Stage, tasks and what is waited for")
    def status(self) -> ObjectiveStatus:
        supervision = self._steering.supervision
        return ObjectiveStatus(
            stage=self._stage,
            mode=supervision.mode,
            oversight=supervision.oversight,
            paused=supervision.paused,
            tasks={task_id: str(state) for task_id, state in self._graph.states.items()},
            waiting_for="; ".join(approval.text for approval in self._approvals.waiting),
            since=self._since,
        )

    @workflow.query(description="The tasks and what each needs")
    def plan(self) -> tuple[TaskOutline, ...]:
        return tuple(self._graph.tasks.values())

    @workflow.query(description="What of the objective itself waits for a person; its tasks know what they wait for")
    def pending(self) -> tuple[Approval, ...]:
        return self._approvals.waiting

    async def _plan(self) -> None:
        if self._carried is not None:
            await self._planning.resume(self._carried)
            return
        self._enter(Stage.PLANNING)
        await self._planning.begin()
        if self._steering.supervision.mode is Mode.DECIDE:
            mode = await self._planning.choose_mode()
            self._steering.supervision = self._steering.supervision.model_copy(update={"mode": mode})

    async def _approval_of_plan(self, *, anew: bool = False) -> None:
        if self._steering.manual and (self._carried is None or anew):
            self._enter(Stage.APPROVAL)
            await self._consent.to_plan()

    async def _run_graph(self) -> None:
        """Starts each task the moment its own needs are settled; ends when no more can run."""
        self._enter(Stage.RUNNING)
        try:
            while self._start_ready() or self._is_held():
                await workflow.wait_condition(self._has_changed)
                for outcome in self._crew.news():
                    self._record(outcome)
        except asyncio.CancelledError:
            await self._crew.cancel_all()
            raise
        await self._continue_as_new_if_held_back()

    def _start_ready(self) -> bool:
        """Whether anything runs now."""
        for task in self._ready():
            if self._steering.supervision.paused:
                self._steering.permits -= 1
            self._crew.start(self._order_for(task), task)
        self._show()
        return bool(self._crew) or self._crew.has_news

    def _ready(self) -> list[TaskOutline]:
        if workflow.info().is_continue_as_new_suggested() or self._planning.busy:
            return []
        room = max(self._objective.max_parallel - len(self._crew), 0)
        if self._steering.supervision.paused:
            room = min(room, self._steering.permits)
        return self._graph.startable()[:room]

    def _is_held(self) -> bool:
        """Nothing runs, but something will: it is paused, or another plan is being weighed."""
        if workflow.info().is_continue_as_new_suggested():
            return self._planning.busy
        return self._planning.busy or (self._steering.supervision.paused and bool(self._graph.startable()))

    def _has_changed(self) -> bool:
        return self._crew.has_news or bool(self._ready()) or not (self._crew or self._is_held())

    def _order_for(self, task: TaskOutline) -> TaskOrder:
        assert self._planning.outline is not None
        objective = self._objective
        return TaskOrder(
            objective_id=objective.id,
            tenant=objective.tenant,
            plan=self._planning.outline.plan,
            task=task.model_copy(update={"needs": ()}),
            queue=self._staff(task),
            on_limit=objective.on_limit,
            text=objective.text[:300],
            approvals=objective.approvals,
            notify=objective.notify,
            supervision=self._steering.supervision,
            worker=self._steering.assigned.get(task.id, ""),
            carried=self._graph.start(task.id),
        )

    def _staff(self, task: TaskOutline) -> str:
        """Who does it: the one place where the office will answer. Until then, any host of the executor role."""
        return queue_of(Role.EXECUTOR)

    def _record(self, outcome: TaskOutcome) -> None:
        self._graph.record(outcome)
        skipped = self._steering.to_skip(outcome.task_id)
        if skipped and not outcome.approved:
            self._graph.skip(outcome.task_id, skipped)

    async def _goes_on(self) -> bool:
        """Whether there is more to run: planned anew, done again, or changed by a person meanwhile."""
        self._graph.block_the_rest()
        version = self._graph.version
        missing, count = len(self._graph.unsettled()), len(self._graph.tasks)
        if not missing:
            return not await self._result_is_approved(version)
        if await self._planned_anew():
            return True
        await self._consent.to_go_on(version, f"{missing} of {count} tasks are not approved", may_skip=True)
        return True

    async def _planned_anew(self) -> bool:
        if not self._planning.may_try_again:
            return False
        self._enter(Stage.PLANNING)
        if not await self._planning.anew():
            return False
        await self._approval_of_plan(anew=True)
        return True

    async def _result_is_approved(self, version: int) -> bool:
        self._enter(Stage.REVIEW)
        assert self._planning.outline is not None
        verdict = await self._review.verdict(self._planning.outline)
        if not verdict.approved:
            trouble = f"{verdict.by} did not approve the result: {verdict.feedback}"
            await self._consent.to_go_on(version, trouble, may_skip=False)
            return False
        if self._steering.manual and not await self._consent.to_result(version, self._review.rounds):
            return False
        await workflow.wait_condition(lambda: not self._planning.busy)
        return self._graph.version == version

    async def _ask_for_budget(self, reason: str) -> bool:
        answer = await self._approvals.ask(Subject.BUDGET, f"more budget: {reason}", choices=YES_OR_NO)
        return answer is not None and answer.approved

    async def _within_budget(self, call: Callable[[], Awaitable[T]]) -> T:
        return await self._allowance.spend(call)

    async def _keep_up(self) -> None:
        await self._books.strays(self._strays)
        if self._steering.has_orders:
            mode = self._steering.supervision.mode
            await self._steering.work()
            if self._steering.supervision.mode is not mode:
                self._publish()
            self._show()

    async def _close(self, stage: Stage, reason: str = "") -> ObjectiveResult:
        """Writes the end down. Whoever cancels meanwhile comes too late: an end half written is none."""
        self._steering.ended = True
        closing = asyncio.create_task(self._write_end(stage, reason))
        try:
            return await asyncio.shield(closing)
        except asyncio.CancelledError:
            return await closing

    async def _write_end(self, stage: Stage, reason: str) -> ObjectiveResult:
        await self._secretary.rest()
        request = CloseRequest(
            objective_id=self._objective.id,
            plan=self._planning.plan if self._planning.outline else None,
            stage=stage,
            reason=reason[:600],
            skipped=self._graph.skipped(),
        )
        result = await workflow.execute_activity_method(
            Clerk.close_objective, request, **named(BOOKKEEPING, f"Close: {stage}")
        )
        await workflow.wait_condition(workflow.all_handlers_finished)
        self._enter(result.stage)
        return result

    def _enter(self, stage: Stage) -> None:
        self._stage, self._since = stage, workflow.now()
        self._publish()

    def _publish(self) -> None:
        """For lists in Temporal, and its Web UI."""
        workflow.upsert_search_attributes(
            [
                TENANT.value_set(self._objective.tenant),
                STAGE.value_set(str(self._stage)),
                MODE.value_set(str(self._steering.supervision.mode)),
            ]
        )
        self._show()

    def _show(self) -> None:
        waiting = "; ".join(approval.text for approval in self._approvals.waiting)
        paused = "paused" if self._steering.supervision.paused else ""
        said = ", ".join(filter(None, (paused, f"waiting for a decision on {waiting}" if waiting else "")))
        workflow.set_current_details(
            progress_table(self._objective.text, self._stage, self._graph.tasks.values(), self._graph.states, said)
        )

    async def _continue_as_new_if_held_back(self) -> None:
        """Nothing runs; what could have started was held back because the history is long."""
        if not (workflow.info().is_continue_as_new_suggested() and self._graph.startable()):
            return
        await self._secretary.rest()
        await workflow.wait_condition(workflow.all_handlers_finished)
        assert self._planning.outline is not None
        carried = ObjectiveProgress(
            plan=self._planning.outline.plan,
            outcomes=tuple(self._graph.outcomes.values()),
            replans=self._planning.replans,
            automatic=self._planning.automatic,
            supervision=self._steering.supervision,
            again=self._graph.again,
            assigned=self._steering.assigned,
            asked=self._approvals.asked,
            reviews=self._review.rounds,
        )
        workflow.continue_as_new(ObjectiveOrder(objective=self._objective, carried=carried))
