"""What a failed activity or child says to people."""

from temporalio.exceptions import ActivityError, ApplicationError, ChildWorkflowError, TimeoutError


def reason_of(error: ActivityError | ChildWorkflowError) -> str:
    match error.cause:
        case ApplicationError() as cause:
            return cause.message[:1500]
        case TimeoutError() as cause:
            return f"no answer in time ({cause.type.name.lower() if cause.type else 'timeout'})"
        case cause:
            return str(cause or error)[:1500]
