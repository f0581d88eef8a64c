"""The plan as a model writes it, and what becomes of it: a plan that holds, or everything that is wrong with it."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, ValidationError

from activities.playbooks.compiler import Catalogue
from workflows.domain.budget import Budget
from workflows.domain.objective import MAX_DEPTH, Objective
from workflows.domain.plan import TASK_ID, AcceptanceCheck, Brief, Plan, Task, faults_in_graph

MOST_TASKS = 40
MOST_FAULTS = 20
# Bounds stand in the schema, so that a model that cannot stop is stopped where the provider keeps to schemas.
Name = Annotated[str, StringConstraints(max_length=200)]
Sentence = Annotated[str, StringConstraints(max_length=400)]
TURNS = {"small": 12, "medium": 24, "large": 48}
WEIGHT = {"small": 1, "medium": 2, "large": 4}
HEADROOM = 1.5
"""What a task may use of the budget beyond its share: others use less than theirs."""


class ProposedCheck(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    check: str = Field(description="the name of a check from the list")
    arguments: str = Field(
        max_length=4000, description='its arguments as a JSON object in text, such as {"artifact": "report.md"}'
    )


class ProposedTask(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str = Field(max_length=60, description="lower case letters, digits and -, such as find-causes")
    title: str = Field(max_length=80)
    needs: list[Name] = Field(max_length=MOST_TASKS, description="ids of the tasks whose results it builds on")
    capability: Name
    tools: list[Name] = Field(max_length=30)
    instructions: str = Field(max_length=4000, description="everything its worker must know")
    deliverables: list[Name] = Field(max_length=20)
    checks: list[ProposedCheck] = Field(max_length=10)
    criteria: list[Sentence] = Field(max_length=10)
    effort: Literal["small", "medium", "large"]
    as_objective: bool


class Proposal(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    tasks: list[ProposedTask] = Field(max_length=MOST_TASKS)
    checks: list[ProposedCheck] = Field(max_length=10, description="of the result as a whole")
    criteria: list[Sentence] = Field(max_length=10, description="of the result as a whole")


class Faulty(Exception):
    """What is wrong with a proposal, one sentence per fault."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


