"""Whether the service lives, whether it can be used, and what of it does not work."""

from typing import Any

from fastapi import APIRouter

from api.dependencies import Reader, TheDoctor
from api.services.health import Health, Ready

router = APIRouter(prefix="/v1/health", tags=["health"])
OPEN: dict[str, Any] = {"security": []}
"""For the OpenAPI document: no key is needed."""


@router.get("/live", openapi_extra=OPEN)
async def live() -> Ready:
    """Whether this process answers at all; restart it when it does not."""
    return Ready()


@router.get("/ready", openapi_extra=OPEN)
async def ready(doctor: TheDoctor) -> Ready:
    """Whether Postgres and Temporal answer too; send no requests here while they do not (503)."""
    return await doctor.require_ready()


@router.get("")
async def health(caller: Reader, doctor: TheDoctor) -> Health:
    """The state of each part: Postgres, Temporal, hosts that poll for work, and this process."""
    return await doctor.examine()
