"""What people want of an objective while it runs: weighed when it comes, done in the order of its coming."""

from collections.abc import Mapping

from pydantic import JsonValue
from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows.books import Books
    from workflows.crew import Crew
    from workflows.domain.control import PERSON, TASK_ACTIONS, Action, Control, ControlReceipt
    from workflows.domain.objective import Mode
    from workflows.domain.order import Supervision
    from workflows.domain.outcome import TaskState
    from workflows.domain.plan import TaskKind
    from workflows.failures import refuse
    from workflows.graph import Graph
    from workflows.policies import BOOKKEEPING, named
    from workflows.ports.clerk import Clerk, ReopenRequest


class Steering:
    """Its state is how closely people follow, and what they have permitted and assigned."""

    def __init__(
        self, graph: Graph, crew: Crew, books: Books, supervision: Supervision, assigned: Mapping[str, str]
    ) -> None:
        self._graph = graph
        self._crew = crew
        self._books = books
        self.supervision = supervision
        self.assigned = dict(assigned)
        self.permits = 0
        """How many tasks may start although it is paused."""
        self.ended = False
        self._orders: list[Control] = []
        self._given = 0
        self._done = 0
        self._refused: dict[int, str] = {}
        self._skips: dict[str, str] = {}
        """Running tasks that are to be skipped once they have stopped → why."""

    @property
    def has_orders(self) -> bool:
        return bool(self._orders)

    @property
    def manual(self) -> bool:
        return self.supervision.mode is Mode.MANUAL

    def fault_in(self, order: Control) -> str:
        """Why it cannot be done; empty: it can."""
        if self.ended:
            return "the objective has ended"
        if order.task and not self._graph.has(order.task):
            there = ", ".join(list(self._graph.tasks)[:20]) or "none yet"
            return f"there is no task {order.task!r}; there are: {there}"
        if order.action in TASK_ACTIONS:
            return self._fault_in_task(order)
        match order.action:
            case Action.PAUSE if self.supervision.paused:
                return "it is paused already"
            case Action.RESUME if not self.supervision.paused:
                return "it is not paused"
            case Action.ADVANCE if not self.supervision.paused:
                return "it is not paused, so it moves by itself; pause it first"
        return ""

    def give(self, order: Control) -> int:
        """Puts it in line; the number is for `receipt`."""
        self._orders.append(order)
        self._given += 1
        return self._given

    async def receipt(self, order: Control, number: int) -> ControlReceipt:
        """Raises ApplicationError when things had changed before its turn came."""
        await workflow.wait_condition(lambda: self._done >= number)
        refuse(self._refused.pop(number, ""))
        return ControlReceipt(action=order.action, task=order.task)

    async def work(self) -> None:
        """Does the next one."""
        order = self._orders[0]
        fault = self.fault_in(order)
        if fault:
            self._refused[self._done + 1] = fault
            await self._books.note("signal.ignored", f"{order.action}: {fault}", actor=order.by)
        else:
            await self._do(order)
        del self._orders[0]
        self._done += 1

    def to_skip(self, task_id: str) -> str:
        """Why a task that has just stopped is to be skipped; empty: it is not."""
        return self._skips.pop(task_id, "")

    async def reopen(self, task_ids: tuple[str, ...], by: str, feedback: str) -> None:
        """These begin again, and so does what builds on them; all others stay as they are."""
        attempts = self._graph.redo(task_ids, feedback)
        request = ReopenRequest(
            objective_id=self._books.objective_id, attempts=attempts, by=by, feedback=feedback, named=task_ids
        )
        await workflow.execute_activity_method(
            Clerk.reopen_tasks, request, **named(BOOKKEEPING, f"Again: {', '.join(task_ids)}"[:200])
        )

    def _fault_in_task(self, order: Control) -> str:
        state = self._graph.states[order.task]
        match order.action:
            case Action.RETRY_TASK if state is TaskState.BLOCKED:
                return f"the task {order.task!r} waits for others: {self._graph.outcomes[order.task].reason}"
            case Action.RETRY_TASK if order.task not in self._graph.outcomes:
                return f"the task {order.task!r} has not ended: {state}"
            case Action.RETRY_TASK:
                working = [task for task in self._graph.builders_on([order.task]) if task in self._graph.running]
                return f"{', '.join(working)} builds on it and is being worked on; cancel it first" if working else ""
            case Action.SKIP_TASK if self._graph.settled(order.task):
                return f"the task {order.task!r} is {state} already"
            case Action.CANCEL_TASK if order.task not in self._graph.running:
                return f"the task {order.task!r} is not being worked on: {state}; to go on without it, skip it"
            case Action.ASSIGN_TASK:
                return self._fault_in_assignment(order)
        return ""

    def _fault_in_assignment(self, order: Control) -> str:
        if self._graph.settled(order.task):
            return f"the task {order.task!r} is {self._graph.states[order.task]} already; retry it first"
        kind = self._graph.tasks[order.task].kind
        if kind is not TaskKind.TURNS and not order.worker.startswith(PERSON):
            return f"no model works on the task {order.task!r} (it is done by {kind}); a person can: person:NAME"
        return ""

    async def _do(self, order: Control) -> None:
        match order.action:
            case Action.PAUSE | Action.RESUME:
                paused = order.action is Action.PAUSE
                await self._supervise(self.supervision.model_copy(update={"paused": paused}))
                self.permits = 0
                await self._note(order, "objective.paused" if paused else "objective.resumed")
            case Action.ADVANCE:
                await self._advance(order)
            case Action.SET_MODE:
                oversight = order.oversight or self.supervision.oversight
                await self._supervise(self.supervision.model_copy(update={"mode": order.mode, "oversight": oversight}))
                await self._note(order, "mode.changed", {"mode": str(order.mode), "oversight": str(oversight)})
            case Action.RETRY_TASK:
                await self.reopen((order.task,), order.by, order.text)
            case Action.SKIP_TASK:
                await self._skip(order)
            case Action.CANCEL_TASK:
                self._crew.cancel(order.task)
                await self._note(order, "task.cancelled")
            case Action.ASSIGN_TASK:
                await self._assign(order)

    async def _supervise(self, supervision: Supervision) -> None:
        self.supervision = supervision
        await self._crew.supervise(supervision)

    async def _advance(self, order: Control) -> None:
        """The task that was named, or else one that may start, or else the first that runs takes a step."""
        running = [order.task] if order.task in self._graph.running else []
        if not running and not self._graph.startable():
            running = [task_id for task_id in self._graph.tasks if task_id in self._graph.running][:1]
        if running:
            await self._crew.tell(running, "advance", order)
        else:
            self.permits += 1
        await self._note(order, "objective.advanced")

    async def _skip(self, order: Control) -> None:
        reason = f"skipped by {order.by}" + (f": {order.text}" if order.text else "")
        await self._note(order, "task.skipped", reason=reason)
        if order.task in self._graph.running:
            self._skips[order.task] = reason
            self._crew.cancel(order.task)
        else:
            self._graph.skip(order.task, reason)

    async def _assign(self, order: Control) -> None:
        self.assigned[order.task] = order.worker
        await self._note(order, "task.assigned", {"worker": order.worker})
        await self._crew.tell([order.task], "assign", order)

    async def _note(
        self, order: Control, kind: str, data: dict[str, JsonValue] | None = None, *, reason: str = ""
    ) -> None:
        origin: dict[str, JsonValue] = {"origin": order.origin} if order.origin else {}
        await self._books.note(
            kind, reason or order.text, actor=order.by, data={**(data or {}), **origin}, task_id=order.task
        )
