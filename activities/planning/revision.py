"""A plan that a person wrote or edited, weighed against what is done already."""

from collections.abc import Collection, Iterator

import yaml

from activities.playbooks.compiler import Catalogue, Given, acceptance, compile_tasks
from activities.playbooks.document import PlaybookError, parse_plan
from activities.playbooks.inputs import typed_inputs
from activities.playbooks.places import LOADER
from activities.playbooks.writing import dump, to_yaml
from workflows.domain.plan import Plan


def revised(
    before: Plan, text: str, source: str, *, by: str, given: Given, catalogue: Catalogue, taken: Collection[str]
) -> Plan:
    """The plan that `text` says. `taken` are ids of tasks of earlier plans. Raises PlaybookError."""
    document, _ = parse_plan(text, source, given.text)
    inputs = {**given.inputs, **typed_inputs(document, {})}
    tasks = compile_tasks(document, catalogue, given.model_copy(update={"inputs": inputs}))
    there = {task.id for task in before.tasks}
    reused = [task.id for task in tasks if task.id in taken and task.id not in there]
    if reused:
        raise PlaybookError(
            [f"the task id {task_id!r} belongs to a task of an earlier plan; give it another" for task_id in reused]
        )
    return Plan(
        objective_id=before.objective_id,
        playbook=f"{by}, by hand",
        tasks=tasks,
        checks=acceptance(document.playbook.checks),
        criteria=document.playbook.criteria,
        inputs=inputs,
    )


def with_added(before: Plan, text: str, source: str) -> str:
    """The YAML of the plan with the tasks of `text` at its end. Raises PlaybookError."""
    parse_plan(text, source, "tasks to add")  # where something is wrong, with its line
    added = yaml.load(text, Loader=LOADER)
    whole = yaml.load(to_yaml(before), Loader=LOADER)
    return dump({**whole, "tasks": [*whole["tasks"], *added["tasks"]]})


def faults_in_fixed(before: Plan, after: Plan, fixed: Collection[str]) -> Iterator[str]:
    """What was changed although it is approved, skipped or being worked on."""
    kept = {task.id: task for task in after.tasks}
    for task in before.tasks:
        if task.id not in fixed:
            continue
        if task.id not in kept:
            yield f"the task {task.id!r} is done or being worked on, so it cannot be left out"
        elif kept[task.id] != task:
            changed = [name for name in type(task).model_fields if getattr(kept[task.id], name) != getattr(task, name)]
            yield f"the task {task.id!r} is done or being worked on; its {', '.join(changed)} cannot change any more"
