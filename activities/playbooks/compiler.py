"""Turns a playbook, files and inputs into the tasks of a plan; says everything that is wrong at once."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import product
from math import prod
from pathlib import PurePosixPath
from typing import Any

from pydantic import BaseModel, JsonValue, ValidationError

from activities.playbooks.document import Document, PlaybookError
from activities.playbooks.inputs import faults_in_defaults
from activities.playbooks.schema import CheckSpec, StepSpec, TaskSpec, WorkSpec
from activities.playbooks.templates import TemplateFault, render, truth, unknown_names
from workflows.domain.artifact import ArtifactRef
from workflows.domain.model import Model
from workflows.domain.plan import (
    MAX_TASKS,
    OUTLINE_PAGE_BYTES,
    AcceptanceCheck,
    Brief,
    Guard,
    Step,
    Task,
    faults_in_graph,
    outline_of,
)

MOST_COMBINATIONS = 10_000
"""Of one task's for_each, before conditions leave some out."""
_AT_PLAN_TIME = frozenset({"objective", "inputs", "files"})
_AT_RUN_TIME = frozenset({"attempt", "feedback"})


class Catalogue(Model):
    """The tools and checks that there are, with what each takes."""

    tools: dict[str, type[BaseModel]]
    checks: dict[str, type[BaseModel]]
    guards: dict[str, Guard] = {}
    """Tools that take care."""


class Given(Model):
    """What a plan is made for."""

    objective_id: str
    text: str
    files: tuple[ArtifactRef, ...]
    inputs: dict[str, JsonValue]


def names_for(given: Given) -> dict[str, Any]:
    """The variables that templates see."""
    return {
        "objective": {"id": given.objective_id, "text": given.text},
        "inputs": given.inputs,
        "files": file_names(given.files),
    }


def file_names(files: Sequence[ArtifactRef]) -> list[dict[str, JsonValue]]:
    """Each file's name with a slug that is unique among them and fit for a task id."""
    taken: set[str] = set()
    described: list[dict[str, JsonValue]] = []
    for file in files:
        stem = re.sub(r"[^a-z0-9]+", "-", PurePosixPath(file.name).stem.lower()).strip("-")[:24] or "file"
        slug, n = stem, 2
        while slug in taken:
            slug, n = f"{stem}-{n}", n + 1
        taken.add(slug)
        described.append({"name": file.name, "slug": slug, "size": file.size, "media_type": file.media_type})
    return described


def check_playbook(document: Document, catalogue: Catalogue) -> None:
    """Everything that can be known to be wrong without files and inputs. Raises PlaybookError."""
    faults = [*faults_in_defaults(document)]
    inputs = frozenset(document.playbook.inputs)
    for n, spec in enumerate(document.playbook.tasks):
        faults += _faults_in_task(document, n, spec, inputs)
        faults += _faults_in_work(document, n, spec, catalogue)
        for m, step in enumerate(spec.steps):
            faults += _faults_in_call(
                document, catalogue.tools, "tool", step.tool, step.with_, ("tasks", n, "steps", m)
            )
        for m, check in enumerate(spec.checks):
            faults += _faults_in_call(
                document, catalogue.checks, "check", check.check, check.with_, ("tasks", n, "checks", m)
            )
    for m, check in enumerate(document.playbook.checks):
        faults += _faults_in_call(document, catalogue.checks, "check", check.check, check.with_, ("checks", m))
    if faults:
        raise PlaybookError(faults)


