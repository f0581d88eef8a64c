"""What is said of an objective when it has ended, or when somebody looks."""

import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.markup import escape

from activities.store.objectives import ObjectiveRow
from api.cli.costs import Bill
from api.cli.session import Session
from api.services.task_view import TaskView, VerdictView
from api.services.view import ObjectiveView
from workflows.domain.objective import Stage
from workflows.domain.outcome import TaskState


def closing_lines(
    view: ObjectiveView, row: ObjectiveRow, written: Sequence[Path], session: Session, used: Bill
) -> Iterator[str]:
    """Verdicts, what it cost, deliverables, time, and where to look, as console markup."""
    seconds = view.seconds(datetime.now(UTC))
    yield ""
    yield f"{_headline(view.stage)} in {seconds:.1f} s: {view.count(TaskState.APPROVED)} of {len(view.tasks)} tasks"
    if view.reason:
        yield f"  why: {escape(_one_line(view.reason))}"
    for missing in row.result.missing if row.result else ():
        yield f"  [red]missing[/] {escape(missing.title)}: {escape(_one_line(missing.reason))}"
    yield f"  verdicts: {_verdicts(view)}"
    if used.line:
        yield f"  {used.line}"
    for alert in view.alerts:
        whose = f"{view.title(alert.task_id)}: " if alert.task_id else ""
        yield f"  [red]alert[/] {escape(whose + _one_line(alert.text))}"
    yield from _files(written)
    web_ui = session.web_ui(view.id)
    if web_ui:
        yield f"  history: {web_ui}"
    if session.addresses.web_ui and session.settings.temporal.address is None:
        minutes = session.settings.stack.linger_seconds / 60
        yield f"  the stack stays up for {minutes:.0f} min after its last use; `{program()} down` stops it now"


def as_json(view: ObjectiveView, row: ObjectiveRow, written: Sequence[Path], web_ui: str | None, used: Bill) -> str:
    result = row.result.model_dump(mode="json") if row.result else {}
    document = {
        "id": view.id,
        "objective": row.request.text,
        "stage": str(view.stage),
        "delivered": view.stage is Stage.DELIVERED,
        "seconds": round(view.seconds(datetime.now(UTC)), 3),
        "reason": view.reason,
        "waiting_for": view.waiting_for,
        "mode": view.mode,
        "paused": view.paused,
        "waits": [
            {"approval": wait.approval, "subject": wait.subject, "task": wait.task_id, "text": wait.text}
            for wait in view.waits.values()
        ],
        "tasks": [_task(task) for task in view.tasks.values()],
        "replaced_tasks": list(view.replaced),
        "verdicts": [_verdict(verdict) for verdict in view.verdicts],
        "opinions": [_verdict(opinion) for opinion in view.opinions],
        "alerts": [{"task": alert.task_id, "text": alert.text, "at": alert.at.isoformat()} for alert in view.alerts],
        "usage": used.as_json(),
        "missing": result.get("missing", []),
        "deliverables": result.get("deliverables", []),
        "files": [str(path) for path in written],
        "web_ui": web_ui,
    }
    return json.dumps(document, ensure_ascii=False, indent=2)


def _task(task: TaskView) -> dict[str, object]:
    told: dict[str, object] = {
        "id": task.id,
        "title": task.title,
        "state": str(task.state),
        "attempts": task.attempt,
    }
    if task.worker:
        told["worker"] = task.worker
    if task.state is TaskState.SKIPPED:
        told["reason"] = task.feedback
    return told


def _verdict(verdict: VerdictView) -> dict[str, object]:
    return {
        "task": verdict.task_id,
        "attempt": verdict.attempt,
        "subject": verdict.subject,
        "decision": verdict.decision,
        "by": verdict.by,
        "feedback": verdict.feedback,
        "at": verdict.at.isoformat(),
    }


def _files(written: Sequence[Path]) -> Iterator[str]:
    """Files in the delivery's own folder by name, those in folders below it by count."""
    if not written:
        return
    top = min((path.parent for path in written), key=lambda folder: len(folder.parts))
    below = [path for path in written if path.parent != top]
    for path in written:
        if path.parent == top:
            yield f"  [green]→[/] {escape(_near(path))}"
    if below:
        yield f"  [green]→[/] and {len(below)} more below {escape(_near(top))}"


def _headline(stage: Stage) -> str:
    colour = {Stage.DELIVERED: "green", Stage.CANCELLED: "yellow"}.get(stage, "red")
    return f"[bold {colour}]{str(stage).replace('_', ' ').capitalize()}[/]"


def _verdicts(view: ObjectiveView) -> str:
    approved = sum(verdict.decision == "approved" for verdict in view.verdicts)
    sent_back = sum(verdict.decision == "revise" for verdict in view.verdicts)
    rejected = len(view.verdicts) - approved - sent_back
    back = f", {sent_back} sent back" if sent_back else ""
    final = [verdict for verdict in view.verdicts if verdict.subject == "result"]
    by = f"; the result was {final[-1].decision} by {escape(final[-1].by)}" if final else ""
    return f"{approved} approved, {rejected} rejected{back}{by}"


def _near(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def program() -> str:
    """What to type for this command: its name if the shell finds it, else its path."""
    return "botted" if shutil.which("botted") else os.path.relpath(sys.argv[0])


def _one_line(text: str) -> str:
    return " ".join(text.split())
