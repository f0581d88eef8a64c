"""What a worker is told before its first turn, and how things stand before each."""

import json
from collections.abc import Mapping, Sequence

from activities.llm.sanitising import as_data
from activities.prompts.library import sections
from activities.store.lessons import Lesson
from activities.store.work import StepDone
from activities.turns.control import RECALL, Turn
from workflows.domain.artifact import ArtifactRef
from workflows.domain.plan import AcceptanceCheck, Task

MOST_FILES = 60


def opening(
    objective: str,
    task: Task,
    files: Sequence[ArtifactRef],
    handoffs: Mapping[str, str],
    lessons: Sequence[Lesson],
    attempt: int,
    feedback: str,
    salt: str,
) -> str:
    """The same for all turns of an attempt; what attempts share comes first."""
    assert task.brief is not None
    return sections(
        objective=objective,
        your_task=f"{task.title}\n\n{task.brief.instructions}",
        artifacts_to_make="\n".join(f"- {name}" for name in task.deliverables),
        acceptance=acceptance(task.checks, task.criteria),
        files="\n".join(f"- {_file(ref)}" for ref in files[:MOST_FILES]) or "none",
        from_earlier_tasks=quoted({f"handoff of {name}": text for name, text in handoffs.items()}, salt),
        lessons_from_earlier_work=quoted({f"lesson {lesson.id}": lesson.text for lesson in lessons}, salt),
        feedback=_feedback(attempt, feedback, salt),
    )


def quoted(texts: Mapping[str, str], salt: str) -> str:
    """Texts by their source, each marked as data."""
    return "\n\n".join(as_data(text, source, salt=salt) for source, text in texts.items())


def acceptance(checks: Sequence[AcceptanceCheck], criteria: Sequence[str]) -> str:
    """Checks are run by machines, criteria judged by verifiers."""
    lines = [f"- check `{check.check}` {json.dumps(check.arguments, ensure_ascii=False)}" for check in checks]
    return "\n".join([*lines, *(f"- {criterion}" for criterion in criteria)])


def closing(
    task: Task, turn: int, made: Sequence[ArtifactRef], turns: Sequence[Turn], done: Mapping[str, StepDone]
) -> str:
    """The done-ledger: it comes last and is not kept, so that everything before it stays the same."""
    assert task.brief is not None
    missing = task.undelivered([ref.name for ref in made])
    left = task.brief.max_turns - turn
    lines = [
        f"Turn {turn} of at most {task.brief.max_turns}.",
        f"Artifacts made so far: {', '.join(ref.name for ref in made) or 'none'}.",
        f"Promised and still missing: {', '.join(missing) or 'nothing'}.",
        f"Done so far: {_done(turns, done) or 'nothing'}.",
    ]
    if left <= 2:
        lines.append("Your turns run out: submit what you have now, or give up." if left < 1 else "Come to an end.")
    return sections(where_you_stand="\n".join(lines))


def _done(turns: Sequence[Turn], done: Mapping[str, StepDone]) -> str:
    entries = [
        f"{step.tool} ({'refused' if step.refused else step.summary})"
        for turn in turns
        for n, _ in turn.calls
        if (step := done.get(turn.step_id(n))) is not None and step.tool != RECALL
    ]
    return "; ".join(entries[-12:])


def _file(ref: ArtifactRef) -> str:
    return f"{ref.name} ({ref.media_type}, {ref.size:,} bytes)"


def _feedback(attempt: int, feedback: str, salt: str) -> str:
    if not feedback:
        return ""
    said = as_data(feedback, "review", salt=salt)
    return (
        f"This is attempt {attempt}. The attempt before was not approved; its artifacts are still readable. "
        f"Mend what the review says and keep what was right.\n\n{said}"
    )
