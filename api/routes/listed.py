"""All routers of the service, in the order of the OpenAPI document."""

from fastapi import APIRouter

from api.routes import (
    approvals,
    artifacts,
    audit,
    costs,
    health,
    keys,
    live,
    metrics,
    objectives,
    playbooks,
    steering,
    tasks,
    uploads,
)

ROUTERS: tuple[APIRouter, ...] = (
    objectives.router,
    tasks.router,
    artifacts.router,
    costs.router,
    steering.router,
    approvals.router,
    uploads.router,
    playbooks.router,
    keys.router,
    audit.router,
    health.router,
    metrics.router,
    live.router,
)
