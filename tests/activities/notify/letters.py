"""Letters for tests."""

from datetime import UTC, datetime
from typing import Any

from activities.notify.letter import Letter, letter_of
from workflows.domain.approval import Approval
from workflows.domain.notice import Notice, Occasion
from workflows.domain.verdict import Decision, Subject
from workflows.ports.herald import DeliveryRequest

AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
CHOICES = (Decision.APPROVED, Decision.REVISE, Decision.REJECTED)


def letter(
    *,
    occasion: Occasion = Occasion.ASKED,
    about: str = "Churn in the files",
    base_url: str = "",
    asked_at: datetime | None = AT,
    asked_by: str = "objective/churn-1",
    **changes: Any,
) -> Letter:
    approval = Approval.model_validate(
        {
            "id": "churn-1.plan.1",
            "objective_id": "churn-1",
            "subject": Subject.PLAN,
            "text": "the plan",
            "choices": CHOICES,
            **changes,
        }
    )
    notice = Notice(occasion=occasion, approval=approval, objective=about, channels=("ops",))
    return letter_of(DeliveryRequest(notice=notice, channel="ops", at=AT, asked_by=asked_by), base_url, asked_at)
