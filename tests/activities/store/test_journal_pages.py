"""The order over all of a tenant's objectives: whatever commits when, a reader by cursor gets each entry once."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from uuid import uuid4

import pytest
from sqlalchemy import Connection, Engine, text

from activities.store import database, journal, journal_pages
from activities.store.journal import Entry
from activities.store.journal_pages import Cursor, PlacedRow
from activities.store.objectives import ObjectiveStore
from workflows.domain.objective import Objective

WRITERS, EACH = 8, 30


@pytest.fixture
def tenant() -> str:
    return f"tenant-{uuid4().hex[:8]}"


def opened(engine: Engine, tenant: str, count: int) -> list[str]:
    ids = [f"pages-{uuid4().hex[:10]}" for _ in range(count)]
    for id_ in ids:
        ObjectiveStore(engine).open(Objective(id=id_, text="A test", tenant=tenant))
    return ids


def append(connection: Connection, objective_id: str, said: str) -> None:
    journal.append(connection, Entry(objective_id=objective_id, kind="test", actor="test", text=said))


class Reader:
    """Pages through everything, as streams do."""

    def __init__(self, engine: Engine, tenant: str) -> None:
        self._engine = database.reading(engine)
        self._tenant = tenant
        self.cursor = Cursor(0, 0)
        self.rows: list[PlacedRow] = []

    def read(self, limit: int = 7) -> int:
        with self._engine.connect() as connection:
            until = journal_pages.horizon(connection, self._tenant)
            rows = journal_pages.page(connection, self._tenant, self.cursor, until, limit=limit)
        self.rows += rows
        self.cursor = rows[-1].cursor if len(rows) == limit else max(self.cursor, until.cursor)
        return len(rows)

    def read_until(self, done: Callable[[], bool], seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while (self.read() or not done()) and time.monotonic() < deadline:
            pass

    @property
    def said(self) -> list[str]:
        return [placed.row.text for placed in self.rows if placed.row.kind == "test"]


def test_each_entry_is_read_once_while_transactions_commit_in_any_order(engine: Engine, tenant: str) -> None:
    ids = opened(engine, tenant, 4)
    finished = threading.Event()

    def write(writer: int) -> list[str]:
        dice = random.Random(writer)
        committed = []
        for n in range(EACH):
            with engine.connect() as connection:
                connection.execute(text("SELECT pg_current_xact_id()"))  # in line before it has anything to say
                time.sleep(dice.random() * 0.02)
                append(connection, dice.choice(ids), f"{writer}.{n}")
                time.sleep(dice.random() * 0.01)
                if dice.random() < 0.2:
                    connection.rollback()
                else:
                    connection.commit()
                    committed.append(f"{writer}.{n}")
        return committed

    readers = [Reader(engine, tenant) for _ in range(2)]
    with ThreadPoolExecutor(WRITERS + 2) as pool:
        reading = [pool.submit(reader.read_until, finished.is_set) for reader in readers]
        written = [said for future in [pool.submit(write, n) for n in range(WRITERS)] for said in future.result()]
        time.sleep(0.2)
        finished.set()
        for one in reading:
            one.result()
    for reader in readers:
        assert sorted(reader.said) == sorted(written)
    assert [placed.cursor for placed in readers[0].rows] == [placed.cursor for placed in readers[1].rows]


def test_entries_of_one_objective_come_in_the_order_of_their_numbers(engine: Engine, tenant: str) -> None:
    [objective_id] = opened(engine, tenant, 1)
    [other] = opened(engine, tenant, 1)
    with engine.connect() as early, engine.connect() as between, engine.connect() as late:
        for connection in (early, between, late):  # in this order of numbers
            connection.execute(text("SELECT pg_current_xact_id()"))
        append(late, objective_id, "first")
        late.commit()
        append(early, objective_id, "second")
        early.commit()
        reader = Reader(engine, tenant)
        reader.read()
        assert "second" not in reader.said  # nothing before "first", which waits for `between`
        append(between, other, "third")
        between.commit()
    reader.read()
    assert [said for said in reader.said if said != "third"] == ["first", "second"]
    of_one = [placed.row.seq for placed in reader.rows if placed.objective_id == objective_id]
    assert all(before < after for before, after in pairwise(of_one))


def test_what_an_open_transaction_may_still_write_is_waited_for(engine: Engine, tenant: str) -> None:
    one, other = opened(engine, tenant, 2)
    reader = Reader(engine, tenant)
    with engine.connect() as slow:
        append(slow, one, "begun first, done last")
        with engine.begin() as quick:
            append(quick, other, "begun last, done first")
        reader.read()
        with database.reading(engine).connect() as connection:
            assert journal_pages.horizon(connection, tenant).lagging
        assert reader.said == []
        slow.commit()
    reader.read()
    assert reader.said == ["begun first, done last", "begun last, done first"]


def test_only_the_objectives_that_are_asked_for_and_never_those_of_another_tenant(engine: Engine, tenant: str) -> None:
    mine, other = opened(engine, tenant, 2)
    foreign, *_ = opened(engine, f"{tenant}-not", 1)
    with database.reading(engine).connect() as connection:
        until = journal_pages.horizon(connection, tenant)
        only = frozenset({mine, foreign})
        found = journal_pages.page(connection, tenant, Cursor(0, 0), until, limit=10, only=only)
        newest = journal_pages.newest(connection, tenant, until, limit=10)
    assert {placed.objective_id for placed in found} == {mine}
    assert [placed.objective_id for placed in newest] == [mine, other]


def test_entries_that_a_dump_brought_from_another_database_are_seen(engine: Engine, tenant: str) -> None:
    first, second = opened(engine, tenant, 2)
    with engine.begin() as connection:
        connection.execute(text("UPDATE journal SET xact = '999999999999' WHERE tenant = :t"), {"t": tenant})
    reader = Reader(engine, tenant)
    assert reader.read() == 0
    with database.reading(engine).connect() as connection:
        assert journal_pages.horizon(connection, tenant).foreign
        assert journal_pages.adopt(connection, tenant) == 2
        assert not journal_pages.horizon(connection, tenant).foreign
    with engine.begin() as connection:
        append(connection, first, "after")
    again = Reader(engine, tenant)
    again.read()
    assert [placed.objective_id for placed in again.rows] == [first, second, first]


@pytest.mark.parametrize(
    "text", ["", "1", ".", "1.", ".1", "-1.2", "1.2.3", "a.b", "１.2", f"{1 << 64}.1", "1" * 5000 + ".1"]
)
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"cursor|integer"):
        Cursor.parse(text)


def test_a_cursor_survives_being_written_down() -> None:
    assert Cursor.parse(str(Cursor(4711, 12))) == Cursor(4711, 12)
