from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from activities.store import journal
from activities.store.journal import Entry
from activities.store.objectives import ObjectiveStore
from workflows.domain.artifact import ArtifactRef
from workflows.domain.objective import Objective


@pytest.fixture
def objective_id(engine: Engine) -> str:
    objective = Objective(
        id=f"journal-{uuid4().hex[:8]}", text="A test", playbook=ArtifactRef(sha256="0" * 64, name="p", size=0)
    )
    ObjectiveStore(engine).open(objective)
    return objective.id


def write(engine: Engine, objective_id: str, kind: str, once: str | None = None) -> None:
    with engine.begin() as connection:
        journal.append(connection, Entry(objective_id=objective_id, kind=kind, actor="test", once=once))


def test_numbers_entries_without_gaps_however_many_write_at_once(engine: Engine, objective_id: str) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: write(engine, objective_id, f"kind-{n}"), range(200)))
    with engine.connect() as connection:
        rows = journal.read(connection, objective_id)
    assert [row.seq for row in rows] == list(range(1, 202))


def test_an_entry_that_is_written_twice_counts_once(engine: Engine, objective_id: str) -> None:
    for _ in range(3):
        write(engine, objective_id, "plan.made", once="plan.made")
    write(engine, objective_id, "next")
    with engine.connect() as connection:
        rows = journal.read(connection, objective_id)
    assert [(row.seq, row.kind) for row in rows] == [(1, "objective.asked"), (2, "plan.made"), (3, "next")]


def test_a_follower_sees_every_entry_once_and_in_order_while_many_write(engine: Engine, objective_id: str) -> None:
    seen: list[int] = []
    with ThreadPoolExecutor(9) as pool:
        for n in range(100):
            pool.submit(write, engine, objective_id, f"kind-{n}")
        for rows in journal.follow(engine, objective_id):
            seen += [row.seq for row in rows]
            if len(seen) >= 101:
                break
    assert seen == list(range(1, 102))


def test_a_follower_goes_on_after_the_last_entry_it_saw(engine: Engine, objective_id: str) -> None:
    write(engine, objective_id, "second")
    [rows] = islice(journal.follow(engine, objective_id, after=1), 1)
    assert [row.kind for row in rows] == ["second"]


def test_a_rolled_back_entry_leaves_no_gap(engine: Engine, objective_id: str) -> None:
    with engine.connect() as connection:
        journal.append(connection, Entry(objective_id=objective_id, kind="lost", actor="test"))
        connection.rollback()
    write(engine, objective_id, "kept")
    with engine.connect() as connection:
        assert [(row.seq, row.kind) for row in journal.read(connection, objective_id, after=1)] == [(2, "kept")]
