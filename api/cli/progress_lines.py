"""Progress as plain lines: for a log file, for a pipe, and for `show --journal`."""

from activities.store.journal import JournalRow
from api.cli.view import OPINION, ObjectiveView, doing


def plain(row: JournalRow, view: ObjectiveView) -> str | None:
    """One line of progress for a log file; None for what is of no interest there."""
    name = view.title(row.task_id) or "objective"
    at = f"{name} (attempt {row.attempt})" if row.attempt > 1 else name
    match row.kind:
        case "plan.made":
            return f"plan: {row.text}"
        case "plan.faulty":
            return f"plan: a draft does not hold: {row.text}"
        case "replan.failed":
            return f"plan: there is no new one: {row.text}"
        case "step.started":
            return f"{at}: {doing(row)}"
        case "step.finished" if row.data.get("refused"):
            return f"{at}: {doing(row)} was refused: {row.data.get('summary', '')}"
        case "step.retrying":
            return f"{at}: {doing(row)}: trying again after {row.data.get('error', '')}"
        case "step.failed":
            return f"{at}: {doing(row)} failed: {row.data.get('error', '')}"
        case "model.failed" | "model.lost":
            return f"{at}: {row.actor}: {row.text}"
        case "verdict":
            return f"{at}: {_decision(row)} by {row.actor}" + (f": {row.text}" if row.text else "")
        case "task.rejected":
            return f"{name}: {row.text}"
        case "approval.requested" if row.data.get("subject") == "budget":
            return f"{at}: waits for {row.text}"
        case "approval.requested":
            return f"waits for a person's approval of {row.text}"
        case "budget.answered" | "budget.changed":
            return f"{at}: {row.text}, by {row.actor}"
        case "message":
            return f"{at}: {row.actor} says: {row.text}"
        case "alert":
            return f"ALERT {at}: {row.text}"
        case "signal.ignored":
            return f"{name}: ignored {row.text}"
        case _:
            return None


def whole(row: JournalRow, view: ObjectiveView) -> str:
    """A line for every entry, whatever its kind."""
    name = view.title(row.task_id) or "objective"
    told = f"{name}: {row.kind}" + (f" {row.step_id}" if row.step_id else "") + (f": {row.text}" if row.text else "")
    return plain(row, view) or told


def _decision(row: JournalRow) -> str:
    decision = row.data.get("decision", "decided")
    return f"opinion: {decision}" if row.data.get("subject") == OPINION else str(decision)
