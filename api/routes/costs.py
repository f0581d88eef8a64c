"""What models cost."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from api.dependencies import Reader, TheHouse
from api.routes.objectives import Cursor, ObjectiveId
from api.services.costs import CostPage, Costs, CostsBy

router = APIRouter(prefix="/v1", tags=["costs"])
Limit = Annotated[int, Query(ge=1, le=1000)]


async def costs_of(house: TheHouse) -> Costs:
    return Costs(house)


TheCosts = Annotated[Costs, Depends(costs_of)]


@router.get("/objectives/{objective_id}/costs", summary="What an objective has cost")
def of_objective(
    objective_id: ObjectiveId,
    caller: Reader,
    costs: TheCosts,
    by: Annotated[CostsBy, Query(description="what to sum by")] = CostsBy.TASK,
    cursor: Cursor = "",
    limit: Limit = 200,
) -> CostPage:
    """What was answered, with the objectives below it; calls that are under way are not in it. Money in US dollars."""
    return costs.of_objective(caller.tenant, objective_id, by, cursor, limit)


@router.get("/costs", summary="What all objectives have cost")
def of_tenant(
    caller: Reader,
    costs: TheCosts,
    by: Annotated[CostsBy, Query(description="what to sum by")] = CostsBy.OBJECTIVE,
    cursor: Cursor = "",
    limit: Limit = 200,
) -> CostPage:
    """Of your tenant."""
    return costs.of_tenant(caller.tenant, by, cursor, limit)
