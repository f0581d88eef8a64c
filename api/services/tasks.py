"""The tasks of an objective, folded from its journal, and what was done for each."""

from datetime import datetime

from pydantic import Field, TypeAdapter

from activities.store import work_pages
from activities.store.work_pages import ArtifactShown, StepShown, VerdictShown
from api.errors import NotFound
from api.house import House
from api.services import cursors
from api.services.objectives import Objectives
from api.services.pages import MOST_IN_PAGE, Page
from api.services.plan_texts import PlanTexts
from api.services.task_view import TaskView
from api.services.view import ObjectiveView
from workflows.domain.model import Model
from workflows.domain.outcome import TaskState
from workflows.domain.plan import Task, TaskKind

_PLACE: TypeAdapter[work_pages.Place] = TypeAdapter(work_pages.Place)


class TaskShown(Model):
    """A task as it is now."""

    id: str = Field(examples=["trends-flights"])
    title: str
    kind: TaskKind
    needs: tuple[str, ...]
    depth: int = Field(description="the longest way to it through what it needs")
    state: TaskState
    attempt: int = Field(description="0: it has not begun")
    max_attempts: int
    steps: int = Field(description="how many it has; for a worker with a model, the most turns")
    steps_done: int
    turn: int
    doing: str = Field(description="what is being done right now")
    fraction: float | None = Field(description="of the step that runs, if it tells")
    worker: str = Field(description="whom a person chose for it")
    feedback: str = Field(description="why it was not approved, or what its last step failed of")
    started_at: datetime | None
    ended_at: datetime | None
    replaced: bool = Field(False, description="it is of an earlier plan, and in no plan any more")


class TaskList(Model):
    """All tasks of the plan in its order; then those of earlier plans."""

    items: tuple[TaskShown, ...]


class TaskInDetail(TaskShown):
    task: Task | None = Field(description="as the plan has it; null for a task of an earlier plan")
    verdicts: tuple[VerdictShown, ...]
    artifacts: tuple[ArtifactShown, ...]


class StepPage(Page[StepShown]):
    """By attempt, then in the order in which they began."""


class Tasks:
    def __init__(self, house: House) -> None:
        self._house = house
        self._objectives = Objectives(house)

    def all(self, tenant: str, objective_id: str) -> TaskList:
        with (
            self._objectives.reading(tenant, objective_id) as connection,
            self._house.views.look(connection, objective_id) as view,
        ):
            present = [_shown(task) for task in view.tasks.values()]
            return TaskList(items=(*present, *(_shown(task, replaced=True) for task in view.replaced.values())))

    def get(self, tenant: str, objective_id: str, task_id: str) -> TaskInDetail:
        with self._objectives.reading(tenant, objective_id) as connection:
            with self._house.views.look(connection, objective_id) as view:
                shown = _find(view, task_id)
            verdicts = work_pages.verdicts_of(
                connection, tenant, objective_id, task_id=task_id, after=0, limit=MOST_IN_PAGE
            )
            artifacts = work_pages.files_of(
                connection, tenant, objective_id, task_id=task_id, delivered=None, after=0, limit=MOST_IN_PAGE
            )
        planned = None if shown.replaced else self._planned(tenant, objective_id, task_id)
        return TaskInDetail(
            **dict(shown),
            task=planned,
            verdicts=tuple(verdict for _, verdict in verdicts),
            artifacts=tuple(made for _, made in artifacts),
        )

    def steps(self, tenant: str, objective_id: str, task_id: str, cursor: str, limit: int) -> StepPage:
        after = cursors.read(cursor, _PLACE)
        with self._objectives.reading(tenant, objective_id) as connection:
            with self._house.views.look(connection, objective_id) as view:
                _find(view, task_id)
            rows = work_pages.steps_of(connection, tenant, objective_id, task_id, after=after, limit=limit + 1)
        more = cursors.write(rows[limit - 1][0], _PLACE) if len(rows) > limit else None
        return StepPage(items=tuple(step for _, step in rows[:limit]), next=more)

    def _planned(self, tenant: str, objective_id: str, task_id: str) -> Task | None:
        texts = PlanTexts(self._house)
        plan = texts.parsed(texts.digest(tenant, objective_id))
        return next((task for task in plan.tasks if task.id == task_id), None)


def _find(view: ObjectiveView, task_id: str) -> TaskShown:
    if task_id in view.tasks:
        return _shown(view.tasks[task_id])
    if task_id in view.replaced:
        return _shown(view.replaced[task_id], replaced=True)
    raise NotFound(f"the objective has no task {task_id[:80]!r}")


def _shown(task: TaskView, *, replaced: bool = False) -> TaskShown:
    return TaskShown(
        id=task.id,
        title=task.title,
        kind=TaskKind(task.kind),
        needs=task.needs,
        depth=task.depth,
        state=task.state,
        attempt=task.attempt,
        max_attempts=task.max_attempts,
        steps=task.steps,
        steps_done=task.steps_done,
        turn=task.turn,
        doing=task.doing,
        fraction=task.fraction,
        worker=task.worker,
        feedback=task.feedback,
        started_at=task.started,
        ended_at=task.ended,
        replaced=replaced,
    )
