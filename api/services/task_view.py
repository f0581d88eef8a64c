"""The parts of an objective as people see it: tasks, verdicts, alerts, and what waits for a person."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from workflows.domain.outcome import TaskState


@dataclass(slots=True)
class TaskView:
    id: str
    title: str
    needs: tuple[str, ...]
    steps: int
    """Or, where a model works on it, the most turns."""
    max_attempts: int
    kind: str = "steps"
    depth: int = 0
    state: TaskState = TaskState.WAITING
    attempt: int = 0
    steps_done: int = 0
    turn: int = 0
    refusals: int = 0
    """Tool calls of a model that were not carried out."""
    doing: str = ""
    worker: str = ""
    """Whom a person chose for it."""
    fraction: float | None = None
    feedback: str = ""
    started: datetime | None = None
    ended: datetime | None = None

    def seconds(self, now: datetime) -> float:
        return ((self.ended or now) - self.started).total_seconds() if self.started else 0.0


@dataclass(slots=True)
class VerdictView:
    task_id: str
    attempt: int
    subject: str
    decision: str
    by: str
    feedback: str
    at: datetime


@dataclass(frozen=True)
class Alert:
    task_id: str
    text: str
    at: datetime


@dataclass(frozen=True)
class Wait:
    """What a person is asked: to decide on a plan, a result or a task, or to grant more budget."""

    subject: str
    task_id: str
    attempt: int
    text: str
    seq: int = 0
    """Of the entry that asked: the same question asked again is another one."""
    approval: str = ""
    """Its id; empty for what was asked before approvals had ids."""


def depths(tasks: Mapping[str, TaskView]) -> dict[str, int]:
    """Task id → length of its longest chain of needs; iterative, because a plan may be one long chain."""
    found: dict[str, int] = {}
    for task_id in tasks:
        stack = [task_id]
        while stack:
            current = stack[-1]
            needs = [need for need in tasks[current].needs if need in tasks]
            waiting = [need for need in needs if need not in found]
            if waiting:
                stack += waiting
                continue
            found[current] = max((found[need] + 1 for need in needs), default=0)
            stack.pop()
    return found
