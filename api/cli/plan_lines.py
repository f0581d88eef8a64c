"""A plan as people read it before they say yes: what is done, in which order, and how it is checked."""

from collections import Counter
from collections.abc import Iterator

from api.cli.printable import printable
from api.services.task_view import TaskView
from api.services.view import ObjectiveView
from workflows.domain.outcome import TaskState
from workflows.domain.plan import Plan, Task, TaskKind


def plan_lines(plan: Plan, view: ObjectiveView) -> Iterator[str]:
    """Indented by what a task builds on. `view` says how far each task is."""
    tasks = sorted(plan.tasks, key=lambda task: _depth(view, task.id))
    for task in tasks:
        indent = "  " * (1 + _depth(view, task.id))
        for n, line in enumerate(_of_task(task, view.tasks.get(task.id))):
            yield printable(f"{indent}{'    ' if n else ''}{line}")
    for check in plan.checks:
        yield printable(f"  the result is checked by {check.check}")
    for criterion in plan.criteria:
        yield printable(f"  the result is judged: {criterion}")


def how_done(task: Task) -> str:
    if task.brief is not None:
        with_tools = f" with {', '.join(task.brief.tools)}" if task.brief.tools else " without tools"
        what = "an objective of its own" if task.kind is TaskKind.OBJECTIVE else "a model"
        return f"{what}, at most {task.brief.max_turns} turns{with_tools}"
    tools = Counter(step.tool for step in task.steps)
    return ", ".join(f"{tool} × {times}" if times > 1 else tool for tool, times in tools.items())


def _of_task(task: Task, seen: TaskView | None) -> Iterator[str]:
    needs = f"   needs {', '.join(task.needs)}" if task.needs else ""
    yield f"{task.id}  {task.title}{needs}{_state(seen)}"
    by = f" by {seen.worker}" if seen and seen.worker else ""
    yield how_done(task) + by
    for step in task.steps:
        if step.guard:
            yield f"{step.id} is {step.guard}: {step.tool}"
    if task.checks:
        yield f"checked by {', '.join(check.check for check in task.checks)}"
    for criterion in task.criteria:
        yield f"judged: {criterion}"
    if task.deliverables:
        yield f"delivers {', '.join(task.deliverables)}"


def _state(seen: TaskView | None) -> str:
    if seen is None or seen.state is TaskState.WAITING:
        return ""
    return f"   [{seen.state}]"


def _depth(view: ObjectiveView, task_id: str) -> int:
    return view.tasks[task_id].depth if task_id in view.tasks else 0
