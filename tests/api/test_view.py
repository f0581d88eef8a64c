from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from activities.store.journal import JournalRow
from api.cli.console import tree
from api.cli.progress_lines import plain, whole
from api.services.view import ObjectiveView
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
            step_id=data.pop("step", "s" if kind.startswith("step.") else ""),
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


def turns(*ids: str, needs: str = "") -> tuple[str, str, dict[str, Any]]:
    tasks = [
        {"id": id_, "title": f"Task {id_}", "needs": [need for need in [needs] if need], "kind": "turns"} for id_ in ids
    ]
    return ("plan.made", "", {"tasks": [{**task, "steps": 12, "max_attempts": 3} for task in tasks]})


ANSWER: dict[str, Any] = {"profile": "fast", "cost_usd": "0.002", "input_tokens": 10}


def test_follows_the_turns_of_a_model_its_calls_and_what_they_cost() -> None:
    view = ObjectiveView("o")
    story = rows(
        ("model.answered", "", {**ANSWER, "step": "draft-0-1"}),
        turns("a"),
        ("model.answered", "a", {**ANSWER, "step": "turn-1"}),
        ("step.started", "a", {"step": "turn-1-call-1", "tool": "data.query"}),
        ("step.finished", "a", {"step": "turn-1-call-1", "tool": "data.query", "refused": True, "summary": "no"}),
        ("model.answered", "a", {**ANSWER, "step": "turn-2"}),
        ("step.started", "a", {"step": "turn-2-call-1", "tool": "submit"}),
        ("step.finished", "a", {"step": "turn-2-call-1", "tool": "submit"}),
        ("verdict", "a", {"decision": "approved", "subject": "opinion"}),
    )
    view.take(story[:4])
    task = view.tasks["a"]
    assert (task.state, task.turn, task.doing) == (TaskState.WORKING, 1, "turn 1: data.query")
    view.take(story[4:8])
    assert (task.state, task.turn, task.refusals) == (TaskState.REVIEW, 2, 1)
    view.take(story[8:])
    assert task.state is TaskState.REVIEW
    assert (view.calls, str(view.cost_usd), len(view.verdicts), len(view.opinions)) == (3, "0.006", 0, 1)


def test_a_new_plan_replaces_what_was_not_approved_and_keeps_the_rest() -> None:
    view = ObjectiveView("o")
    story: tuple[tuple[str, str, dict[str, Any]], ...] = (
        turns("a", "b"),
        ("step.started", "a", {}),
        ("verdict", "a", {"decision": "approved", "subject": "task"}),
        ("task.rejected", "b", {"text": "no"}),
        turns("a", "c", needs="a"),
        ("step.started", "b", {"text": "late news of a task that is gone"}),
    )
    view.take(rows(*story))
    assert {task.id: task.state for task in view.tasks.values()} == {"a": TaskState.APPROVED, "c": TaskState.WAITING}
    assert (view.replans, list(view.replaced), view.title("b")) == (1, ["b"], "Task b")
    assert "tasks that were replaced: 1" in shown(view)


def test_what_waits_is_known_per_task_until_it_is_answered() -> None:
    view = ObjectiveView("o")
    view.take(
        rows(
            turns("a", "b", "c"),
            ("approval.requested", "a", {"subject": "budget", "text": "more budget: it is used up"}),
            ("approval.requested", "b", {"subject": "task", "text": "the task 'Task b'", "attempt": 2}),
            ("approval.requested", "c", {"subject": "budget", "text": "more budget: it is used up"}),
            ("budget.answered", "c", {"text": "more budget was granted"}),
        )
    )
    assert [(wait.subject, wait.task_id, wait.attempt) for wait in view.waits.values()] == [
        ("budget", "a", 1),
        ("task", "b", 2),
    ]
    assert "Task a: waits for more budget: it is used up" in shown(view)
    assert "waits for your approval of the task 'Task b'" in shown(view)


def test_a_task_that_checks_have_approved_still_waits_for_its_person() -> None:
    view = ObjectiveView("o")
    approved: dict[str, Any] = {"decision": "approved", "subject": "task"}
    story: tuple[tuple[str, str, dict[str, Any]], ...] = (
        plan(1),
        ("step.started", "t0", {}),
        ("verdict", "t0", {**approved}),
        ("approval.requested", "t0", {"subject": "task", "approval": "o.task.t0.1.1", "text": "the task 'Task 0'"}),
        ("approval.withdrawn", "t0", {"subject": "task", "approval": "o.task.t0.1.1"}),
    )
    entries = rows(*story)
    view.take(entries[:4])
    assert (view.tasks["t0"].state, view.count(TaskState.APPROVED)) == (TaskState.REVIEW, 0)
    view.take(entries[4:])  # in auto mode nobody needs to answer any more
    assert view.tasks["t0"].state is TaskState.APPROVED


def test_what_people_do_is_shown_and_outlasts_a_new_plan() -> None:
    view = ObjectiveView("o")
    story: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("objective.asked", "", {"mode": "manual"}),
        turns("a", "b", "c"),
        ("objective.paused", "", {}),
        ("task.assigned", "a", {"worker": "person:ana"}),
        ("task.skipped", "b", {"text": "skipped by ana: not needed"}),
        ("approval.requested", "a", {"subject": "work", "approval": "o.work.a.1.1", "text": "ana to do 'Task a'"}),
        turns("a", "b", "d"),
    )
    entries = rows(*story)
    view.take(entries)
    assert "paused  manual mode  0 of 3 tasks approved" in shown(view)
    assert "▶ Task a  by person:ana  by hand" in shown(view)
    assert "– Task b  skipped by ana: not needed" in shown(view)
    assert "waits for ana to do 'Task a'" in shown(view)
    lines = [plain(entry, view) for entry in entries]
    assert lines[2:6] == [
        "objective: paused, by test",
        "Task a: person:ana does it, says test",
        "Task b: skipped by ana: not needed",
        "waits for ana to do 'Task a'",
    ]


def test_alerts_are_shown() -> None:
    view = ObjectiveView("o")
    view.take(rows(turns("a"), ("alert", "a", {"text": "the worker went in circles"})))
    assert "! Task a: the worker went in circles" in shown(view)


@pytest.mark.parametrize("kind", ["step.danced", "objective.sang", "model.dreamt", "verdict", "step.progress", "alert"])
@pytest.mark.parametrize("task", ["", "a", "nobody"])
def test_kinds_and_tasks_that_nobody_knows_change_nothing_and_have_a_line(kind: str, task: str) -> None:
    view = ObjectiveView("o")
    entries = rows(turns("a"), (kind, task, {}), ("step.finished", task, {}), ("approval.requested", task, {}))
    view.take(entries)
    assert not view.stage.ended
    for entry in entries:
        plain(entry, view)
        assert whole(entry, view)
    assert shown(view)


def shown(view: ObjectiveView) -> str:
    console = Console(width=120, height=30, file=StringIO())
    with console.capture() as capture:
        console.print(tree(view, 30))
    return capture.get()
