"""The review of a whole result: checks first, then verifiers where there are criteria."""

from collections.abc import Awaitable, Callable

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from workflows.books import Books
    from workflows.domain.plan import PlanOutline
    from workflows.domain.verdict import BY_CHECKS, BY_PANEL, MAX_FEEDBACK, Decision, ObjectiveVerdict, Subject
    from workflows.failures import NotDelivered, stop_or_cancel
    from workflows.judging import Panel
    from workflows.policies import REVIEW, named
    from workflows.ports.judge import JudgeRequest
    from workflows.ports.reviewer import ResultReviewRequest, Reviewer


class ResultReview:
    """Verdicts come in through `hear`, as signals. Each call of `verdict` is a round of its own."""

    def __init__(self, books: Books, within_budget: Callable[..., Awaitable[object]], rounds: int) -> None:
        self._books = books
        self._within_budget = within_budget
        self.rounds = rounds
        """How often there was a review."""
        self._checked: ObjectiveVerdict | None = None
        self._panel = Panel(1, True, within_budget)

    def hear(self, verdict: ObjectiveVerdict) -> None:
        if verdict.by == BY_CHECKS:
            self._checked = verdict
        else:
            self._panel.hear(verdict)

    async def verdict(self, outline: PlanOutline) -> ObjectiveVerdict:
        """Raises NotDelivered when it could not be reviewed: without a verdict there is no approval."""
        self.rounds += 1
        self._checked = None
        checked = await self._checks(outline)
        return await self._judgement(outline) if checked.approved and outline.judges else checked

    async def _checks(self, outline: PlanOutline) -> ObjectiveVerdict:
        request = ResultReviewRequest(
            objective_id=self._books.objective_id, plan=outline.plan.sha256, round=self.rounds - 1
        )
        config = named(REVIEW, "Review the result", activity_id=f"review-{self.rounds}")
        try:
            await workflow.execute_activity_method(Reviewer.review_result, request, **config)
        except ActivityError as error:
            raise stop_or_cancel(error, "the result could not be reviewed") from error
        if self._checked is None:
            raise NotDelivered("the review of the result ended without a verdict")
        return self._checked

    async def _judgement(self, outline: PlanOutline) -> ObjectiveVerdict:
        self._panel = Panel(outline.judges, True, self._within_budget)
        request = JudgeRequest(objective_id=self._books.objective_id, plan=outline.plan.sha256, attempt=self.rounds - 1)
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
        await self._books.verdict(verdict, round_=self.rounds - 1)
        return verdict
