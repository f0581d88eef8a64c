"""One real Temporal and one real Postgres per run; everything is stopped at its end, whatever happens."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from temporalio.client import Client

from activities.store import database
from config.settings import Settings, StackSettings
from tests import models, namespaces
from tests.fakes import checks, receivers, tools
from tests.fakes.llm_server import FakeLlm
from tests.objectives import Objectives
from worker.embedded import stack
from worker.embedded.stack import Addresses
from worker.wiring import build_host

for name in [name for name in os.environ if name.startswith(("OPENAI_", "ANTHROPIC_", "GEMINI_"))]:
    del os.environ[name]  # no test asks a developer's own provider


SLOW = ("tests/e2e/", "tests/worker/embedded/", "tests/workflows/", "tests/api/")
"""In this order, and first: what is quick fills the time that is left while the last slow one runs."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: next((n for n, path in enumerate(SLOW) if item.nodeid.startswith(path)), len(SLOW)))


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(data_dir=tmp_path_factory.mktemp("stack") / "data", stack=StackSettings(linger_seconds=60))


@pytest.fixture(scope="session")
def addresses(settings: Settings) -> Iterator[Addresses]:
    try:
        with stack.lease(settings):
            yield stack.ensure(settings)
    finally:
        stack.stop(settings)


@pytest.fixture(scope="session")
def engine(addresses: Addresses) -> Iterator[Engine]:
    engine = database.connect(addresses.database_url, pool_size=20)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
async def client(addresses: Addresses) -> Client:
    return await namespaces.connect(addresses.temporal_address)


@pytest.fixture(scope="session")
def llm() -> Iterator[FakeLlm]:
    """A provider of models whose answers tests choose: set its `responder`."""
    with FakeLlm().serving() as served:
        yield served


@pytest.fixture(scope="session")
async def objectives(
    client: Client, engine: Engine, llm: FakeLlm, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Objectives]:
    """A host in this process with tools, checks and models whose behaviour tests choose."""
    folder: Path = tmp_path_factory.mktemp("host")
    known = models.known(llm.base_url)
    host = build_host(
        client,
        engine,
        folder,
        tools=tools.TOOLS,
        checks=checks.CHECKS,
        models=known,
        channels=receivers.channels(),
        max_concurrent_steps=20,
    )
    async with host:
        yield Objectives(client, engine, folder)
