"""A plan in full, as it lies in the store, and the outline of it that workflows carry."""

from collections.abc import Container, Iterable
from enum import StrEnum, auto
from fnmatch import fnmatchcase
from graphlib import CycleError, TopologicalSorter
from typing import Self

from pydantic import Field, JsonValue, model_validator

from workflows.domain.artifact import ArtifactRef
from workflows.domain.budget import Budget
from workflows.domain.model import Model

TASK_ID = r"^[a-z0-9][a-z0-9_-]{0,59}$"
MAX_TASKS = 500
OUTLINE_PAGE_BYTES = 6000
"""Keeps the event that carries a page of an outline below 8 KB."""


class Guard(StrEnum):
    """Why a person may have to be asked before a step."""

    IRREVERSIBLE = auto()
    COSTLY = auto()


class Step(Model):
    """One action. Strings in `arguments` may hold {{ templates }}, rendered when the step runs."""

    id: str = Field(pattern=TASK_ID)
    tool: str
    title: str = Field(max_length=80)
    arguments: dict[str, JsonValue] = {}
    guard: Guard | None = Field(None, description="what its tool does to the world, if that takes care")


class AcceptanceCheck(Model):
    """A question that a machine can answer about the artifacts; see `activities.review`."""

    check: str
    arguments: dict[str, JsonValue] = {}


class WhenUncertain(StrEnum):
    """What happens when a verifier cannot tell. Nothing here approves."""

    SECOND_OPINION = auto()
    """Another verifier is asked, and doubt that stays is a rejection."""
    PERSON = auto()
    REJECT = auto()


class ReviewPolicy(Model):
    max_attempts: int = Field(3, ge=1, le=10)
    quorum: int = Field(1, ge=1, le=5, description="how many verifiers must approve where there are criteria")
    when_uncertain: WhenUncertain = WhenUncertain.SECOND_OPINION


class Brief(Model):
    """What a worker with a model is to do; it finds the steps itself, with these tools and no others."""

    instructions: str = Field(min_length=1, max_length=4000)
    tools: tuple[str, ...] = ()
    max_turns: int = Field(20, ge=1, le=200)
    as_objective: bool = Field(False, description="an objective of its own, with a plan of its own")


class TaskKind(StrEnum):
    STEPS = auto()
    TURNS = auto()
    OBJECTIVE = auto()


class Task(Model):
    id: str = Field(pattern=TASK_ID)
    title: str = Field(max_length=80)
    needs: tuple[str, ...] = ()
    capability: str = "general"
    steps: tuple[Step, ...] = Field((), max_length=500)
    brief: Brief | None = Field(None, description="instead of steps")
    checks: tuple[AcceptanceCheck, ...] = ()
    criteria: tuple[str, ...] = Field((), max_length=20, description="what no machine can check: verifiers judge it")
    review: ReviewPolicy = ReviewPolicy()
    budget: Budget = Budget()
    deliverables: tuple[str, ...] = Field((), description="artifacts it promises; * stands for anything, or nothing")
    bindings: dict[str, JsonValue] = Field({}, description="what a for_each bound for this task's templates")

    @model_validator(mode="after")
    def _steps_or_a_brief(self) -> Self:
        if bool(self.steps) == (self.brief is not None):
            raise ValueError("a task has either steps or a brief")
        return self

    @property
    def kind(self) -> TaskKind:
        if self.brief is None:
            return TaskKind.STEPS
        return TaskKind.OBJECTIVE if self.brief.as_objective else TaskKind.TURNS

    def delivers(self, name: str) -> bool:
        return any(fnmatchcase(name, promised) for promised in self.deliverables)

    def undelivered(self, names: Container[str]) -> tuple[str, ...]:
        """The promises that `names` do not keep; a pattern promises nothing in particular."""
        return tuple(promised for promised in self.deliverables if "*" not in promised and promised not in names)


class Plan(Model):
    objective_id: str
    playbook: str = Field(description="what made it: a playbook with its version, or a model")
    tasks: tuple[Task, ...] = Field(min_length=1, max_length=MAX_TASKS)
    checks: tuple[AcceptanceCheck, ...] = ()
    criteria: tuple[str, ...] = Field((), max_length=20, description="what the result as a whole must meet")
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
    kind: TaskKind = TaskKind.STEPS
    steps: int = Field(1, description="how many steps it has, or turns it may take")
    max_attempts: int = 3
    judges: int = Field(0, description="how many verifiers must approve after the checks; 0: the checks decide")
    when_uncertain: WhenUncertain = WhenUncertain.SECOND_OPINION
    guards: dict[int, Guard] = Field({}, description="steps that take care, by position from 0")


class PlanOutline(Model):
    """One page of a plan's outline. `next_page` is 0 on the last one."""

    plan: ArtifactRef
    tasks: tuple[TaskOutline, ...]
    next_page: int = 0
    judges: int = Field(0, description="how many verifiers must approve the result; 0: the checks decide")


def outline_of(task: Task) -> TaskOutline:
    return TaskOutline(
        id=task.id,
        title=task.title,
        needs=task.needs,
        capability=task.capability,
        kind=task.kind,
        steps=task.brief.max_turns if task.brief else len(task.steps),
        max_attempts=task.review.max_attempts,
        judges=task.review.quorum if task.criteria else 0,
        when_uncertain=task.review.when_uncertain,
        guards={position: step.guard for position, step in enumerate(task.steps) if step.guard},
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


def outline_page(ref: ArtifactRef, plan: Plan, page: int) -> PlanOutline:
    pages = outline_pages(plan.tasks)
    return PlanOutline(
        plan=ref,
        tasks=pages[page],
        next_page=page + 1 if page + 1 < len(pages) else 0,
        judges=1 if plan.criteria else 0,
    )


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
