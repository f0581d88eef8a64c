"""A service that runs for all tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.api.live.journalist import Journalist
from tests.service import Service
from worker.embedded.stack import Addresses


@pytest.fixture(scope="session")
def live_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("live")


@pytest.fixture(scope="session")
def live(engine: Engine, addresses: Addresses, live_folder: Path) -> Iterator[Service]:
    with Service(engine, addresses.temporal_address, live_folder) as served:
        yield served


@pytest.fixture
def journalist(engine: Engine) -> Journalist:
    return Journalist(engine)
