"""The tasks of an objective: how each stands, what may start, and what a change of mind sets in motion again."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from workflows.domain.order import TaskProgress
from workflows.domain.outcome import TaskOutcome, TaskState
from workflows.domain.plan import TaskOutline

ON_ANOTHER_BASE = "What this task builds on is done again; do it on what is there now."


class Graph:
    """Knows nothing of time, people or Temporal. What it is told by name must exist: ask `has` first."""

    def __init__(self) -> None:
        self.tasks: dict[str, TaskOutline] = {}
        self.states: dict[str, TaskState] = {}
        self.outcomes: dict[str, TaskOutcome] = {}
        self.again: dict[str, TaskProgress] = {}
        """Where tasks that are done again begin."""
        self.running: set[str] = set()
        self.version = 0
        """Counts what people and planners changed; tasks that end do not count."""

    def restore(self, outcomes: Iterable[TaskOutcome], again: Mapping[str, TaskProgress]) -> None:
        self.outcomes = {outcome.task_id: outcome for outcome in outcomes}
        self.again = dict(again)

    def take_over(self, tasks: Iterable[TaskOutline], *, anew: bool) -> None:
        """This plan counts from here on. What is settled or running stays; `anew`: what failed begins again."""
        self.version += 1
        before, self.tasks = self.outcomes, {task.id: task for task in tasks}
        self.outcomes = {}
        for task_id, outcome in before.items():
            if task_id not in self.tasks:
                continue
            if outcome.settled or not anew:
                self.outcomes[task_id] = outcome
            else:
                self._begin_again(task_id, outcome, outcome.reason)
        self.states = {task_id: self._state(task_id) for task_id in self.tasks}

    def has(self, task_id: str) -> bool:
        return task_id in self.tasks

    def settled(self, task_id: str) -> bool:
        return task_id in self.outcomes and self.outcomes[task_id].settled

    def approved(self, task_id: str) -> bool:
        return task_id in self.outcomes and self.outcomes[task_id].approved

    def unsettled(self) -> list[str]:
        return [task_id for task_id in self.tasks if not self.settled(task_id)]

    def skipped(self) -> dict[str, str]:
        """Task → why a person goes on without it."""
        skipped = (outcome for outcome in self.outcomes.values() if outcome.state is TaskState.SKIPPED)
        return {outcome.task_id: outcome.reason for outcome in skipped}

    def startable(self) -> list[TaskOutline]:
        return [
            task
            for task in self.tasks.values()
            if task.id not in self.outcomes and task.id not in self.running and all(map(self.settled, task.needs))
        ]

    def start(self, task_id: str) -> TaskProgress:
        self.running.add(task_id)
        self.states[task_id] = TaskState.WORKING
        return self.again.pop(task_id, TaskProgress())

    def record(self, outcome: TaskOutcome) -> None:
        self.running.discard(outcome.task_id)
        self.outcomes[outcome.task_id] = outcome
        self.states[outcome.task_id] = outcome.state

    def block_the_rest(self) -> None:
        """Nothing runs: what has not started never will, unless somebody changes something."""
        for task in self.tasks.values():
            if task.id not in self.outcomes:
                missing = next(need for need in task.needs if not self.settled(need))
                reason = f"needs {missing!r}, which was not approved"
                self.record(TaskOutcome(task_id=task.id, state=TaskState.BLOCKED, reason=reason))

    def ends(self) -> list[str]:
        """The tasks that no other builds on."""
        needed = {need for task in self.tasks.values() for need in task.needs}
        return [task_id for task_id in self.tasks if task_id not in needed]

    def builders_on(self, task_ids: Collection[str]) -> list[str]:
        """The tasks that build on these, directly or not, in the plan's order; without these themselves."""
        found = set(task_ids)
        grew = True
        while grew:
            more = {
                task.id for task in self.tasks.values() if task.id not in found and not found.isdisjoint(task.needs)
            }
            found |= more
            grew = bool(more)
        return [task_id for task_id in self.tasks if task_id in found and task_id not in task_ids]

    def redo(self, task_ids: Sequence[str], feedback: str) -> dict[str, int]:
        """Opens these again, and what builds on them. Gives the attempt of each that no longer counts.

        What a person skipped stays skipped, unless it is named.
        """
        self.version += 1
        reopened: dict[str, int] = {}
        builders = (task for task in self.builders_on(task_ids) if self.states[task] is not TaskState.SKIPPED)
        for task_id in (*task_ids, *builders):
            outcome = self.outcomes.pop(task_id, None)
            if outcome is not None:
                reopened[task_id] = outcome.attempt
                self._begin_again(task_id, outcome, feedback if task_id in task_ids else ON_ANOTHER_BASE)
                self.states[task_id] = TaskState.WAITING
        return reopened

    def skip(self, task_id: str, reason: str) -> None:
        """Goes on without it: what was blocked for want of it may start."""
        self.version += 1
        self.record(TaskOutcome(task_id=task_id, state=TaskState.SKIPPED, reason=reason[:600]))
        self.again.pop(task_id, None)
        for builder in self.builders_on([task_id]):
            if self.states[builder] is TaskState.BLOCKED:
                del self.outcomes[builder]
                self.states[builder] = TaskState.WAITING

    def incomplete(self, task_ids: Collection[str]) -> str:
        """Which of these could not be done if they alone were to run; empty: none."""
        for task_id in task_ids:
            for need in self.tasks[task_id].needs:
                if need not in task_ids and not self.settled(need):
                    return f"{task_id!r} needs {need!r}, which is not among them"
        return ""

    def _begin_again(self, task_id: str, outcome: TaskOutcome, feedback: str) -> None:
        if outcome.attempt:
            attempt = outcome.attempt + 1
            self.again[task_id] = TaskProgress(attempt=attempt, first=attempt, feedback=feedback)

    def _state(self, task_id: str) -> TaskState:
        if task_id in self.running:
            return self.states[task_id]
        return self.outcomes[task_id].state if task_id in self.outcomes else TaskState.WAITING
