"""An objective as people see it, folded from its journal; knows nothing of terminals."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from activities.store.journal import JournalRow
from activities.store.work import SUBMIT
from api.services.task_view import Alert, TaskView, VerdictView, Wait, depths
from workflows.domain.objective import Stage
from workflows.domain.outcome import TaskState

OPINION = "opinion"
"""Subject of a verdict that is one of several and decides nothing by itself."""
_KEPT = (TaskState.APPROVED, TaskState.SKIPPED, TaskState.WORKING, TaskState.REVIEW)
_ENDS = {f"objective.{stage}": stage for stage in Stage if stage.ended}


@dataclass
class ObjectiveView:
    """Feed it journal rows in order with `take`. What it does not know it leaves out."""

    id: str
    text: str = ""
    stage: Stage = Stage.PLANNING
    plan: str = ""
    tasks: dict[str, TaskView] = field(default_factory=dict)
    replaced: dict[str, TaskView] = field(default_factory=dict)
    """Tasks of earlier plans that are in no plan any more."""
    replans: int = 0
    verdicts: list[VerdictView] = field(default_factory=list)
    opinions: list[VerdictView] = field(default_factory=list)
    waits: dict[str, Wait] = field(default_factory=dict)
    """Id of the approval → what a person is asked."""
    mode: str = ""
    paused: bool = False
    alerts: list[Alert] = field(default_factory=list)
    calls: int = 0
    """Model calls that were answered."""
    cost_usd: Decimal = Decimal(0)
    reason: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    seq: int = 0

    @property
    def waiting_for(self) -> str:
        return "; ".join(wait.text for wait in self.waits.values())

    def take(self, rows: Iterable[JournalRow]) -> None:
        for row in rows:
            self.seq = row.seq
            self._take(row)

    def seconds(self, now: datetime) -> float:
        return ((self.ended or now) - self.started).total_seconds() if self.started else 0.0

    def count(self, *states: TaskState) -> int:
        return sum(task.state in states for task in self.tasks.values())

    def title(self, task_id: str) -> str:
        """Of a task of this plan or of an earlier one; empty: the objective itself."""
        task = self.tasks.get(task_id) or self.replaced.get(task_id)
        return task.title if task else ""

    def _take(self, row: JournalRow) -> None:
        match row.kind:
            case "objective.asked":
                self.text, self.started, self.mode = row.text, row.at, str(row.data.get("mode", ""))
            case "mode.chosen" | "mode.changed":
                self.mode = str(row.data.get("mode", ""))
            case "objective.paused" | "objective.resumed":
                self.paused = row.kind == "objective.paused"
            case "plan.made":
                self._plan_made(row.text, row.data)
            case "approval.requested":
                self._ask(row)
            case "approval.decided" | "approval.expired" | "approval.withdrawn" | "budget.answered":
                self._settle(row)
            case "task.reopened" | "task.skipped" | "task.assigned" | "task.cancelled" if row.task_id in self.tasks:
                self._steered(self.tasks[row.task_id], row)
            case "verdict":
                self._verdict(row)
            case "task.rejected":
                self._rejected(row)
            case "alert":
                self.alerts.append(Alert(row.task_id, row.text, row.at))
            case "model.answered":
                self._answered(row)
            case "model.failed" if row.task_id in self.tasks:
                self.tasks[row.task_id].doing = f"the model failed: {row.text}"
            case "task.delegated" if row.task_id in self.tasks:
                self._begin(self.tasks[row.task_id], row)
                self.tasks[row.task_id].doing = f"an objective of its own, {row.text}"
            case kind if kind.startswith("step."):
                self._step(row)
            case kind if kind in _ENDS:
                self._end(_ENDS[kind], row)

    def _plan_made(self, text: str, data: dict[str, Any]) -> None:
        """A later plan takes over what is approved; the rest of the one before is replaced."""
        before, self.plan = self.tasks, text
        self.replans += bool(before)
        self.tasks = {task["id"]: self._planned(task, before.get(task["id"])) for task in data.get("tasks", ())}
        self.replaced.update((task_id, task) for task_id, task in before.items() if task_id not in self.tasks)
        for task_id, depth in depths(self.tasks).items():
            self.tasks[task_id].depth = depth
        self.stage = Stage.RUNNING if before else self.stage

    def _planned(self, task: dict[str, Any], before: TaskView | None) -> TaskView:
        """What is done or being worked on stays as it is."""
        if before is not None and before.state in _KEPT:
            return before
        return TaskView(
            id=task["id"],
            title=task["title"],
            needs=tuple(task["needs"]),
            steps=task["steps"],
            max_attempts=task["max_attempts"],
            kind=task.get("kind", "steps"),
            worker=before.worker if before else "",
        )

    def _ask(self, row: JournalRow) -> None:
        # Entries of before models could ask say in their text alone what is asked.
        subject = str(row.data.get("subject") or row.text.removeprefix("the "))
        approval = _approval(row)
        self.waits[approval] = Wait(subject, row.task_id, row.attempt, row.text, row.seq, approval)
        match subject:
            case "plan":
                self.stage = Stage.APPROVAL
            case "result":
                self.stage = Stage.REVIEW
            case "task" if row.task_id in self.tasks:
                task = self.tasks[row.task_id]  # checks may have approved it already
                task.state, task.doing = TaskState.REVIEW, "waits for a person"
            case "work" if row.task_id in self.tasks:
                self._begin(self.tasks[row.task_id], row)
                self.tasks[row.task_id].doing = "by hand"

    def _settle(self, row: JournalRow) -> None:
        wait = self.waits.pop(_approval(row), None)
        if wait is not None and wait.subject in ("plan", "result"):
            self.stage = Stage.RUNNING
        task = self.tasks.get(row.task_id)
        if task is None or row.kind != "approval.withdrawn" or task.state is not TaskState.REVIEW:
            return
        if any(_approves(verdict, task) for verdict in self.verdicts):
            task.state, task.doing = TaskState.APPROVED, ""

    def _answered(self, row: JournalRow) -> None:
        self.calls += 1
        self.cost_usd += _money(row.data.get("cost_usd"))
        task = self.tasks.get(row.task_id)
        if task is None:
            return
        self.stage = Stage.RUNNING
        turn = _turn(row.step_id)
        if turn:
            self._begin(task, row)
            task.turn, task.doing = turn, f"turn {turn}"
        elif task.state in (TaskState.WORKING, TaskState.REVIEW):
            task.state, task.doing = TaskState.REVIEW, f"verified by {row.data.get('profile', row.actor)}"

    def _begin(self, task: TaskView, row: JournalRow) -> None:
        if row.attempt > task.attempt:
            task.attempt, task.steps_done, task.turn = row.attempt, 0, 0
        task.started = task.started or row.at
        task.state, task.fraction = TaskState.WORKING, None

    def _step(self, row: JournalRow) -> None:
        task = self.tasks.get(row.task_id)
        if task is None:
            return
        self.stage = Stage.RUNNING
        match row.kind:
            case "step.started":
                self._begin(task, row)
                task.doing = doing(row)
            case "step.progress":
                task.fraction = float(str(row.data.get("fraction", 0)))
            case "step.finished":
                self._finished(task, row)
            case "step.retrying":
                task.doing = f"{doing(row)}: trying again after {row.data.get('error', '')}"
            case "step.failed":
                task.feedback = str(row.data.get("error", ""))

    def _finished(self, task: TaskView, row: JournalRow) -> None:
        task.fraction = None
        if row.data.get("refused"):
            task.refusals += 1
            task.doing = f"{doing(row)} was refused"
            return
        task.steps_done += 1
        done = task.steps_done >= task.steps if task.kind == "steps" else row.data.get("tool") == SUBMIT
        if done:
            task.state, task.doing = TaskState.REVIEW, "review"

    def _verdict(self, row: JournalRow) -> None:
        decision = str(row.data.get("decision", ""))
        subject = str(row.data.get("subject", ""))
        verdict = VerdictView(row.task_id, row.attempt, subject, decision, row.actor, row.text, row.at)
        if subject == OPINION:
            self.opinions.append(verdict)
            return
        self.verdicts.append(verdict)
        self.waits.pop(row.task_id, None)  # of before approvals had ids
        task = self.tasks.get(row.task_id)
        if subject != "task" or task is None:
            return
        if decision == "approved":
            task.state, task.ended, task.doing = TaskState.APPROVED, row.at, ""
        else:
            task.feedback, task.doing = row.text, "rejected"

    def _rejected(self, row: JournalRow) -> None:
        self.waits.pop(row.task_id, None)
        task = self.tasks.get(row.task_id)
        if task is not None:
            task.state, task.feedback, task.ended = TaskState.REJECTED, row.text, row.at

    def _steered(self, task: TaskView, row: JournalRow) -> None:
        """By a person."""
        match row.kind:
            case "task.reopened":
                task.state, task.feedback, task.ended = TaskState.WAITING, row.text, None
                task.steps_done, task.turn, task.doing = 0, 0, "to be done again"
            case "task.skipped":
                task.state, task.feedback, task.ended = TaskState.SKIPPED, row.text, row.at
            case "task.cancelled":
                task.state, task.feedback, task.ended = TaskState.CANCELLED, f"cancelled by {row.actor}", row.at
            case "task.assigned":
                task.worker = str(row.data.get("worker", ""))

    def _end(self, stage: Stage, row: JournalRow) -> None:
        self.stage, self.reason, self.ended = stage, row.text, row.at
        self.waits.clear()
        for task in self.tasks.values():
            if task.state in (TaskState.WAITING, TaskState.WORKING, TaskState.REVIEW):
                cancelled = stage is Stage.CANCELLED
                task.state = TaskState.CANCELLED if cancelled else TaskState.BLOCKED
                task.ended = row.at if task.started else None


def _approves(verdict: VerdictView, task: TaskView) -> bool:
    whole = (verdict.subject, verdict.task_id, verdict.attempt, verdict.decision)
    return whole == ("task", task.id, task.attempt, "approved")


def _approval(row: JournalRow) -> str:
    return str(row.data.get("approval") or row.task_id)


def doing(row: JournalRow) -> str:
    """What a step does; for a call of a model's turn, which turn and which tool."""
    turn = _turn(row.step_id)
    return f"turn {turn}: {row.data.get('tool', row.text)}" if turn else row.text


def _turn(step_id: str) -> int:
    """3 for turn-3 and turn-3-call-1; 0 for a step of a playbook."""
    word, _, rest = step_id.partition("-")
    number = rest.partition("-")[0]
    return int(number) if word == "turn" and number.isdecimal() else 0


def _money(amount: object) -> Decimal:
    try:
        return Decimal(str(amount or 0))
    except InvalidOperation:
        return Decimal(0)
