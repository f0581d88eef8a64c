"""What the Temporal Web UI shows as current details: a Markdown table of tasks."""

from collections.abc import Collection, Mapping

from workflows.domain.objective import Stage
from workflows.domain.outcome import TaskState
from workflows.domain.plan import TaskOutline

ROWS = 60
_MARK = {
    TaskState.WAITING: "·",
    TaskState.WORKING: "▶",
    TaskState.REVIEW: "?",
    TaskState.APPROVED: "✓",
    TaskState.REJECTED: "✗",
    TaskState.FAILED: "✗",
    TaskState.BLOCKED: "–",
    TaskState.CANCELLED: "–",
    TaskState.SKIPPED: "–",
}


def progress_table(
    text: str,
    stage: Stage,
    tasks: Collection[TaskOutline],
    states: Mapping[str, TaskState],
    waiting: str = "",
) -> str:
    done = sum(state is TaskState.APPROVED for state in states.values())
    head = f"**{stage}**, {done} of {len(tasks)} tasks approved" + (f", {waiting}" if waiting else "")
    rows = [
        f"| {_MARK[states[task.id]]} | {task.title} | {states[task.id]} | {', '.join(task.needs[:6])} |"
        for task in list(tasks)[:ROWS]
    ]
    more = [f"\n… and {len(tasks) - ROWS} more tasks"] if len(tasks) > ROWS else []
    table = ["| | task | state | needs |", "|---|---|---|---|", *rows] if rows else []
    return "\n".join([text[:300], "", head, "", *table, *more])
