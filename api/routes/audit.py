"""Who changed what through the door."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.dependencies import Administrator, TheAudit
from api.services.audit import AuditPage

router = APIRouter(prefix="/v1/audit", tags=["audit"])


@router.get("")
def list_audit(
    caller: Administrator,
    audit: TheAudit,
    cursor: Annotated[str, Query(max_length=20, description="`next` of the page before")] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> AuditPage:
    """Changes that were asked for in your tenant, refused ones too, the newest first."""
    return audit.page(caller.tenant, cursor=cursor, limit=limit)
