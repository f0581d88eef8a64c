"""Questions to people: written down before the wait, with reminders, escalation and an end; the first answer wins."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from workflows.books import TIMED_OUT, Books
    from workflows.domain.approval import Approval, ApprovalDecision, ApprovalPolicy, DecisionReceipt, OnTimeout
    from workflows.domain.budget import BudgetAnswer
    from workflows.domain.notice import Notice, Occasion
    from workflows.domain.objective import Stage
    from workflows.domain.verdict import Decision, Subject
    from workflows.policies import seconds
    from workflows.strays import Strays

EVERY_CHOICE = (Decision.APPROVED, Decision.REVISE, Decision.REJECTED)
YES_OR_NO = (Decision.APPROVED, Decision.REJECTED)
REMEMBERED = 50


class Approvals:
    """Those of one workflow. `text` is what the objective is about, for people who are told outside botted.

    Each has a number among those of its subject, so that an answer to an earlier one is never taken for a later one's.
    """

    def __init__(
        self,
        policy: ApprovalPolicy,
        books: Books,
        text: str,
        channels: Sequence[str],
        asked: Mapping[str, int] | None = None,
    ) -> None:
        self.asked = dict(asked or {})
        """Subject → how often."""
        self._policy = policy
        self._books = books
        self._text = text
        self._channels = tuple(channels)
        self._open: dict[str, Approval] = {}
        self._escalated: set[str] = set()
        self._answers: dict[str, ApprovalDecision] = {}
        self._settled: dict[str, str] = {}

    @property
    def waiting(self) -> tuple[Approval, ...]:
        over = {**self._answers, **self._settled}
        return tuple(approval for approval in self._open.values() if approval.id not in over)

    def about(self, subject: Subject) -> Approval | None:
        return next((approval for approval in self.waiting if approval.subject is subject), None)

    def id_of(self, subject: Subject, number: int, attempt: int = 0) -> str:
        where = f".{self._books.task_id}.{attempt}" if self._books.task_id else ""
        return f"{self._books.objective_id}.{subject}{where}.{number}"

    async def ask(
        self,
        subject: Subject,
        text: str,
        *,
        choices: Sequence[Decision] = EVERY_CHOICE,
        attempt: int = 0,
        step_id: str = "",
        deciders: Sequence[str] = (),
        stage: Stage | None = None,
        moot: Callable[[], bool] = lambda: False,
    ) -> ApprovalDecision | None:
        """The answer; None when `moot()` came to hold first: then nobody needs to answer any more."""
        key = f"{subject} {attempt}" if attempt else str(subject)
        self.asked[key] = self.asked.get(key, 0) + 1
        approval_id = self.id_of(subject, self.asked[key], attempt)
        approval = self._approval(approval_id, subject, text, choices, attempt, step_id, deciders)
        # Before anybody is told: an answer may come sooner than the news that the question was written down.
        self._open[approval.id] = approval
        try:
            await self._books.asked(approval, stage)
            await self._tell(Occasion.ASKED, approval)
            answer = await self._answer(approval, moot)
            self._remember(approval, answer)
            await self._books.settled(approval, answer)
        except asyncio.CancelledError:
            await self._books.settled(approval, None)
            raise
        finally:
            del self._open[approval.id]
        return answer

    def fault_in(self, decision: ApprovalDecision) -> ApplicationError | None:
        """Why this decision does not count; None: it does."""
        approval = self._open.get(decision.approval)
        if approval is None or approval.id in self._answers or approval.id in self._settled:
            return self._too_late(decision)
        if not approval.may_be_decided_by(decision.by, decision.roles, escalated=approval.id in self._escalated):
            return _fault("NotAllowed", f"{decision.by} may not decide this; {', '.join(approval.deciders)} may")
        if decision.decision not in approval.choices:
            return _fault("NoSuchChoice", _no_such_choice(approval))
        if decision.arguments and approval.subject is not Subject.STEP:
            return _fault("NoSuchChoice", "arguments belong to a step that waits, and this is none")
        return None

    def require(self, decision: ApprovalDecision) -> None:
        """Raises ApplicationError with the reason when it does not count."""
        fault = self.fault_in(decision)
        if fault is not None:
            raise fault

    def take(self, decision: ApprovalDecision) -> None:
        """Records it; only what `fault_in` finds nothing wrong with."""
        self._answers[decision.approval] = decision

    def hear(self, decision: ApprovalDecision, strays: Strays) -> None:
        """By a signal: nobody can be told that it does not count, so it is written down."""
        fault = self.fault_in(decision)
        if fault is None:
            self.take(decision)
        else:
            strays.add(f"a decision on {decision.approval}", f"{decision.by}: {fault.message}")

    def hear_about_budget(self, answer: BudgetAnswer, strays: Strays) -> None:
        asked = self.about(Subject.BUDGET)
        if asked is None:
            strays.add("an answer about the budget, for which nobody asked now", answer.by)
            return
        decision = Decision.APPROVED if answer.granted else Decision.REJECTED
        self.hear(ApprovalDecision(approval=asked.id, decision=decision, by=answer.by), strays)

    async def receipt(self, decision: ApprovalDecision) -> DecisionReceipt:
        """Once the books have it, so that whoever decided finds it there."""
        await workflow.wait_condition(lambda: decision.approval not in self._open)
        if decision.approval not in self._settled:
            raise _fault("AlreadyDecided", "too late: it ended while this was written down")
        return DecisionReceipt(approval=decision.approval, decision=decision.decision, by=decision.by)

    def _approval(
        self,
        approval_id: str,
        subject: Subject,
        text: str,
        choices: Sequence[Decision],
        attempt: int,
        step_id: str,
        deciders: Sequence[str],
    ) -> Approval:
        policy = self._policy
        return Approval(
            id=approval_id,
            objective_id=self._books.objective_id,
            task_id=self._books.task_id,
            subject=subject,
            text=text[:400],
            choices=tuple(choices),
            attempt=attempt,
            step_id=step_id,
            deciders=tuple(deciders) or policy.deciders,
            remind_at=_after(policy.remind_after),
            escalate_at=_after(policy.escalate_after),
            escalate_to=policy.escalate_to,
            deadline=_after(policy.deadline),
            on_timeout=policy.on_timeout if Decision.APPROVED in choices else OnTimeout.DENY,
        )

    async def _answer(self, approval: Approval, moot: Callable[[], bool]) -> ApprovalDecision | None:
        moments = {
            Occasion.REMINDED: approval.remind_at,
            Occasion.ESCALATED: approval.escalate_at,
            Occasion.EXPIRED: approval.deadline,
        }
        for occasion, moment in _in_order(moments):
            if await self._answered_before(moment, approval, moot):
                return self._answers.get(approval.id)
            if occasion is Occasion.EXPIRED:
                await self._tell(occasion, approval)
                return _by_policy(approval)
            await self._remind(occasion, approval)
        await self._answered_before(None, approval, moot)
        return self._answers.get(approval.id)

    async def _answered_before(self, moment: datetime | None, approval: Approval, moot: Callable[[], bool]) -> bool:
        """Whether it is over before then."""

        def over() -> bool:
            return approval.id in self._answers or moot()

        left = None if moment is None else max(moment - workflow.now(), seconds(0))
        try:
            await workflow.wait_condition(over, timeout=left, timeout_summary=f"{approval.id}: nobody answered")
        except TimeoutError:
            return over()
        return True

    async def _remind(self, occasion: Occasion, approval: Approval) -> None:
        if occasion is Occasion.ESCALATED:
            self._escalated.add(approval.id)
        await self._books.reminded(approval, escalated=occasion is Occasion.ESCALATED)
        await self._tell(occasion, approval)

    async def _tell(self, occasion: Occasion, approval: Approval) -> None:
        """By a workflow of its own: a mail server that is down holds nothing up here."""
        if not self._channels:
            return
        notice = Notice(occasion=occasion, approval=approval, objective=self._text[:300], channels=self._channels)
        try:
            await workflow.start_child_workflow(
                "NotifyWorkflow",
                notice,
                id=f"{workflow.info().workflow_id}/notify/{approval.id}/{occasion}",
                static_summary=f"{occasion}: {approval.text}"[:200],
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
            )
        except WorkflowAlreadyStartedError:
            return

    def _remember(self, approval: Approval, answer: ApprovalDecision | None) -> None:
        by = f"{answer.by} has decided: {answer.decision}" if answer else "it needs no decision any more"
        self._settled[approval.id] = by
        while len(self._settled) > REMEMBERED:
            del self._settled[next(iter(self._settled))]

    def _too_late(self, decision: ApprovalDecision) -> ApplicationError:
        first = self._answers.get(decision.approval)
        said = self._settled.get(decision.approval) or (first and f"{first.by} has decided: {first.decision}")
        if said:
            return _fault("AlreadyDecided", f"too late: {said}")
        others = ", ".join(approval.id for approval in self.waiting) or "nothing"
        return _fault("NoSuchApproval", f"{decision.approval!r} does not wait for anybody here; what waits: {others}")


def _in_order(moments: Mapping[Occasion, datetime | None]) -> list[tuple[Occasion, datetime]]:
    there = [(occasion, moment) for occasion, moment in moments.items() if moment is not None]
    return sorted(there, key=lambda pair: pair[1])


def _by_policy(approval: Approval) -> ApprovalDecision:
    approves = approval.on_timeout is OnTimeout.APPROVE
    return ApprovalDecision(
        approval=approval.id,
        decision=Decision.APPROVED if approves else Decision.REJECTED,
        by=TIMED_OUT,
        feedback="nobody decided before the deadline",
    )


def _after(wait: int | None) -> datetime | None:
    return None if wait is None else workflow.now() + seconds(wait)


def _no_such_choice(approval: Approval) -> str:
    if approval.subject is Subject.WORK:
        return "this is work to be done by hand: submit its result, or reject it to give it back"
    return f"the {approval.subject} can be: {', '.join(approval.choices)}"


def _fault(kind: str, text: str) -> ApplicationError:
    return ApplicationError(text, type=kind, non_retryable=True)
