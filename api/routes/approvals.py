"""What waits for people, and their decisions."""

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field
from starlette.requests import HTTPConnection

from api.dependencies import Decider, Reader, house_of
from api.services.approvals import (
    ApprovalInDetail,
    ApprovalOffice,
    ApprovalPage,
    DecidedOne,
    NewDecision,
)
from workflows.domain.approval import DecisionReceipt
from workflows.domain.model import Model

router = APIRouter(prefix="/v1/approvals", tags=["approvals"])
Id = Annotated[str, Path(max_length=200, examples=["monthly-report-k3x9aa.plan.1"])]


async def office_of(connection: HTTPConnection) -> ApprovalOffice:
    house = house_of(connection)
    return ApprovalOffice(house.engine, house.artifacts, house.temporal)


TheOffice = Annotated[ApprovalOffice, Depends(office_of)]


class State(StrEnum):
    OPEN = "open"
    APPROVED = "approved"
    REVISE = "revise"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    ANY = "any"


class SeveralDecisions(NewDecision):
    """The same decision on several approvals."""

    approvals: tuple[str, ...] = Field(min_length=1, max_length=100)


class Decided(Model):
    items: tuple[DecidedOne, ...] = Field(description="in the order that was asked for")


@router.get("", summary="What waits for me")
def listed(
    principal: Reader,
    office: TheOffice,
    mine: Annotated[bool, Query(description="only what the caller may decide")] = True,
    state: State = State.OPEN,
    objective: Annotated[str, Query(max_length=64, description="of this objective only")] = "",
    cursor: Annotated[str | None, Query(max_length=300)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> ApprovalPage:
    """Newest first. In `mine` is what names the caller or a role of theirs, or names nobody."""
    return office.listed(
        principal,
        mine=mine,
        state=None if state is State.ANY else str(state),
        objective_id=objective,
        cursor=cursor,
        limit=limit,
    )


@router.post("/decide", summary="Decide on several at once")
async def decide_several(principal: Decider, office: TheOffice, body: SeveralDecisions) -> Decided:
    """One after the other. Each answers for itself: what does not count says why and holds up none of the others."""
    decision = NewDecision.model_validate(body.model_dump(exclude={"approvals"}))
    return Decided(items=await office.decide_several(principal, body.approvals, decision))


@router.get("/{approval_id}", summary="One approval, with what is to be decided")
def get(principal: Reader, office: TheOffice, approval_id: Id) -> ApprovalInDetail:
    return office.get(principal, approval_id)


@router.post("/{approval_id}/decide", summary="Approve, revise with instructions, or deny")
async def decide(principal: Decider, office: TheOffice, approval_id: Id, body: NewDecision) -> DecisionReceipt:
    """The first one that counts wins. What is late, or not the caller's to decide, is refused with the reason."""
    return await office.decide(principal, approval_id, body)
