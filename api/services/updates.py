"""Asking a running workflow for something that it may refuse."""

import asyncio
from datetime import timedelta
from typing import TypeVar

from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from api.errors import Conflict, Forbidden, Invalid, Problem
from workflows.domain.model import Model

PATIENCE = timedelta(seconds=15)
MOVING_ON = frozenset({RPCStatusCode.FAILED_PRECONDITION, RPCStatusCode.ABORTED})
"""The workflow was just continuing as new: the same update, under the same id, finds it there."""
TRIES = 6
_KINDS: dict[str | None, type[Problem]] = {"NotAllowed": Forbidden, "PlanFaulty": Invalid, "NoSuchChoice": Invalid}
Answer = TypeVar("Answer", bound=Model)


async def update(
    client: Client, workflow_id: str, name: str, argument: Model, answer: type[Answer], update_id: str
) -> Answer:
    """The workflow's answer. The same id in one run of it counts once.

    Raises a Problem with the workflow's reason when it refuses, and RPC errors as they come.
    """
    handle = client.get_workflow_handle(workflow_id)
    for attempt in range(TRIES):
        try:
            received: Answer = await handle.execute_update(
                name, argument, id=update_id, result_type=answer, rpc_timeout=PATIENCE
            )
            return received
        except WorkflowUpdateFailedError as error:
            raise _problem(error) from error
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise Conflict("it does not run any more: it has ended, or it has not begun") from error
            if error.status not in MOVING_ON or attempt == TRIES - 1:
                raise
            await asyncio.sleep(0.05 * 2**attempt)
    raise AssertionError("unreachable")


def _problem(error: WorkflowUpdateFailedError) -> Problem:
    cause = error.cause
    if not isinstance(cause, ApplicationError):
        return Conflict("it ended before it could answer")
    return _KINDS.get(cause.type, Conflict)(cause.message)
