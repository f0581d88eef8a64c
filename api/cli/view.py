"""An objective as people see it, folded from its journal; knows nothing of terminals."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from activities.store.journal import JournalRow
from workflows.domain.objective import Stage
from workflows.domain.outcome import TaskState


@dataclass
class TaskView:
    id: str
    title: str
    needs: tuple[str, ...]
    steps: int
    max_attempts: int
    depth: int = 0
    state: TaskState = TaskState.WAITING
    attempt: int = 0
    steps_done: int = 0
    doing: str = ""
    fraction: float | None = None
    feedback: str = ""
    started: datetime | None = None
    ended: datetime | None = None

    def seconds(self, now: datetime) -> float:
        return ((self.ended or now) - self.started).total_seconds() if self.started else 0.0


@dataclass
class VerdictView:
    task_id: str
    attempt: int
    subject: str
    decision: str
    by: str
    feedback: str
    at: datetime


@dataclass
class ObjectiveView:
    """Feed it journal rows in order with `take`."""

    id: str
    text: str = ""
    stage: Stage = Stage.PLANNING
    plan: str = ""
    tasks: dict[str, TaskView] = field(default_factory=dict)
    verdicts: list[VerdictView] = field(default_factory=list)
    waiting_for: str = ""
    reason: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    seq: int = 0

    def take(self, rows: Iterable[JournalRow]) -> None:
        for row in rows:
            self.seq = row.seq
            self._take(row)

    def seconds(self, now: datetime) -> float:
        return ((self.ended or now) - self.started).total_seconds() if self.started else 0.0

    def count(self, *states: TaskState) -> int:
        return sum(task.state in states for task in self.tasks.values())

    def _take(self, row: JournalRow) -> None:
        match row.kind:
            case "objective.asked":
                self.text, self.started = row.text, row.at
            case "plan.made":
                self._plan_made(row.text, row.data)
            case "approval.requested":
                self.waiting_for = row.text
                self.stage = Stage.APPROVAL if row.text == "the plan" else Stage.REVIEW
            case "verdict":
                self._verdict(row)
            case "task.rejected":
                task = self.tasks[row.task_id]
                task.state, task.feedback, task.ended = TaskState.REJECTED, row.text, row.at
            case kind if kind.startswith("step."):
                self._step(row)
            case kind if kind.startswith("objective."):
                self._end(Stage(kind.removeprefix("objective.")), row)

    def _plan_made(self, text: str, data: dict[str, Any]) -> None:
        self.plan = text
        for task in data["tasks"]:
            view = TaskView(
                id=task["id"],
                title=task["title"],
                needs=tuple(task["needs"]),
                steps=task["steps"],
                max_attempts=task["max_attempts"],
            )
            self.tasks[view.id] = view
        for view in self.tasks.values():
            view.depth = self._depth(view)

    def _depth(self, task: TaskView) -> int:
        """Length of the longest chain of needs; iterative, because a plan may be one long chain."""
        depths: dict[str, int] = {}
        stack = [task.id]
        while stack:
            current = stack[-1]
            waiting = [need for need in self.tasks[current].needs if need not in depths]
            if waiting:
                stack += waiting
                continue
            depths[current] = max((depths[need] + 1 for need in self.tasks[current].needs), default=0)
            stack.pop()
        return depths[task.id]

    def _step(self, row: JournalRow) -> None:
        task = self.tasks[row.task_id]
        self.stage = Stage.RUNNING
        match row.kind:
            case "step.started":
                if row.attempt > task.attempt:
                    task.attempt, task.steps_done = row.attempt, 0
                task.started = task.started or row.at
                task.state, task.doing, task.fraction = TaskState.WORKING, row.text, None
            case "step.progress":
                task.fraction = float(str(row.data["fraction"]))
            case "step.finished":
                task.steps_done += 1
                task.fraction = None
                if task.steps_done >= task.steps:
                    task.state, task.doing = TaskState.REVIEW, "review"
            case "step.retrying":
                task.doing = f"{row.text}: trying again after {row.data['error']}"
            case "step.failed":
                task.feedback = str(row.data["error"])

    def _verdict(self, row: JournalRow) -> None:
        decision = str(row.data["decision"])
        subject = str(row.data["subject"])
        self.verdicts.append(VerdictView(row.task_id, row.attempt, subject, decision, row.actor, row.text, row.at))
        if subject != "task":
            self.waiting_for = ""
            return
        task = self.tasks[row.task_id]
        if decision == "approved":
            task.state, task.ended, task.doing = TaskState.APPROVED, row.at, ""
        else:
            task.feedback, task.doing = row.text, "rejected"

    def _end(self, stage: Stage, row: JournalRow) -> None:
        self.stage, self.reason, self.ended, self.waiting_for = stage, row.text, row.at, ""
        for task in self.tasks.values():
            if task.state in (TaskState.WAITING, TaskState.WORKING, TaskState.REVIEW):
                cancelled = stage is Stage.CANCELLED
                task.state = TaskState.CANCELLED if cancelled else TaskState.BLOCKED
                task.ended = row.at if task.started else None
