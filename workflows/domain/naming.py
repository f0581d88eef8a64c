"""Ids and queue names, in one place: whoever starts, signals or looks something up derives the same name."""

from enum import StrEnum, auto

WORKFLOW_QUEUE = "botted"
NOTICES_QUEUE = f"{WORKFLOW_QUEUE}-notices"
"""Of its own: receivers that do not answer must never take the slots of work."""


class Role(StrEnum):
    PLANNER = auto()
    EXECUTOR = auto()
    VERIFIER = auto()


def queue_of(role: Role) -> str:
    """The activity queue of a role; never the workflows' own, whose eager execution skips queue limits."""
    return f"{WORKFLOW_QUEUE}-{role}"


def models_queue(queue: str) -> str:
    """Where model calls of a queue's workers wait for a host that has models; other hosts never see them."""
    return f"{queue}-models"


def objective_workflow_id(objective_id: str) -> str:
    return f"objective/{objective_id}"


def task_workflow_id(objective_id: str, task_id: str) -> str:
    return f"objective/{objective_id}/task/{task_id}"


def step_key(objective_id: str, task_id: str, attempt: int, step_id: str) -> str:
    """The idempotency key of a step: the same however often Temporal retries it."""
    return f"{objective_id}/{task_id}/{attempt}/{step_id}"
