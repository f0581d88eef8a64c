from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

from rich.console import Console

from activities.store.journal import JournalRow
from api.cli.console import tree
from api.cli.view import ObjectiveView
from workflows.domain.objective import Stage
from workflows.domain.outcome import TaskState

START = datetime(2026, 1, 1, tzinfo=UTC)


def rows(*entries: tuple[str, str, dict[str, Any]]) -> list[JournalRow]:
    return [
        JournalRow(
            seq=n,
            at=START + timedelta(seconds=n),
            kind=kind,
            actor="test",
            task_id=task,
            attempt=data.pop("attempt", 1 if task else 0),
            step_id="s" if kind.startswith("step.") else "",
            text=data.pop("text", ""),
            data=data,
        )
        for n, (kind, task, data) in enumerate(entries, 1)
    ]


def plan(count: int) -> tuple[str, str, dict[str, Any]]:
    tasks = [{"id": f"t{n}", "title": f"Task {n}", "needs": [], "steps": 1, "max_attempts": 3} for n in range(count)]
    tasks.append({"id": "end", "title": "End", "needs": ["t0"], "steps": 1, "max_attempts": 3})
    return ("plan.made", "", {"tasks": tasks, "text": "a plan"})


def test_follows_a_task_through_rejection_and_rework() -> None:
    view = ObjectiveView("o")
    story = rows(
        ("objective.asked", "", {"text": "Do it"}),
        plan(1),
        ("step.started", "t0", {"text": "write"}),
        ("step.finished", "t0", {}),
        ("verdict", "t0", {"decision": "rejected", "subject": "task", "text": "too short"}),
        ("step.started", "t0", {"text": "write", "attempt": 2}),
    )
    view.take(story[:4])
    assert view.tasks["t0"].state is TaskState.REVIEW
    view.take(story[4:])
    task = view.tasks["t0"]
    assert (task.state, task.attempt, task.feedback) == (TaskState.WORKING, 2, "too short")
    assert (view.text, view.seq, view.tasks["end"].depth) == ("Do it", 6, 1)


def test_what_did_not_run_is_blocked_when_the_objective_ends() -> None:
    view = ObjectiveView("o")
    view.take(rows(plan(1), ("task.rejected", "t0", {"text": "no"}), ("objective.not_delivered", "", {"text": "why"})))
    assert view.stage is Stage.NOT_DELIVERED
    assert (view.tasks["t0"].state, view.tasks["end"].state) == (TaskState.REJECTED, TaskState.BLOCKED)


def test_more_tasks_than_fit_the_terminal_fold_away() -> None:
    view = ObjectiveView("o")
    approved = [("verdict", f"t{n}", {"decision": "approved", "subject": "task"}) for n in range(150)]
    view.take(rows(plan(200), *approved))
    console = Console(width=100, height=30, file=StringIO())
    with console.capture() as capture:
        console.print(tree(view, 30))
    assert len(capture.get().splitlines()) <= 30
    assert "150 approved tasks not shown" in capture.get()