def compile_tasks(document: Document, catalogue: Catalogue, given: Given) -> tuple[Task, ...]:
    """The tasks for these files and inputs, each step's arguments tried out once. Raises PlaybookError."""
    check_playbook(document, catalogue)
    names = names_for(given)
    faults: list[str] = []
    tasks: list[tuple[int, Task]] = []
    left_out: set[str] = set()
    for n, spec in enumerate(document.playbook.tasks):
        try:
            for bound in _combinations(spec, names):
                task = _task(spec, {**names, **bound}, bound)
                if truth(spec.when, {**names, **bound}):
                    tasks.append((n, task))
                else:
                    left_out.add(task.id)
        except (TemplateFault, ValidationError) as error:
            faults.append(f"{document.place('tasks', n)}: {_sentence(error)}")
    if faults:
        raise PlaybookError(faults)
    if not 1 <= len(tasks) <= MAX_TASKS:
        why = "no task is left for these files and inputs" if not tasks else f"{len(tasks)} tasks, at most {MAX_TASKS}"
        raise PlaybookError([f"{document.place('tasks')}: {why}"])
    expanded = _with_needs_expanded(tasks, left_out)
    faults += _faults_in_plan(document, catalogue, names, expanded)
    if faults:
        raise PlaybookError(faults)
    return tuple(_guarded(task, catalogue) for _, task in expanded)


def _guarded(task: Task, catalogue: Catalogue) -> Task:
    if not any(step.tool in catalogue.guards for step in task.steps):
        return task
    steps = tuple(step.model_copy(update={"guard": catalogue.guards.get(step.tool)}) for step in task.steps)
    return task.model_copy(update={"steps": steps})


def acceptance(checks: Iterable[CheckSpec]) -> tuple[AcceptanceCheck, ...]:
    return tuple(AcceptanceCheck(check=spec.check, arguments=spec.with_) for spec in checks)


def _faults_in_task(document: Document, n: int, spec: TaskSpec, inputs: frozenset[str]) -> Iterator[str]:
    known = _AT_PLAN_TIME | spec.for_each.keys()
    early: dict[str, JsonValue] = {
        "for_each": dict(spec.for_each),
        "id": spec.id,
        "title": spec.title,
        "when": spec.when,
        "needs": list(spec.needs),
        "criteria": list(spec.criteria),
        "work": spec.work.instructions if spec.work else "",
    }
    for field, value in early.items():
        for fault in unknown_names(value, known, inputs):
            yield f"{document.place('tasks', n, field)}: {fault}"
    late = [("steps", m, step.with_) for m, step in enumerate(spec.steps)]
    late += [("checks", m, check.with_) for m, check in enumerate(spec.checks)]
    for group, m, arguments in late:
        for name, value in arguments.items():
            for fault in unknown_names(value, known | _AT_RUN_TIME, inputs):
                yield f"{document.place('tasks', n, group, m, 'with', name)}: {fault}"


def _faults_in_work(document: Document, n: int, spec: TaskSpec, catalogue: Catalogue) -> Iterator[str]:
    for m, tool in enumerate(spec.work.tools if spec.work else ()):
        if tool not in catalogue.tools:
            there_are = ", ".join(sorted(catalogue.tools))
            yield f"{document.place('tasks', n, 'work', 'tools', m)}: there is no tool {tool!r}; there are {there_are}"


def _faults_in_call(
    document: Document,
    known: Mapping[str, type[BaseModel]],
    kind: str,
    name: str,
    arguments: Mapping[str, JsonValue],
    path: tuple[str | int, ...],
) -> Iterator[str]:
    """A tool or check that does not exist, or arguments that it does not take."""
    if name not in known:
        yield f"{document.place(*path, kind)}: there is no {kind} {name!r}; there are {', '.join(sorted(known))}"
        return
    fields = known[name].model_fields
    accepted = {field.alias or key for key, field in fields.items()}
    for argument in arguments:
        if argument not in accepted:
            takes = ", ".join(sorted(accepted))
            yield f"{document.place(*path, 'with', argument)}: {name} takes no {argument!r}; it takes {takes}"
    for key, field in fields.items():
        if field.is_required() and (field.alias or key) not in arguments:
            yield f"{document.place(*path, 'with')}: {name} needs {field.alias or key!r}"


