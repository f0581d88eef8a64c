"""What a planner is told: what is always the same first, then what there is, then what is asked for."""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel

from activities.llm.schemas import plain_schema
from activities.playbooks.compiler import Catalogue
from activities.prompts.library import sections
from activities.store.lessons import Lesson
from activities.turns.brief import quoted
from workflows.domain.objective import Objective
from workflows.domain.plan import Plan, Task


def resources(catalogue: Catalogue, descriptions: Mapping[str, str], capabilities: Mapping[str, Sequence[str]]) -> str:
    """Capabilities, tools and checks: the same for every objective of a host."""
    return sections(
        capabilities="\n".join(f"- {name}: {', '.join(tools)}" for name, tools in sorted(capabilities.items())),
        tools="\n".join(f"- {name}: {descriptions.get(name, '')}" for name in sorted(catalogue.tools)),
        checks="\n".join(
            f"- {name}: {descriptions.get(name, '')} Arguments: {_arguments(model)}"
            for name, model in sorted(catalogue.checks.items())
        ),
    )


def request(objective: Objective, files: Mapping[str, str], lessons: Sequence[Lesson], salt: str) -> str:
    return sections(
        files=quoted(files, salt) or "none",
        lessons_from_earlier_work=quoted({f"lesson {lesson.id}": lesson.text for lesson in lessons}, salt),
        objective=objective.text,
    )


def replan(
    before: Plan,
    kept: Sequence[Task],
    failed: Mapping[str, str],
    handoffs: Mapping[str, str],
    salt: str,
    instructions: str = "",
) -> str:
    """What a new plan has to know of the old one: what stays, what failed and why, or what a person wants changed."""
    if instructions:
        return _change(before, kept, handoffs, salt, instructions)
    done = [f"- {task.id}: {task.title}; made {', '.join(task.deliverables)}" for task in kept]
    lost = [f"- {task.id}: {task.title}" for task in before.tasks if task.id in failed]
    return sections(
        the_plan_before=(
            "It did not get to its end. The tasks that were approved stay and are not done again: new tasks may "
            "need them. Plan only what is missing, in another way, and give every new task a new id."
        ),
        approved_tasks="\n".join(done) or "none",
        tasks_that_were_not_approved="\n".join(lost),
        why=quoted({f"review of {task_id}": reason for task_id, reason in failed.items() if reason}, salt),
        what_approved_tasks_handed_over=quoted({f"handoff of {name}": text for name, text in handoffs.items()}, salt),
    )


def _change(before: Plan, kept: Sequence[Task], handoffs: Mapping[str, str], salt: str, instructions: str) -> str:
    tasks = [
        f"- {task.id}: {task.title}; needs {', '.join(task.needs) or 'nothing'}; {_told(task)}" for task in before.tasks
    ]
    return sections(
        the_plan_before=(
            "A person looked at it and wants it changed as they say below. Answer with the whole plan, changed. Tasks "
            "that were approved stay as they are and are not done again: leave them out, new tasks may need them."
        ),
        its_tasks="\n".join(tasks),
        approved_tasks="\n".join(f"- {task.id}: {task.title}" for task in kept) or "none",
        what_approved_tasks_handed_over=quoted({f"handoff of {name}": text for name, text in handoffs.items()}, salt),
        what_the_person_wants=instructions,
    )


def _told(task: Task) -> str:
    return task.brief.instructions[:1000] if task.brief else f"steps: {', '.join(step.tool for step in task.steps)}"


def _arguments(model: type[BaseModel]) -> str:
    """Name, type and meaning of each, without the weight of a whole schema."""
    properties = plain_schema(model).get("properties")
    told = []
    for name, schema in properties.items() if isinstance(properties, dict) else ():
        field = schema if isinstance(schema, dict) else {}
        required = "" if model.model_fields[name].is_required() else ", optional"
        meaning = f": {field['description']}" if field.get("description") else ""
        told.append(f"{name} ({field.get('type', 'any')}{required}){meaning}")
    return "; ".join(told)
