"""The plan of an objective and those that take its place: by a playbook, a model or a person."""

from collections.abc import Iterable

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from workflows.allowance import Allowance
    from workflows.books import Books
    from workflows.domain.control import PlanReceipt, PlanRevision
    from workflows.domain.objective import Mode, Objective
    from workflows.domain.order import ObjectiveProgress
    from workflows.domain.plan import PlanOutline, TaskOutline
    from workflows.drafting import draft_plan
    from workflows.failures import NotDelivered, reason_of, stop_or_cancel
    from workflows.graph import Graph
    from workflows.policies import BOOKKEEPING, PLANNING, named
    from workflows.ports.drafter import DraftRequest
    from workflows.ports.planner import ModeRequest, OutlineRequest, Planner, PlanRequest, RevisionRequest


class Planning:
    """Holds the outline that counts; `replans` counts those after the first, whoever made them."""

    def __init__(self, objective: Objective, graph: Graph, allowance: Allowance, books: Books) -> None:
        self._objective = objective
        self._graph = graph
        self._allowance = allowance
        self._books = books
        self.outline: PlanOutline | None = None
        self.replans = 0
        self.automatic = 0
        self.busy = False
        """A plan is being drafted or weighed: nothing new may start on the one before."""

    @property
    def plan(self) -> str:
        assert self.outline is not None
        return self.outline.plan.sha256

    @property
    def by_model(self) -> bool:
        return self._objective.playbook is None

    async def begin(self) -> None:
        await self._take_over(await self._first_page(), anew=False)

    async def resume(self, carried: ObjectiveProgress) -> None:
        self.replans, self.automatic = carried.replans, carried.automatic
        self._graph.restore(carried.outcomes, carried.again)
        await self._take_over(await self._page(OutlineRequest(plan=carried.plan, page=0)), anew=False)

    @property
    def may_try_again(self) -> bool:
        return self.by_model and self.automatic < self._objective.max_replans

    async def anew(self) -> bool:
        """Whether a model found another way to what is not approved. What is approved stays."""
        self.automatic += 1
        try:
            await self.change("")
        except NotDelivered as stop:
            await self._books.note("replan.failed", stop.reason)
            return False
        return True

    async def change(self, instructions: str) -> None:
        """A model plans anew, as a person asks for it. Raises NotDelivered."""
        self.replans += 1
        request = DraftRequest(
            objective=self._objective, replan=self.replans, plan=self.plan, instructions=instructions
        )
        self.busy = True
        try:
            await self._take_over(await draft_plan(request, self._allowance), anew=False)
        finally:
            self.busy = False

    def fault_in(self, revision: PlanRevision) -> str:
        """Why a person's plan cannot be weighed now; empty: it can."""
        if self.outline is None or self.busy:
            return "the objective is being planned; try again when there is a plan"
        if revision.replaces != self.plan:
            return "the plan has changed since this one was made from it; make the change again in the present plan"
        return ""

    async def revise(self, revision: PlanRevision) -> PlanReceipt:
        """Raises ApplicationError with everything that is wrong with it."""
        settled = [task_id for task_id in self._graph.tasks if self._graph.settled(task_id)]
        request = RevisionRequest(
            objective=self._objective,
            plan=self.plan,
            revision=revision,
            fixed=(*settled, *(task_id for task_id in self._graph.tasks if task_id in self._graph.running)),
            number=self.replans + 1,
        )
        self.busy = True
        try:
            draft = await workflow.execute_activity_method(
                Planner.revise_plan, request, **named(PLANNING, f"Weigh the plan of {revision.by}"[:120])
            )
            if draft.outline is None:
                raise ApplicationError(draft.faults, type="PlanFaulty", non_retryable=True)
            self.replans += 1
            await self._take_over(draft.outline, anew=True)
        except ActivityError as error:
            raise ApplicationError(reason_of(error), type="PlanFaulty", non_retryable=True) from error
        finally:
            self.busy = False
        return PlanReceipt(plan=self.plan, tasks=len(self._graph.tasks))

    async def choose_mode(self) -> Mode:
        request = ModeRequest(objective=self._objective, plan=self.plan)
        choice = await workflow.execute_activity_method(
            Planner.choose_mode, request, **named(BOOKKEEPING, "Choose between auto and manual")
        )
        return choice.mode

    async def _first_page(self) -> PlanOutline:
        if self.by_model:
            return await draft_plan(DraftRequest(objective=self._objective), self._allowance)
        try:
            return await workflow.execute_activity_method(
                Planner.make_plan,
                PlanRequest(objective=self._objective),
                **named(PLANNING, "Make the plan", activity_id="plan"),
            )
        except ActivityError as error:
            raise stop_or_cancel(error, "there is no plan") from error

    async def _take_over(self, first: PlanOutline, *, anew: bool) -> None:
        """Reads the rest of the plan; from here on it is the one that counts."""
        tasks = await self._tasks(first)
        self.outline = first
        self._graph.take_over(tasks, anew=anew)

    async def _tasks(self, page: PlanOutline) -> Iterable[TaskOutline]:
        tasks = list(page.tasks)
        while page.next_page:
            page = await self._page(OutlineRequest(plan=page.plan, page=page.next_page))
            tasks += page.tasks
        return tasks

    async def _page(self, request: OutlineRequest) -> PlanOutline:
        return await workflow.execute_activity_method(
            Planner.outline, request, **named(BOOKKEEPING, f"Read page {request.page + 1} of the plan")
        )
