"""What a workflow writes into the journal through the clerk."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows.domain.budget import BudgetAnswer
    from workflows.domain.objective import Stage
    from workflows.domain.verdict import ObjectiveVerdict, TaskVerdict
    from workflows.policies import BOOKKEEPING, named
    from workflows.ports.clerk import Clerk, Note
    from workflows.strays import Strays


class Books:
    def __init__(self, objective_id: str, task_id: str = "") -> None:
        self._objective_id = objective_id
        self._task_id = task_id

    async def note(
        self,
        kind: str,
        text: str,
        *,
        actor: str = "workflow",
        attempt: int = 0,
        subject: str = "",
        stage: Stage | None = None,
    ) -> None:
        await self._write(
            Note(
                objective_id=self._objective_id,
                task_id=self._task_id,
                kind=kind,
                text=text[:2000],
                actor=actor,
                attempt=attempt,
                subject=subject,
                stage=stage,
            )
        )

    async def verdict(self, verdict: TaskVerdict | ObjectiveVerdict, plan: int = 0) -> None:
        """One that no reviewer wrote down itself: a person's, or what a panel came to.

        `plan` tells verdicts on an objective's plans apart: 0 for the first, n for the n-th anew.
        """
        on_task = verdict if isinstance(verdict, TaskVerdict) else None
        await self._write(
            Note(
                objective_id=self._objective_id,
                task_id=self._task_id,
                kind="verdict",
                text=verdict.feedback,
                actor=verdict.by,
                attempt=on_task.attempt if on_task else plan,
                task_verdict=on_task,
                objective_verdict=verdict if isinstance(verdict, ObjectiveVerdict) else None,
            )
        )

    async def ask_for_budget(self, reason: str, attempt: int = 0) -> None:
        await self.note("approval.requested", f"more budget: {reason}", subject="budget", attempt=attempt)

    async def budget_answer(self, answer: BudgetAnswer, attempt: int = 0) -> None:
        said = "more budget was granted" if answer.granted else "more budget was refused"
        await self.note("budget.answered", said, actor=answer.by, subject="budget", attempt=attempt)

    async def strays(self, strays: Strays, attempt: int = 0) -> None:
        for text in strays.take():
            await self.note("signal.ignored", text, attempt=attempt)

    async def _write(self, note: Note) -> None:
        await workflow.execute_activity_method(Clerk.take_note, note, **named(BOOKKEEPING, note.kind))
