"""What a failed activity or child says to people, and whether it makes sense to go on."""

import asyncio

from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    ChildWorkflowError,
    TimeoutError,
    is_cancelled_exception,
)

BUDGET_EXCEEDED = "BudgetExceeded"
FINAL = (BUDGET_EXCEEDED, "ModelUnavailable", "ModelRetry")
"""No budget, no key, no quota, or a provider down for as long as we wait: another attempt would meet the same."""


def reason_of(error: ActivityError | ChildWorkflowError) -> str:
    match error.cause:
        case ApplicationError() as cause:
            return cause.message[:1500]
        case TimeoutError() as cause:
            return f"no answer in time ({cause.type.name.lower() if cause.type else 'timeout'})"
        case cause:
            return str(cause or error)[:1500]


def is_over_budget(error: ActivityError) -> bool:
    return isinstance(error.cause, ApplicationError) and error.cause.type == BUDGET_EXCEEDED


def is_final(error: ActivityError) -> bool:
    """Whether another attempt would end in the same way."""
    return isinstance(error.cause, ApplicationError) and error.cause.type in FINAL


class NotDelivered(Exception):
    """Ends the story early; an ordinary outcome, not a failure of the workflow."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def stop_or_cancel(error: ActivityError, what: str) -> BaseException:
    if is_cancelled_exception(error):
        return asyncio.CancelledError()
    return NotDelivered(f"{what}: {reason_of(error)}")


def refuse(fault: str) -> None:
    """For an update's validator: the sender gets the reason, and nothing is recorded."""
    if fault:
        raise ApplicationError(fault, type="NotNow", non_retryable=True)
