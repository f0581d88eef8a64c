"""A plan in full, as it lies in the store, and the outline of it that workflows carry."""

from collections.abc import Container, Iterable
from fnmatch import fnmatchcase
from graphlib import CycleError, TopologicalSorter

from pydantic import Field, JsonValue

from workflows.domain.artifact import ArtifactRef
from workflows.domain.model import Model

TASK_ID = r"^[a-z0-9][a-z0-9_-]{0,59}$"
MAX_TASKS = 500
OUTLINE_PAGE_BYTES = 6000
"""Keeps the event that carries a page of an outline below 8 KB."""


class Step(Model):
    """One action. Strings in `arguments` may hold {{ templates }}, rendered when the step runs."""

    id: str = Field(pattern=TASK_ID)
    tool: str
    title: str = Field(max_length=80)
    arguments: dict[str, JsonValue] = {}


class AcceptanceCheck(Model):
    """A question that a machine can answer about the artifacts; see `activities.review`."""

    check: str
    arguments: dict[str, JsonValue] = {}


class ReviewPolicy(Model):
    max_attempts: int = Field(3, ge=1, le=10)


class Task(Model):
    id: str = Field(pattern=TASK_ID)
    title: str = Field(max_length=80)
    needs: tuple[str, ...] = ()
    capability: str = "general"
    steps: tuple[Step, ...] = Field(min_length=1, max_length=500)
    checks: tuple[AcceptanceCheck, ...] = ()
    review: ReviewPolicy = ReviewPolicy()
    deliverables: tuple[str, ...] = Field((), description="artifacts it promises; * stands for anything, or nothing")
    bindings: dict[str, JsonValue] = Field({}, description="what a for_each bound for this task's templates")

    def delivers(self, name: str) -> bool:
        return any(fnmatchcase(name, promised) for promised in self.deliverables)

    def undelivered(self, names: Container[str]) -> tuple[str, ...]:
        """The promises that `names` do not keep; a pattern promises nothing in particular."""
        return tuple(promised for promised in self.deliverables if "*" not in promised and promised not in names)


class Plan(Model):
    objective_id: str
    playbook: str
    tasks: tuple[Task, ...] = Field(min_length=1, max_length=MAX_TASKS)
    checks: tuple[AcceptanceCheck, ...] = ()
    inputs: dict[str, JsonValue] = Field({}, description="the playbook's inputs, typed, defaults filled in")

    def task(self, task_id: str) -> Task:
        return next(task for task in self.tasks if task.id == task_id)

    def needs_of(self, task_id: str) -> tuple[str, ...]:
        """All tasks that this one builds on, directly or not, nearest first."""
        graph = {task.id: task.needs for task in self.tasks}
        found: dict[str, None] = {}
        frontier = list(graph[task_id])
        while frontier:
            need = frontier.pop(0)
            if need not in found:
                found[need] = None
                frontier.extend(graph[need])
        return tuple(found)


class TaskOutline(Model):
    """What the workflows know of a task: its place in the graph, never its content."""

    id: str
    title: str
    needs: tuple[str, ...] = ()
    capability: str = "general"
    steps: int = Field(1, description="how many steps it has")
    max_attempts: int = 3


class PlanOutline(Model):
    """One page of a plan's outline. `next_page` is 0 on the last one."""

    plan: ArtifactRef
    tasks: tuple[TaskOutline, ...]
    next_page: int = 0


def outline_of(task: Task) -> TaskOutline:
    return TaskOutline(
        id=task.id,
        title=task.title,
        needs=task.needs,
        capability=task.capability,
        steps=len(task.steps),
        max_attempts=task.review.max_attempts,
    )


def faults_in_graph(tasks: Iterable[tuple[str, tuple[str, ...]]]) -> tuple[tuple[str, str], ...]:
    """What keeps (id, needs) pairs from being an acyclic graph with unique ids: (task id, sentence)."""
    pairs = tuple(tasks)
    known = {task_id for task_id, _ in pairs}
    seen: set[str] = set()
    faults: list[tuple[str, str]] = []
    for task_id, needs in pairs:
        if task_id in seen:
            faults.append((task_id, f"the task id {task_id!r} is used twice; give each task its own id"))
        seen.add(task_id)
        for need in needs:
            if need not in known:
                faults.append((task_id, f"task {task_id!r} needs {need!r}, but there is no such task"))
    if faults:
        return tuple(faults)
    try:
        TopologicalSorter(dict(pairs)).prepare()
    except CycleError as error:
        cycle: list[str] = error.args[1]
        return ((cycle[0], f"tasks need each other in a circle: {' → '.join(cycle)}; remove one of these needs"),)
    return ()


def outline_pages(tasks: Iterable[Task]) -> tuple[tuple[TaskOutline, ...], ...]:
    """The outlines of all tasks in order, cut into pages of at most OUTLINE_PAGE_BYTES (one task at least)."""
    pages: list[list[TaskOutline]] = [[]]
    room = OUTLINE_PAGE_BYTES
    for outline in map(outline_of, tasks):
        size = len(outline.model_dump_json())
        if pages[-1] and size > room:
            pages.append([])
            room = OUTLINE_PAGE_BYTES
        pages[-1].append(outline)
        room -= size
    return tuple(map(tuple, pages))
