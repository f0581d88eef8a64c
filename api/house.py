"""What the service works with, made once at its door and handed down."""

from dataclasses import dataclass

from sqlalchemy import Engine
from temporalio.client import Client

from activities.store.artifacts import ArtifactStore
from activities.store.objectives import ObjectiveStore
from config.settings import Settings


@dataclass(frozen=True)
class House:
    settings: Settings
    engine: Engine
    temporal: Client
    """Connects when it is first used: the service answers reads also while Temporal is down."""
    objectives: ObjectiveStore
    artifacts: ArtifactStore
