"""What a person is asked about an objective as a whole, and what follows from each answer."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows.approvals import EVERY_CHOICE, YES_OR_NO, Approvals
    from workflows.books import Books
    from workflows.domain.approval import ApprovalDecision, AskWhen
    from workflows.domain.objective import Objective, Stage
    from workflows.domain.outcome import TaskState
    from workflows.domain.verdict import Decision, Subject
    from workflows.doors import verdict_on
    from workflows.failures import NotDelivered
    from workflows.graph import Graph
    from workflows.planning import Planning
    from workflows.steering import Steering

_FAILED = (TaskState.REJECTED, TaskState.FAILED, TaskState.CANCELLED)


class Consent:
    """Raises NotDelivered when a person, or a deadline, says no.

    `version` is the graph's when the question came up: once it has changed, nobody needs to answer any more.
    """

    def __init__(
        self,
        objective: Objective,
        approvals: Approvals,
        books: Books,
        graph: Graph,
        planning: Planning,
        steering: Steering,
    ) -> None:
        self._policy = objective.approvals
        self._approvals = approvals
        self._books = books
        self._graph = graph
        self._planning = planning
        self._steering = steering

    async def to_plan(self) -> None:
        """In manual mode nothing runs before a person has approved the plan, and every plan that replaces it."""
        approved = False
        while self._steering.manual and not approved:
            answer = await self._about_plan(self._planning.plan)
            approved = answer is not None and await self._heed(answer)

    async def _about_plan(self, plan: str) -> ApprovalDecision | None:
        return await self._approvals.ask(
            Subject.PLAN,
            "the plan",
            choices=EVERY_CHOICE if self._planning.by_model else YES_OR_NO,
            stage=Stage.APPROVAL,
            moot=lambda: not self._steering.manual or self._planning.plan != plan,
        )

    async def _heed(self, answer: ApprovalDecision) -> bool:
        """Whether the plan is approved."""
        await self._books.verdict(verdict_on(Subject.PLAN, answer), round_=self._planning.replans)
        match answer.decision:
            case Decision.APPROVED:
                await self._run_only(answer)
                return True
            case Decision.REVISE:
                await self._planning.change(answer.feedback)
                return False
            case _:
                raise NotDelivered(f"{answer.by} did not approve the plan: {_why(answer)}")

    async def to_result(self, version: int, rounds: int) -> bool:
        """False: it is to be done again in part, or is another one by now."""
        answer = await self._approvals.ask(
            Subject.RESULT,
            "the result",
            stage=Stage.REVIEW,
            moot=lambda: not self._steering.manual or self._graph.version != version,
        )
        if answer is None:
            return self._graph.version == version
        await self._books.verdict(verdict_on(Subject.RESULT, answer), round_=rounds - 1)
        match answer.decision:
            case Decision.APPROVED:
                return True
            case Decision.REVISE:
                await self._again(answer, tuple(self._graph.ends()))
                return False
            case _:
                raise NotDelivered(f"{answer.by} did not approve the result: {_why(answer)}")

    async def to_go_on(self, version: int, trouble: str, *, may_skip: bool) -> None:
        """After all attempts. Returns once there is something to run, or to review anew."""
        if self._graph.version != version:
            return
        if not (self._steering.manual or AskWhen.EXHAUSTED in self._policy.ask_when):
            raise NotDelivered(trouble)
        failed = tuple(task_id for task_id, state in self._graph.states.items() if state in _FAILED)
        names = f" ({', '.join(failed[:5])})" if failed else ""
        answer = await self._approvals.ask(
            Subject.EXHAUSTED,
            f"how to go on: {trouble}"[:300] + names[:90],
            choices=EVERY_CHOICE if may_skip else (Decision.REVISE, Decision.REJECTED),
            moot=lambda: self._graph.version != version,
        )
        if answer is None:
            return
        match answer.decision:
            case Decision.APPROVED:
                for task_id in failed:
                    await self._skip(task_id, f"{answer.by} goes on without it", answer)
            case Decision.REVISE:
                await self._again(answer, failed or tuple(self._graph.ends()))
            case _:
                raise NotDelivered(f"{trouble}; {answer.by} did not want to go on: {_why(answer)}")

    def fault_in(self, decision: ApprovalDecision) -> str:
        """What is wrong with the tasks that it names; empty: nothing."""
        unknown = [task_id for task_id in decision.tasks if not self._graph.has(task_id)]
        if unknown:
            return f"there is no task {', '.join(unknown)}; there are: {', '.join(list(self._graph.tasks)[:20])}"
        plan = self._approvals.about(Subject.PLAN)
        if decision.tasks and plan is not None and decision.approval == plan.id:
            return self._graph.incomplete(decision.tasks)
        return ""

    async def _again(self, answer: ApprovalDecision, otherwise: tuple[str, ...]) -> None:
        await self._steering.reopen(tuple(answer.tasks) or otherwise, answer.by, answer.feedback)

    async def _skip(self, task_id: str, reason: str, answer: ApprovalDecision) -> None:
        self._graph.skip(task_id, reason)
        await self._books.note("task.skipped", reason, actor=answer.by, task_id=task_id)

    async def _run_only(self, answer: ApprovalDecision) -> None:
        for task_id in self._graph.unsettled() if answer.tasks else ():
            if task_id not in answer.tasks:
                await self._skip(task_id, f"{answer.by} approved the plan without it", answer)


def _why(answer: ApprovalDecision) -> str:
    return answer.feedback or "no reason given"
