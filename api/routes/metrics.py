"""Figures for Prometheus."""

from ipaddress import ip_address
from typing import Any

from fastapi import APIRouter, Request, Response

from api.auth.principal import Right
from api.dependencies import Guard, TheHouse, TheMetrics
from api.house import House

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_TEXT: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}
_reader = Guard(Right.READ)
_OFTEN_OPEN: dict[str, Any] = {"security": [{}, {"bearer": []}, {"apiKey": []}]}
"""For the OpenAPI document: it depends on from where the call comes whether a key is needed."""

router = APIRouter(tags=["metrics"])


@router.get("/metrics", response_class=Response, responses=_TEXT, openapi_extra=_OFTEN_OPEN)
async def metrics(request: Request, house: TheHouse, page: TheMetrics) -> Response:
    """Metrics of this process, of the database, and of Temporal's SDK, in Prometheus' text format.

    From the same machine, or where `api.metrics_public` is set, no key is needed and all tenants are counted; with a
    key that may read, its own tenant is.
    """
    tenant = None if _is_open_to(request, house) else (await _reader(request)).tenant
    return Response(await page.text(tenant), media_type=MEDIA_TYPE)


def _is_open_to(request: Request, house: House) -> bool:
    """Behind a proxy on this machine every caller seems to be on this machine."""
    settings = house.settings.api
    if settings.metrics_public:
        return True
    return not settings.behind_tls_proxy and request.client is not None and _is_loopback(request.client.host)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
