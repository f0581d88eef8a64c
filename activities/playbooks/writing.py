"""A plan as YAML that people edit: compiled again, it gives the same tasks."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import yaml
from pydantic import JsonValue
from typing_extensions import override

from activities.playbooks.schema import InputType
from workflows.domain.budget import Budget
from workflows.domain.plan import AcceptanceCheck, Plan, ReviewPolicy, Step, Task


def to_yaml(plan: Plan) -> str:
    """`inputs` and `tasks`, and of the result `checks` and `criteria`, as `document.parse_plan` reads them.

    What was rendered when the plan was made is literal in it; what is rendered when a step runs stays a template.
    """
    content = {
        "inputs": {name: _input(value) for name, value in plan.inputs.items()},
        "tasks": [_task(task) for task in plan.tasks],
        "checks": _checks(plan.checks),
        "criteria": list(plan.criteria),
    }
    return dump(_filled(content))


def dump(content: Mapping[str, Any]) -> str:
    """As YAML that reads back the same, whatever the texts in it."""
    return yaml.dump(dict(content), Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=100)


def _task(task: Task) -> dict[str, Any]:
    return _filled(
        {
            "id": task.id,
            "title": _literal(task.title),
            "needs": list(task.needs),
            "for_each": {name: [_literal_within(value)] for name, value in task.bindings.items()},
            "capability": task.capability if task.capability != _CAPABILITY else "",
            "steps": [_step(step) for step in task.steps],
            "work": _work(task),
            "checks": _checks(task.checks),
            "criteria": [_literal(criterion) for criterion in task.criteria],
            "review": _changed(task.review),
            "budget": _changed(task.budget),
            "deliverables": [_literal(name) for name in task.deliverables],
        }
    )


def _work(task: Task) -> dict[str, Any]:
    brief = task.brief
    if brief is None:
        return {}
    return _filled(
        {
            "instructions": _literal(brief.instructions),
            "tools": list(brief.tools),
            "max_turns": brief.max_turns,
            "as_objective": brief.as_objective,
        }
    )


def _step(step: Step) -> dict[str, Any]:
    title = _literal(step.title) if step.title != step.tool else ""
    return _filled({"id": step.id, "tool": step.tool, "title": title, "with": step.arguments})


def _checks(checks: Iterable[AcceptanceCheck]) -> list[dict[str, Any]]:
    return [_filled({"check": check.check, "with": check.arguments}) for check in checks]


def _input(value: JsonValue) -> dict[str, Any]:
    """Declared with its value as the default, so that it need not be given again."""
    match value:
        case bool():
            kind = InputType.BOOLEAN
        case int():
            kind = InputType.INTEGER
        case float():
            kind = InputType.NUMBER
        case list():
            kind = InputType.LIST
        case _:
            kind = InputType.STRING
    return {"type": str(kind), "default": value}


def _changed(settings: ReviewPolicy | Budget) -> dict[str, Any]:
    return settings.model_dump(mode="json", exclude_defaults=True)


def _filled(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in ("", [], {}, False)}


def _literal(text: str) -> str:
    """Text that looks like a template, as a template that renders to it."""
    if "{{" not in text and "{%" not in text:
        return text
    return "{{ " + json.dumps(text, ensure_ascii=False) + " }}"


def _literal_within(value: JsonValue) -> JsonValue:
    match value:
        case str():
            return _literal(value)
        case list():
            return [_literal_within(item) for item in value]
        case dict():
            return {key: _literal_within(item) for key, item in value.items()}
        case _:
            return value


_CAPABILITY: str = Task.model_fields["capability"].default


class _Dumper(yaml.SafeDumper):
    """Without anchors, which plans may not have, and with texts of several lines as people write them."""

    @override
    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = "|" if "\n" in text else None
    if not text.replace("\n", "").isprintable():
        style = '"'  # escapes all that PyYAML would lose otherwise, such as U+0085
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
