from collections.abc import Iterator

import pytest
from sqlalchemy import delete
from sqlalchemy.engine import Engine

from activities.store.tables import providers
from tests.fakes.llm_server import FakeLlm


@pytest.fixture
def fresh(engine: Engine, llm: FakeLlm) -> Iterator[FakeLlm]:
    """The provider, with every breaker closed and nothing seen yet."""
    with engine.begin() as connection:
        connection.execute(delete(providers))
    llm.requests.clear()
    llm.high_water = 0
    yield llm
    llm.responder = None
