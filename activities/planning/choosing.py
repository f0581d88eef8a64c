"""Auto or manual: chosen by rules that are stated here and journalled with their reasons."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from workflows.domain.objective import Mode, Objective
from workflows.domain.plan import Plan, TaskKind
from workflows.ports.planner import ModeChoice

COMPLEX = 6
"""Above this, of 10, there is more to decide than a person can follow step by step."""
_WORDS = re.compile(r"\b(automat\w*|autonom\w*|unattended|coordinat\w*)\b", re.IGNORECASE)


class Facts(NamedTuple):
    objective: Objective
    plan: Plan
    verifiers: bool
    """Whether any host has a model that can judge."""


def choose(facts: Facts) -> ModeChoice:
    """What the user prefers wins; then what speaks for a person; then what speaks for none; else manual."""
    preferred = facts.objective.prefers
    if preferred is not None:
        return ModeChoice(mode=preferred, reasons=(f"the user prefers {preferred}",))
    risks = tuple(_risks(facts))
    if risks:
        return ModeChoice(mode=Mode.MANUAL, reasons=risks)
    reliefs = tuple(_reliefs(facts))
    if reliefs:
        return ModeChoice(mode=Mode.AUTO, reasons=reliefs)
    score = complexity(facts.plan)
    return ModeChoice(
        mode=Mode.MANUAL, reasons=(f"complexity {score} of 10: little to approve, and nothing asks for auto",)
    )


def complexity(plan: Plan) -> int:
    """1..10: one for the plan, a half for each task, one for each level that builds on another, one for models."""
    by_models = any(task.kind is not TaskKind.STEPS for task in plan.tasks)
    return min(10, 1 + len(plan.tasks) // 2 + _depth(plan) + by_models)


def _risks(facts: Facts) -> Iterator[str]:
    for task in facts.plan.tasks:
        guards = sorted({str(step.guard) for step in task.steps if step.guard})
        if guards:
            yield f"the task {task.id!r} has steps that are {' and '.join(guards)}"
    unchecked = [task.id for task in facts.plan.tasks if not (task.checks or task.criteria or task.deliverables)]
    if unchecked:
        yield f"nothing verifies {', '.join(unchecked[:5])}: no check, no criterion, no deliverable"
    judged = [task.id for task in facts.plan.tasks if task.criteria]
    if (judged or facts.plan.criteria) and not facts.verifiers:
        yield "there are criteria to judge and no host has a model that could"
    budget = facts.objective.budget
    asks_models = any(task.kind is not TaskKind.STEPS for task in facts.plan.tasks)
    if asks_models and budget.usd is None and budget.tokens is None and budget.turns is None:
        yield "models work on it and no budget limits them"


def _reliefs(facts: Facts) -> Iterator[str]:
    score = complexity(facts.plan)
    if score > COMPLEX:
        yield f"complexity {score} of 10: more than a person can follow step by step"
    word = _WORDS.search(facts.objective.text)
    if word:
        yield f"the objective says {word.group(0)!r}"


def _depth(plan: Plan) -> int:
    """How many tasks the longest chain of needs has, less one. Plans are acyclic."""
    needs = {task.id: task.needs for task in plan.tasks}
    depths: dict[str, int] = {}
    pending = list(needs)
    while pending:
        task_id = pending[-1]
        missing = [need for need in needs[task_id] if need not in depths]
        if missing:
            pending += missing
            continue
        depths[task_id] = max((depths[need] + 1 for need in needs[task_id]), default=0)
        pending.pop()
    return max(depths.values())
