"""What a workflow writes into the journal through the clerk."""

from pydantic import JsonValue
from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows.domain.approval import Approval, ApprovalDecision
    from workflows.domain.objective import Stage
    from workflows.domain.verdict import ObjectiveVerdict, Subject, TaskVerdict
    from workflows.policies import BOOKKEEPING, named
    from workflows.ports.clerk import Clerk, Note, SettledApproval
    from workflows.strays import Strays

EXPIRED, WITHDRAWN = "expired", "withdrawn"
TIMED_OUT = "time-out"
"""Signs what a policy says about a question that nobody answered."""


class Books:
    def __init__(self, objective_id: str, task_id: str = "") -> None:
        self.objective_id = objective_id
        self.task_id = task_id

    async def note(
        self,
        kind: str,
        text: str,
        *,
        actor: str = "workflow",
        attempt: int = 0,
        data: dict[str, JsonValue] | None = None,
        task_id: str = "",
    ) -> None:
        await self._write(
            self._note(kind, text, actor=actor, attempt=attempt, data=data or {}, task_id=task_id or self.task_id)
        )

    async def verdict(self, verdict: TaskVerdict | ObjectiveVerdict, round_: int = 0) -> None:
        """One that no reviewer wrote down itself: a person's, or what a panel came to.

        `round_` tells verdicts on an objective's plans, or on its results, apart.
        """
        on_task = verdict if isinstance(verdict, TaskVerdict) else None
        on_objective = verdict if isinstance(verdict, ObjectiveVerdict) else None
        attempt = on_task.attempt if on_task else round_
        note = self._note("verdict", verdict.feedback, actor=verdict.by, attempt=attempt)
        await self._write(note.model_copy(update={"task_verdict": on_task, "objective_verdict": on_objective}))

    async def asked(self, approval: Approval, stage: Stage | None) -> None:
        note = self._note("approval.requested", approval.text, attempt=approval.attempt, data=_about(approval))
        await self._write(note.model_copy(update={"asked": approval, "stage": stage}))

    async def reminded(self, approval: Approval, *, escalated: bool) -> None:
        kind = "approval.escalated" if escalated else "approval.reminded"
        to = f"; may decide too now: {', '.join(approval.escalate_to)}" if escalated and approval.escalate_to else ""
        note = self._note(kind, f"{approval.text} still waits{to}", attempt=approval.attempt, data=_about(approval))
        await self._write(note.model_copy(update={"escalated": approval.id if escalated else ""}))

    async def settled(self, approval: Approval, answer: ApprovalDecision | None) -> None:
        """The end of a question: answered, run out, or not needed any more."""
        data = _about(approval)
        if answer is None:
            note = self._note("approval.withdrawn", approval.text, attempt=approval.attempt, data=data)
            await self._write(note.model_copy(update={"settled": SettledApproval(id=approval.id, state=WITHDRAWN)}))
            return
        expired = answer.by == TIMED_OUT
        data |= {"decision": str(answer.decision)}
        if answer.origin:
            data["origin"] = answer.origin
        if answer.tasks:
            data["tasks"] = list(answer.tasks)
        kind = "approval.expired" if expired else "approval.decided"
        note = self._note(kind, answer.feedback, actor=answer.by, attempt=approval.attempt, data=data)
        state = EXPIRED if expired else str(answer.decision)
        settled = SettledApproval(id=approval.id, state=state, by=answer.by, feedback=answer.feedback)
        await self._write(note.model_copy(update={"settled": settled}))

    async def strays(self, strays: Strays, attempt: int = 0) -> None:
        for text in strays.take():
            await self.note("signal.ignored", text, attempt=attempt)

    def _note(
        self,
        kind: str,
        text: str,
        *,
        actor: str = "workflow",
        attempt: int = 0,
        data: dict[str, JsonValue] | None = None,
        task_id: str | None = None,
    ) -> Note:
        return Note(
            objective_id=self.objective_id,
            task_id=self.task_id if task_id is None else task_id,
            kind=kind,
            text=text[:2000],
            actor=actor,
            attempt=attempt,
            data=data or {},
        )

    async def _write(self, note: Note) -> None:
        await workflow.execute_activity_method(Clerk.take_note, note, **named(BOOKKEEPING, note.kind))


def _about(approval: Approval) -> dict[str, JsonValue]:
    about: dict[str, JsonValue] = {"approval": approval.id, "subject": str(approval.subject)}
    if approval.subject is Subject.STEP:
        about["step"] = approval.step_id
    return about
