"""How an objective looks in a terminal, and as plain lines where there is none."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.text import Text

from activities.store.journal import JournalRow
from api.cli.progress_lines import plain
from api.cli.questions import wanted
from api.services.task_view import TaskView
from api.services.view import ObjectiveView
from workflows.domain.objective import Mode, Stage
from workflows.domain.outcome import TaskState
from workflows.domain.verdict import Subject

_LOOK = {
    TaskState.WAITING: ("·", "dim"),
    TaskState.WORKING: ("▶", "cyan"),
    TaskState.REVIEW: ("?", "yellow"),
    TaskState.APPROVED: ("✓", "green"),
    TaskState.REJECTED: ("✗", "red"),
    TaskState.FAILED: ("✗", "red"),
    TaskState.BLOCKED: ("–", "dim"),
    TaskState.CANCELLED: ("–", "dim"),
    TaskState.SKIPPED: ("–", "dim"),
}
SHOWN = 3
"""Of alerts, and of what waits, so many are shown at a time."""
_STAGE_COLOUR = {Stage.DELIVERED: "green", Stage.NOT_DELIVERED: "red", Stage.CANCELLED: "yellow"}


def tree(view: ObjectiveView, rows: int, *, waits: bool = True) -> RenderableType:
    """The tasks, indented by what they build on; finished ones fold away when there is no room."""
    now = datetime.now(UTC)
    head = Text.assemble(
        (str(view.stage).replace("_", " "), f"bold {_STAGE_COLOUR.get(view.stage, 'cyan')}"),
        ("  paused", "bold yellow") if view.paused else "",
        ("  manual mode", "yellow") if view.mode == Mode.MANUAL else "",
        f"  {view.count(TaskState.APPROVED)} of {len(view.tasks)} tasks approved  ",
        (_clock(view.seconds(now)), "dim"),
        (f"  {view.calls} model calls, ${view.cost_usd:.4f}" if view.calls else "", "dim"),
    )
    tasks = sorted(view.tasks.values(), key=lambda task: task.depth)
    lines: list[RenderableType] = [head]
    foot = [*_foot(view), *(_waits(view) if waits else ())]
    room = max(rows - 3 - max(len(foot), 1), 5)
    if len(tasks) > room:
        open_tasks = [task for task in tasks if task.state is not TaskState.APPROVED]
        waiting = len(open_tasks) - room
        lines.append(Text(f"  ✓ {len(tasks) - len(open_tasks)} approved tasks not shown", style="dim"))
        tasks = open_tasks[:room]
        lines += [_line(task, now) for task in tasks]
        if waiting > 0:
            lines.append(Text(f"  · {waiting} more", style="dim"))
    else:
        lines += [_line(task, now) for task in tasks]
    return Group(*lines, *foot)


def _foot(view: ObjectiveView) -> list[Text]:
    """What a person should know of: a plan that was replaced, and the newest alerts."""
    lines = []
    if view.replans:
        lines.append(Text(f"planned anew; tasks that were replaced: {len(view.replaced)}", style="yellow"))
    lines += [_short(f"! {_of(view, alert.task_id)}{alert.text}", "bold red") for alert in view.alerts[-SHOWN:]]
    return lines


def _waits(view: ObjectiveView) -> Iterator[Text]:
    """What waits for an answer."""
    for wait in [*view.waits.values()][:SHOWN]:
        whose = _of(view, wait.task_id) if wait.subject == Subject.BUDGET else ""
        yield _short(f"{whose}waits for {wanted(wait.subject, wait.text)}", "bold yellow")


def _of(view: ObjectiveView, task_id: str) -> str:
    return f"{view.title(task_id)}: " if view.title(task_id) else ""


def _short(text: str, style: str) -> Text:
    line = Text(_one_line(text), style=style)
    line.truncate(200, overflow="ellipsis")
    return line


def _line(task: TaskView, now: datetime) -> Text:
    mark, style = _LOOK[task.state]
    line = Text("  " + "  " * task.depth)
    line.append(f"{mark} ", style=style)
    line.append(task.title, style=style if task.state is TaskState.WAITING else "")
    if task.attempt > 1:
        line.append(f"  attempt {task.attempt} of {task.max_attempts}", style="yellow")
    if task.worker:
        line.append(f"  by {task.worker}", style="cyan")
    if task.state is TaskState.SKIPPED:
        line.append(f"  {_one_line(task.feedback)}", style="dim")
    if task.doing and task.state in (TaskState.WORKING, TaskState.REVIEW):
        percent = f" {task.fraction:.0%}" if task.fraction is not None else ""
        line.append(f"  {_one_line(task.doing)}{percent}", style="dim")
    if task.refusals:
        line.append(f"  {task.refusals} refused", style="yellow")
    if task.started:
        line.append(f"  {_clock(task.seconds(now))}", style="dim")
    line.truncate(200, overflow="ellipsis")
    return line


class Display:
    """Shows progress as it comes: a live tree in a terminal, lines elsewhere, nothing when quiet."""

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self._console = console
        self._quiet = quiet
        self._live: Live | None = None

    def show(self, view: ObjectiveView, rows: Iterable[JournalRow]) -> None:
        if self._quiet:
            return
        if not self._console.is_terminal:
            for row in rows:
                line = plain(row, view)
                if line:
                    self._console.print(escape(_one_line(line)), soft_wrap=True, highlight=False)
            return
        if self._live is None:
            self._live = Live(console=self._console, refresh_per_second=8, vertical_overflow="crop")
            self._live.start()
        self._live.update(tree(view, self._console.height))

    def pause(self) -> None:
        """Leaves what is shown where it is and frees the terminal, for a question or the end."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def _one_line(text: str) -> str:
    return " ".join(text.split())[:500]


def _clock(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
