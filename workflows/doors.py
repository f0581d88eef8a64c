"""What comes in by signal, read; and what a person's decision is called where verdicts are kept."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from pydantic import BaseModel

    from workflows.domain.approval import ApprovalDecision
    from workflows.domain.budget import BudgetAnswer
    from workflows.domain.control import Action, Control
    from workflows.domain.message import Message
    from workflows.domain.order import Supervision
    from workflows.domain.verdict import MAX_FEEDBACK, Decision, ObjectiveVerdict, Subject, TaskVerdict
    from workflows.strays import Reader


def _verdict(other: type[BaseModel], payload: Any) -> BaseModel:
    """A decision on an approval names it; other verdicts name their subject or the attempt that they are about."""
    names_one = isinstance(payload, dict) and "approval" in payload
    return (ApprovalDecision if names_one else other).model_validate(payload)


def _control(action: Action, payload: Any) -> BaseModel:
    return Control.model_validate({**payload, "action": action})


TO_OBJECTIVES: Mapping[str, Reader[BaseModel]] = {
    "verdict": partial(_verdict, ObjectiveVerdict),
    "budget": BudgetAnswer.model_validate,
    **{str(action): partial(_control, action) for action in Action},
}
TO_TASKS: Mapping[str, Reader[BaseModel]] = {
    "verdict": partial(_verdict, TaskVerdict),
    "budget": BudgetAnswer.model_validate,
    "message": Message.model_validate,
    "supervise": Supervision.model_validate,
    "advance": Control.model_validate,
    "assign": Control.model_validate,
}
"""The last three come from the task's objective."""


def verdict_on(subject: Subject, decision: ApprovalDecision) -> ObjectiveVerdict:
    return ObjectiveVerdict(
        subject=subject, decision=decision.decision, by=decision.by, feedback=decision.feedback[:MAX_FEEDBACK]
    )


def decision_of(verdict: ObjectiveVerdict | TaskVerdict, approval_id: str) -> ApprovalDecision:
    """What a person's verdict says about that approval."""
    return ApprovalDecision(
        approval=approval_id,
        decision=verdict.decision,
        by=verdict.by,
        feedback=verdict.feedback or ("do it again" if verdict.decision is Decision.REVISE else ""),
    )