def _combinations(spec: TaskSpec, names: Mapping[str, Any]) -> Iterator[dict[str, JsonValue]]:
    variables: list[list[tuple[str, JsonValue]]] = []
    for variable, source in spec.for_each.items():
        values = render(source, names)
        if not isinstance(values, list):
            raise TemplateFault(f"for_each needs a list for {variable!r}, this is {values!r}")
        variables.append([(variable, value) for value in values])
    count = prod(map(len, variables))
    if count > MOST_COMBINATIONS:
        raise TemplateFault(f"for_each makes {count:,} combinations, at most {MOST_COMBINATIONS:,}")
    for combination in product(*variables):
        yield dict(combination)


def _task(spec: TaskSpec, names: Mapping[str, Any], bound: dict[str, JsonValue]) -> Task:
    def text(value: str) -> str:
        return str(render(value, names))

    return Task(
        id=text(spec.id),
        title=text(spec.title),
        needs=tuple(text(need) for need in spec.needs),
        capability=spec.capability,
        steps=tuple(_step(n, step, names) for n, step in enumerate(spec.steps, 1)),
        brief=_brief(spec.work, text) if spec.work else None,
        checks=acceptance(spec.checks),
        criteria=tuple(text(criterion) for criterion in spec.criteria),
        review=spec.review,
        budget=spec.budget,
        deliverables=tuple(text(name) for name in spec.deliverables),
        bindings=bound,
    )


def _brief(work: WorkSpec, text: Callable[[str], str]) -> Brief:
    return Brief(
        instructions=text(work.instructions),
        tools=work.tools,
        max_turns=work.max_turns,
        as_objective=work.as_objective,
    )


def _step(n: int, spec: StepSpec, names: Mapping[str, Any]) -> Step:
    title = str(render(spec.title, names)) or spec.tool
    return Step(id=spec.id or f"step-{n}", tool=spec.tool, title=title, arguments=spec.with_)


def _with_needs_expanded(tasks: Sequence[tuple[int, Task]], left_out: set[str]) -> list[tuple[int, Task]]:
    ids = [task.id for _, task in tasks]
    expanded: list[tuple[int, Task]] = []
    for n, task in tasks:
        needs: dict[str, None] = {}
        for need in task.needs:
            found = [other for other in ids if fnmatchcase(other, need) and other != task.id] if "*" in need else [need]
            needs.update(dict.fromkeys(name for name in found if name not in left_out or name in ids))
        expanded.append((n, task.model_copy(update={"needs": tuple(needs)})))
    return expanded


def _faults_in_plan(
    document: Document, catalogue: Catalogue, names: Mapping[str, Any], tasks: Sequence[tuple[int, Task]]
) -> list[str]:
    origin = {task.id: n for n, task in tasks}
    faults = [
        f"{document.place('tasks', origin[task_id])}: {fault}"
        for task_id, fault in faults_in_graph((task.id, task.needs) for _, task in tasks)
    ]
    for n, task in tasks:
        if len(outline_of(task).model_dump_json()) > OUTLINE_PAGE_BYTES:
            many = (
                f"task {task.id!r} needs {len(task.needs)} tasks, too many for one; let a task in between gather them"
            )
            faults.append(f"{document.place('tasks', n, 'needs')}: {many}")
        seen = {**names, **task.bindings, "attempt": 1, "feedback": ""}
        for m, step in enumerate(task.steps):
            try:
                catalogue.tools[step.tool].model_validate(render(step.arguments, seen))
            except (TemplateFault, ValidationError) as error:
                faults.append(f"{document.place('tasks', n, 'steps', m, 'with')}: {step.tool}: {_sentence(error)}")
        for m, check in enumerate(task.checks):
            try:
                catalogue.checks[check.check].model_validate(render(check.arguments, seen))
            except (TemplateFault, ValidationError) as error:
                faults.append(f"{document.place('tasks', n, 'checks', m, 'with')}: {check.check}: {_sentence(error)}")
    return list(dict.fromkeys(faults))


def _sentence(error: TemplateFault | ValidationError) -> str:
    if isinstance(error, TemplateFault):
        return str(error)
    return "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()[:5])
