"""Progress as plain lines: for a log file, for a pipe, and for `show --journal`."""

from activities.store.journal import JournalRow
from api.cli.questions import wanted
from api.services.view import OPINION, ObjectiveView, doing
from workflows.domain.verdict import Decision, Subject


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
        case kind if kind.startswith("approval."):
            return _approval(row, at)
        case kind if kind in _STEERED:
            return _steered(row, name)
        case "budget.answered":
            return f"{at}: {row.text}, by {row.actor}"
        case "budget.changed":
            return f"{at}: {row.text}{_limits(row)}, by {row.actor}"
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


def _approval(row: JournalRow, at: str) -> str | None:
    subject = str(row.data.get("subject", ""))
    match row.kind:
        case "approval.requested":
            prefix = f"{at}: " if subject == Subject.BUDGET else ""
            return f"{prefix}waits for {wanted(subject, row.text, whose=_ANYBODYS)}"
        case "approval.decided":
            return _decided(row, subject, at)
        case "approval.expired":
            return f"{at}: {row.text}: {row.data.get('decision', '')} by {row.actor}"
        case "approval.reminded" | "approval.escalated":
            return row.text
        case _:
            return None


def _decided(row: JournalRow, subject: str, at: str) -> str | None:
    """What no verdict tells of: those have a line of their own."""
    approved = row.data.get("decision") == Decision.APPROVED
    because = f": {row.text}" if row.text else ""
    match subject:
        case Subject.BUDGET:
            return f"{at}: more budget was {'granted' if approved else 'refused'}, by {row.actor}{because}"
        case Subject.STEP:
            return f"{at}: {row.actor} {'allows' if approved else 'does not allow'} {row.data.get('step')}{because}"
        case Subject.WORK:
            return f"{at}: {row.actor} gives it back{because}"
        case Subject.EXHAUSTED:
            return f"{row.actor} {_GOES_ON.get(str(row.data.get('decision')), 'has decided')}{because}"
        case _:
            return None


_ANYBODYS = "a person's"
_GOES_ON: dict[str, str] = {
    Decision.APPROVED: "goes on without what is not approved",
    Decision.REVISE: "has it done again",
    Decision.REJECTED: "ends it",
}
_STEERED = {
    "objective.paused": "paused",
    "objective.resumed": "goes on",
    "objective.advanced": "one thing may begin",
    "objective.cancelling": "to be cancelled",
    "mode.chosen": "mode",
    "mode.changed": "mode",
    "task.reopened": "to be done again",
    "task.skipped": "skipped",
    "task.cancelled": "stopped",
    "task.assigned": "assigned",
}


def _steered(row: JournalRow, name: str) -> str:
    because = f": {row.text}" if row.text else ""
    match row.kind:
        case "mode.chosen":
            return f"mode: {row.text}"
        case "mode.changed":
            return f"mode: {row.data.get('mode')}, asking about {row.data.get('oversight')}, by {row.actor}"
        case "task.skipped":
            return f"{name}: {row.text}"
        case "task.assigned":
            return f"{name}: {row.data.get('worker')} does it, says {row.actor}"
        case kind:
            return f"{name}: {_STEERED[kind]}, by {row.actor}{because}"


def _limits(row: JournalRow) -> str:
    limits = row.data.get("limits")
    if not isinstance(limits, dict) or ":" in row.text:
        return ""
    return f": {', '.join(f'{amount} {of}' for of, amount in limits.items())}"


def _decision(row: JournalRow) -> str:
    decision = row.data.get("decision", "decided")
    if row.data.get("subject") == OPINION:
        return f"opinion: {decision}"
    return "sent back" if decision == Decision.REVISE else str(decision)
