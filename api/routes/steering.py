"""Steering what runs."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.requests import HTTPConnection

from api.dependencies import Runner, Submitter, house_of
from api.services.steering import (
    AddedTasks,
    Advance,
    Assignment,
    Done,
    Helm,
    ModeChange,
    NewLimits,
    NewMessage,
    NewPlan,
    NewSubmission,
    TaskOrder,
)
from workflows.domain.control import Action, ControlReceipt, PlanReceipt, SubmissionReceipt

router = APIRouter(prefix="/v1/objectives/{objective_id}", tags=["steering"])
Id = Annotated[str, Path(max_length=64, examples=["monthly-report-k3x9aa"])]


async def helm_of(connection: HTTPConnection) -> Helm:
    house = house_of(connection)
    return Helm(house.engine, house.artifacts, house.temporal)


TheHelm = Annotated[Helm, Depends(helm_of)]


@router.post("/pause", summary="Start nothing new")
async def pause(principal: Runner, helm: TheHelm, objective_id: Id) -> ControlReceipt:
    """What runs is finished; then it stands still until `resume`, or moves by `advance`."""
    return await helm.control(principal, objective_id, Action.PAUSE)


@router.post("/resume", summary="Go on")
async def resume(principal: Runner, helm: TheHelm, objective_id: Id) -> ControlReceipt:
    return await helm.control(principal, objective_id, Action.RESUME)


@router.post("/advance", summary="While paused: one task, step or turn")
async def advance(principal: Runner, helm: TheHelm, objective_id: Id, body: Advance | None = None) -> ControlReceipt:
    return await helm.control(principal, objective_id, Action.ADVANCE, task=body.task if body else "")


@router.post("/cancel", summary="Stop it for good")
async def cancel(principal: Runner, helm: TheHelm, objective_id: Id) -> Done:
    """What it had finished stays in the journal."""
    return await helm.cancel(principal, objective_id)


@router.post("/mode", summary="Switch between auto and manual")
async def mode(principal: Runner, helm: TheHelm, objective_id: Id, body: ModeChange) -> ControlReceipt:
    return await helm.control(principal, objective_id, Action.SET_MODE, mode=body.mode, oversight=body.oversight)


@router.post("/retry", summary="Do a task again")
async def retry(principal: Runner, helm: TheHelm, objective_id: Id, body: TaskOrder) -> ControlReceipt:
    """With `text` as feedback. What builds on it is done again too; all other tasks stay as they are."""
    return await helm.control(principal, objective_id, Action.RETRY_TASK, task=body.task, text=body.text)


@router.post("/skip", summary="Go on without a task")
async def skip(principal: Runner, helm: TheHelm, objective_id: Id, body: TaskOrder) -> ControlReceipt:
    return await helm.control(principal, objective_id, Action.SKIP_TASK, task=body.task, text=body.text)


@router.post("/cancel-task", summary="Stop a task that runs")
async def cancel_task(principal: Runner, helm: TheHelm, objective_id: Id, body: TaskOrder) -> ControlReceipt:
    return await helm.control(principal, objective_id, Action.CANCEL_TASK, task=body.task, text=body.text)


@router.post("/assign", summary="Say who does a task")
async def assign(principal: Runner, helm: TheHelm, objective_id: Id, body: Assignment) -> ControlReceipt:
    """A model profile, or a person, who then submits the result."""
    return await helm.assign(principal, objective_id, body)


@router.post("/submit", summary="Hand in the result of a task done by hand")
async def submit(principal: Submitter, helm: TheHelm, objective_id: Id, body: NewSubmission) -> SubmissionReceipt:
    """Its files are uploads. It is checked like anybody's work."""
    return await helm.submit(principal, objective_id, body)


@router.post("/revise-plan", summary="Put an edited plan in the place of the present one")
async def revise_plan(principal: Runner, helm: TheHelm, objective_id: Id, body: NewPlan) -> PlanReceipt:
    """Tasks that are done or being worked on must stay as they are."""
    return await helm.revise_plan(principal, objective_id, body)


@router.post("/add-task", summary="Add tasks to the plan")
async def add_task(principal: Runner, helm: TheHelm, objective_id: Id, body: AddedTasks) -> PlanReceipt:
    return await helm.add_tasks(principal, objective_id, body)


@router.post("/message", summary="Tell the worker of a task something")
async def message(principal: Runner, helm: TheHelm, objective_id: Id, body: NewMessage) -> Done:
    """It is in the next turn of the task's model."""
    return await helm.message(principal, objective_id, body)


@router.post("/budget", summary="Set new limits")
async def budget(principal: Runner, helm: TheHelm, objective_id: Id, body: NewLimits) -> Done:
    """What waits for more budget goes on."""
    return await helm.change_limits(principal, objective_id, body)