class Bounds(BaseModel):
    """What a plan has to keep to."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    objective: Objective
    catalogue: Catalogue
    capabilities: tuple[str, ...]
    kept: tuple[Task, ...] = Field((), description="approved tasks of the plan before, which stay as they are")
    used_ids: frozenset[str] = Field(frozenset(), description="of tasks of earlier plans")
    merge_chains: bool = True


def plan_of(proposal: Proposal, bounds: Bounds, made_by: str) -> Plan:
    """Raises Faulty."""
    kept = {task.id for task in bounds.kept}
    proposed = [task for task in proposal.tasks if task.id not in kept]
    faults = [*_faults(proposed, bounds), *_faults_in_result(proposal, bounds.catalogue)]
    if faults:
        raise Faulty(faults[:MOST_FAULTS])
    budget = bounds.objective.budget
    total = sum(WEIGHT[task.effort] for task in proposed)
    try:
        tasks = [_task(task, budget.share(HEADROOM * WEIGHT[task.effort] / total)) for task in proposed]
        return Plan(
            objective_id=bounds.objective.id,
            playbook=made_by,
            tasks=(*bounds.kept, *tasks),
            checks=tuple(map(_check, proposal.checks)),
            criteria=_criteria(proposal.criteria),
            inputs=bounds.objective.inputs,
        )
    except ValidationError as error:
        raise Faulty([f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()[:8]]) from error


def _faults(proposed: Sequence[ProposedTask], bounds: Bounds) -> Iterator[str]:
    if not proposed:
        yield "there is no new task for what is missing" if bounds.kept else "there is no task"
    pairs = [(task.id, tuple(task.needs)) for task in proposed] + [(task.id, task.needs) for task in bounds.kept]
    yield from (fault for _, fault in faults_in_graph(pairs))
    for task in proposed:
        yield from (f"task {task.id!r}: {fault}" for fault in _faults_in_task(task, bounds))
    if bounds.merge_chains and not bounds.kept and _is_chain(proposed):
        names = ", ".join(task.id for task in proposed)
        yield f"{names} build on one another one by one and need the same capability: make them one task"


def _faults_in_task(task: ProposedTask, bounds: Bounds) -> Iterator[str]:
    if not re.match(TASK_ID, task.id):
        yield "its id must be lower case letters, digits, - and _, at most 60"
    if task.id in bounds.used_ids:
        yield "this id belongs to a task that was not approved; give the new task another id"
    if task.as_objective and bounds.objective.depth >= MAX_DEPTH:
        yield "objectives may not nest any deeper; set as_objective to false"
    if task.capability not in bounds.capabilities:
        yield f"nobody has the capability {task.capability!r}; there are {', '.join(sorted(bounds.capabilities))}"
    yield from _faults_in_tools(task, bounds.catalogue)
    yield from _faults_in_promises(task)
    if not task.checks and not any(criterion.strip() for criterion in task.criteria):
        yield "it has neither a check nor a criterion; say how to tell that it is done"
    yield from _faults_in_checks(task.checks, bounds.catalogue)


def _faults_in_tools(task: ProposedTask, catalogue: Catalogue) -> Iterator[str]:
    for tool in task.tools:
        if tool not in catalogue.tools:
            yield f"there is no tool {tool!r}; there are {', '.join(sorted(catalogue.tools))}"
    if not task.tools and not task.as_objective:
        yield "it has no tools, so its worker could not do anything"


def _faults_in_promises(task: ProposedTask) -> Iterator[str]:
    if not task.deliverables:
        yield "it promises no deliverables; name the artifacts that it makes"
    for name in task.deliverables:
        if name.startswith("/") or ".." in name.split("/") or not name.strip() or "{" in name or len(name) > 200:
            yield f"{name[:60]!r} cannot be an artifact's name; use a relative path such as report.md"


def _faults_in_result(proposal: Proposal, catalogue: Catalogue) -> Iterator[str]:
    if not proposal.checks and not any(criterion.strip() for criterion in proposal.criteria):
        yield "the result has neither a check nor a criterion; say how to tell that the objective is met"
    yield from (f"the result: {fault}" for fault in _faults_in_checks(proposal.checks, catalogue))


def _faults_in_checks(checks: Sequence[ProposedCheck], catalogue: Catalogue) -> Iterator[str]:
    for proposed in checks:
        model = catalogue.checks.get(proposed.check)
        if model is None:
            yield f"there is no check {proposed.check!r}; there are {', '.join(sorted(catalogue.checks))}"
            continue
        if "{{" in proposed.arguments or "{%" in proposed.arguments:
            yield f"the arguments of {proposed.check} may not hold templates"
        try:
            model.model_validate(_arguments(proposed))
        except ValidationError as error:
            told = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()[:4])
            yield f"the arguments of {proposed.check}: {told}"
        except ValueError as error:
            yield f"the arguments of {proposed.check} are not a JSON object: {error}"


def _is_chain(tasks: Sequence[ProposedTask]) -> bool:
    """Three or more, each building on exactly the one before, for the same kind of worker."""
    if len(tasks) < 3 or len({task.capability for task in tasks}) > 1:
        return False
    return all(task.needs == ([tasks[n - 1].id] if n else []) for n, task in enumerate(tasks))


def _task(task: ProposedTask, budget: Budget) -> Task:
    return Task(
        id=task.id,
        title=task.title,
        needs=tuple(dict.fromkeys(task.needs)),
        capability=task.capability,
        brief=Brief(
            instructions=task.instructions,
            tools=tuple(dict.fromkeys(task.tools)),
            max_turns=TURNS[task.effort],
            as_objective=task.as_objective,
        ),
        checks=tuple(map(_check, task.checks)),
        criteria=_criteria(task.criteria),
        deliverables=tuple(dict.fromkeys(task.deliverables)),
        budget=budget,
    )


def _check(proposed: ProposedCheck) -> AcceptanceCheck:
    return AcceptanceCheck(check=proposed.check, arguments=_arguments(proposed))


def _criteria(criteria: Sequence[str]) -> tuple[str, ...]:
    return tuple(criterion.strip() for criterion in criteria if criterion.strip())


def _arguments(proposed: ProposedCheck) -> dict[str, JsonValue]:
    parsed = json.loads(proposed.arguments or "{}")
    if not isinstance(parsed, dict):
        raise ValueError("it must begin with { and end with }")
    return parsed
