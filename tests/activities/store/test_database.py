from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, text
from sqlalchemy.dialects.postgresql.base import ischema_names

from activities.store import database, tables
from worker.embedded.stack import Addresses


@pytest.fixture
def empty(addresses: Addresses, engine: Engine) -> Iterator[str]:
    """The URL of a database with nothing in it."""
    name = f"empty_{uuid4().hex[:8]}"
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield engine.url.set(database=name).render_as_string(hide_password=False)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


def migrate(url: str) -> None:
    engine = database.connect(url, pool_size=1)
    try:
        database.migrate(engine)
    finally:
        engine.dispose()


@pytest.fixture(autouse=True)
def known_to_inspection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ischema_names, "xid8", tables.TransactionId)


def test_several_processes_that_start_at_once_migrate_once(empty: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(migrate, [empty] * 6))
    engine = database.connect(empty)
    try:
        assert set(tables.metadata.tables) < set(inspect(engine).get_table_names())
        with engine.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
    finally:
        engine.dispose()


def test_a_database_of_a_newer_version_is_left_alone(empty: str) -> None:
    migrate(empty)
    engine = database.connect(empty)
    try:
        with engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(database.NewerDatabase, match="newer botted"):
            database.migrate(engine)
    finally:
        engine.dispose()


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_any_common_form_of_the_address_works(scheme: str) -> None:
    assert database.with_driver(f"{scheme}://a@b/c") == "postgresql+psycopg://a@b/c"
