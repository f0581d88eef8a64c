"""What the service works with, made once at its door and handed down."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from sqlalchemy import Engine
from temporalio.client import Client
from temporalio.runtime import Runtime

from activities.catalogue import catalogue
from activities.playbooks.compiler import Catalogue
from activities.store import database
from activities.store.artifacts import ArtifactStore
from activities.store.objectives import ObjectiveStore
from api import temporal
from api.services.views import Views
from config.settings import Settings

POOL = 20
"""Connections to Postgres; requests are answered by at most twice as many threads."""
PATIENCE = 5
"""Seconds, for a connection to Postgres: a new one, or one of the pool."""


@dataclass(frozen=True)
class House:
    settings: Settings
    engine: Engine
    temporal: Client
    """Connects when it is first used: the service answers reads also while Temporal is down."""
    objectives: ObjectiveStore
    artifacts: ArtifactStore
    sdk_metrics: str = ""
    """Where Temporal's SDK in this process tells its own metrics; empty: nowhere."""
    catalogue: Catalogue = field(default_factory=catalogue)
    """The tools and checks that playbooks may name."""
    views: Views = field(default_factory=Views)


@asynccontextmanager
async def open_house(
    settings: Settings,
    database_url: str,
    address: str,
    *,
    runtime: Runtime | None = None,
    sdk_metrics: str = "",
    tools_and_checks: Catalogue | None = None,
) -> AsyncIterator[House]:
    """Neither Postgres nor Temporal (at `address`, host:port) has to answer yet."""
    engine = database.connect(
        database_url, pool_size=POOL, ping=True, patience=PATIENCE, statement_seconds=settings.api.request_seconds
    )
    try:
        yield House(
            settings=settings,
            engine=engine,
            temporal=await temporal.connect(address, settings.temporal.namespace, runtime),
            objectives=ObjectiveStore(engine),
            artifacts=ArtifactStore(engine, settings.folder),
            sdk_metrics=sdk_metrics,
            catalogue=tools_and_checks or catalogue(),
        )
    finally:
        engine.dispose()
