"""Asking for objectives, and looking at them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from api.dependencies import Reader, Runner, TheHouse
from api.services import cursors
from api.services.creation import Creation, NewObjective
from api.services.objectives import (
    JournalPage,
    ObjectiveCreated,
    ObjectivePage,
    ObjectiveQuery,
    Objectives,
    ObjectiveShown,
    VerdictPage,
)
from api.services.plan_texts import PlanInFull, PlanTexts

router = APIRouter(prefix="/v1/objectives", tags=["objectives"])

ObjectiveId = Annotated[str, Path(max_length=64, examples=["what-drives-delays-k3x9aa"])]
Cursor = Annotated[cursors.Cursor, Query()]
Limit = Annotated[int, Query(ge=1, le=200)]
YAML = "application/yaml"
_YAML_TYPES = frozenset({YAML, "application/x-yaml", "text/yaml", "text/x-yaml"})


async def objectives_of(house: TheHouse) -> Objectives:
    return Objectives(house)


TheObjectives = Annotated[Objectives, Depends(objectives_of)]


@router.post(
    "",
    status_code=201,
    summary="Ask for an objective",
    responses={
        200: {"model": ObjectiveCreated, "description": "It was asked for before, under the same Idempotency-Key."}
    },
)
async def create(
    new: NewObjective,
    caller: Runner,
    house: TheHouse,
    response: Response,
    idempotency_key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=255,
            description="makes it count once, however often it is sent",
        ),
    ] = None,
) -> ObjectiveCreated:
    """It starts at once. Everything is checked before; what is wrong is told with the names of the fields.

    Send an Idempotency-Key: a request that is sent again with it, after whatever went wrong, is answered with the
    objective that it began. With another body it is refused.
    """
    created = await Creation(house).create(new, caller, idempotency_key)
    response.headers["Location"] = f"/v1/objectives/{created.objective_id}"
    if created.replayed:
        response.status_code = 200
        response.headers["Idempotency-Replayed"] = "true"
    return await Objectives(house).created(caller.tenant, created.objective_id, created.warnings)


@router.get("", summary="All objectives, the newest first")
def search(caller: Reader, objectives: TheObjectives, query: Annotated[ObjectiveQuery, Query()]) -> ObjectivePage:
    """What is asked for while somebody leafs through the pages is not in them, and nothing is in them twice."""
    return objectives.page(caller.tenant, query)


@router.get("/{objective_id}", summary="One objective as it is now")
def get(objective_id: ObjectiveId, caller: Reader, objectives: TheObjectives) -> ObjectiveShown:
    """What was asked for, where it is, what waits for a person, what it has cost, and its result."""
    return objectives.get(caller.tenant, objective_id)


@router.get(
    "/{objective_id}/plan",
    summary="Its plan, in full",
    response_model=PlanInFull,
    responses={
        200: {
            "content": {YAML: {"schema": {"type": "string"}, "example": "# plan 3f1c…\ntasks:\n- id: report\n  …\n"}}
        },
        304: {"description": "It is still the one of If-None-Match."},
    },
)
def plan(objective_id: ObjectiveId, caller: Reader, house: TheHouse, request: Request) -> Response:
    """As JSON, or with `Accept: application/yaml` in the form that `revise-plan` takes, to be edited and sent back.

    Its ETag is its SHA-256, which `revise-plan` asks for.
    """
    texts = PlanTexts(house)
    digest = texts.digest(caller.tenant, objective_id)
    headers = {"ETag": f'"{digest}"', "Vary": "Accept", "Cache-Control": "private, no-cache"}
    if is_fresh(request.headers.get("if-none-match"), digest):
        return Response(status_code=304, headers=headers)
    if _YAML_TYPES & {part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "").split(",")}:
        return Response(texts.as_yaml(digest), media_type=YAML, headers=headers)
    return Response(texts.as_json(digest), media_type="application/json", headers=headers)


@router.get("/{objective_id}/journal", summary="Everything that happened, in order")
def journal(
    objective_id: ObjectiveId,
    caller: Reader,
    objectives: TheObjectives,
    after: Annotated[int, Query(ge=0, lt=1 << 31, description="`seq` of the last entry that is known")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> JournalPage:
    """`/events` has the same live."""
    return objectives.journal(caller.tenant, objective_id, after, limit)


@router.get("/{objective_id}/verdicts", summary="What reviewers decided")
def verdicts(
    objective_id: ObjectiveId, caller: Reader, objectives: TheObjectives, cursor: Cursor = "", limit: Limit = 50
) -> VerdictPage:
    """On the plan, on tasks and on the result, by checks, by models and by people. `report` is an artifact."""
    return objectives.verdicts(caller.tenant, objective_id, cursor, limit)


def is_fresh(if_none_match: str | None, digest: str) -> bool:
    """Whether the caller has it already."""
    if if_none_match is None:
        return False
    known = {part.strip().removeprefix("W/") for part in if_none_match.split(",")}
    return "*" in known or f'"{digest}"' in known
