"""The tasks of an objective."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from api.dependencies import Reader, TheHouse
from api.routes.objectives import Cursor, Limit, ObjectiveId
from api.services.tasks import StepPage, TaskInDetail, TaskList, Tasks

router = APIRouter(prefix="/v1/objectives/{objective_id}/tasks", tags=["tasks"])
TaskId = Annotated[str, Path(max_length=64, examples=["trends-flights"])]


async def tasks_of(house: TheHouse) -> Tasks:
    return Tasks(house)


TheTasks = Annotated[Tasks, Depends(tasks_of)]


@router.get("", summary="All tasks, with their states")
def all_tasks(objective_id: ObjectiveId, caller: Reader, tasks: TheTasks) -> TaskList:
    """In the plan's order; then those of earlier plans that are in no plan any more."""
    return tasks.all(caller.tenant, objective_id)


@router.get("/{task_id}", summary="One task, with its verdicts and artifacts")
def get(objective_id: ObjectiveId, task_id: TaskId, caller: Reader, tasks: TheTasks) -> TaskInDetail:
    """And what it is to do, as the plan has it."""
    return tasks.get(caller.tenant, objective_id, task_id)


@router.get("/{task_id}/steps", summary="What was done for a task")
def steps(
    objective_id: ObjectiveId,
    task_id: TaskId,
    caller: Reader,
    tasks: TheTasks,
    cursor: Cursor = "",
    limit: Limit = 50,
) -> StepPage:
    """Steps of all attempts, and the calls of a model's turns: by which tool, on which host, and what came of it."""
    return tasks.steps(caller.tenant, objective_id, task_id, cursor, limit)
