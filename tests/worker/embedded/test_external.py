"""Servers that are configured are used as they are and not started."""

from tests.worker.embedded.conftest import Build
from tests.worker.embedded.house import ELSEWHERE
from worker.embedded import stack

DATABASE = "postgresql://me:word@db.example/botted"


def test_with_both_configured_nothing_is_started(build: Build) -> None:
    house = build(temporal=ELSEWHERE, database=DATABASE)

    with stack.lease(house.settings):
        addresses = house.ensure()

    assert addresses.temporal_address == ELSEWHERE
    assert addresses.database_url == "postgresql+psycopg://me:word@db.example/botted"
    assert not house.folder.path.exists()


def test_with_temporal_configured_only_postgres_and_the_host_are_started(build: Build) -> None:
    house = build(temporal=ELSEWHERE)

    addresses = house.ensure()

    assert addresses.temporal_address == ELSEWHERE
    assert addresses.web_ui is None
    assert set(house.running().parts) == {"postgres", "host"}


def test_with_a_database_configured_only_temporal_and_the_host_are_started(build: Build) -> None:
    house = build(database=DATABASE)

    addresses = house.ensure()

    assert addresses.database_url == "postgresql+psycopg://me:word@db.example/botted"
    assert set(house.running().parts) == {"temporal", "host"}
