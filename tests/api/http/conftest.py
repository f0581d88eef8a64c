"""One service for all tests of the front door; its host is the one of `objectives`."""

from collections.abc import Iterator

import pytest

from tests.objectives import Objectives
from tests.service import Service
from worker.embedded.stack import Addresses


@pytest.fixture(scope="session")
def service(objectives: Objectives, addresses: Addresses) -> Iterator[Service]:
    """With the tests' namespace, and the artifacts of the tests' host."""
    many = 100_000  # of those that are wrong on purpose
    with Service(objectives.engine, addresses.temporal_address, objectives.folder, failures_per_minute=many) as served:
        yield served
