"""Objectives folded from their journals, kept in memory: always as the journal has them, and never too many."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Connection, Engine, event

from activities.store import journal
from activities.store.journal import Entry
from activities.store.objectives import ObjectiveStore
from api.services.view import ObjectiveView
from api.services.views import Views
from workflows.domain.objective import Objective


def objective(engine: Engine, tasks: int = 3) -> str:
    asked = Objective(id=f"viewed-{uuid4().hex[:8]}", text="Look", tenant="views")
    ObjectiveStore(engine).open(asked)
    outline: Any = [
        {"id": f"t{n}", "title": f"T {n}", "needs": [], "steps": 1, "max_attempts": 1} for n in range(tasks)
    ]
    note(engine, asked.id, kind="plan.made", data={"tasks": outline})
    return asked.id


def note(engine: Engine, objective_id: str, **fields: Any) -> None:
    with engine.begin() as connection:
        journal.append(connection, Entry.model_validate({"objective_id": objective_id, "actor": "x", **fields}))


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection
        connection.rollback()


def test_a_view_is_brought_up_to_date_and_reads_only_what_is_new(engine: Engine) -> None:
    views, objective_id = Views(), objective(engine)
    fetched: list[int] = []

    def count(_: Any, cursor: Any, *others: Any) -> None:
        fetched.append(cursor.rowcount)

    with engine.connect() as connection:
        event.listen(connection, "after_cursor_execute", count)
        with views.look(connection, objective_id) as view:
            assert (view.text, len(view.tasks), view.seq) == ("Look", 3, 2)
        with views.look(connection, objective_id):
            pass
        connection.rollback()
        note(engine, objective_id, kind="alert", text="careful")
        with views.look(connection, objective_id) as view:
            assert ([alert.text for alert in view.alerts], view.seq) == (["careful"], 3)
    assert fetched == [2, 0, 1]


def test_what_was_not_looked_at_is_forgotten_first(engine: Engine, connection: Connection) -> None:
    first, second, third = (objective(engine, tasks=10) for _ in range(3))
    views = Views(most_parts=45)
    for one in (first, second, first, third):
        with views.look(connection, one):
            pass
    assert len(views) == 2
    with views.look(connection, second) as view:
        assert len(view.tasks) == 10
    assert len(views) == 2


def test_one_that_is_larger_than_all_room_is_shown_all_the_same(engine: Engine, connection: Connection) -> None:
    views = Views(most_parts=5)
    for one in (objective(engine), objective(engine)):
        with views.look(connection, one) as view:
            assert len(view.tasks) == 3
    assert len(views) == 1


def test_a_fold_that_fails_leaves_nothing_half_done(
    engine: Engine, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    views, objective_id = Views(), objective(engine)
    with monkeypatch.context() as broken:
        broken.setattr(ObjectiveView, "_plan_made", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError), views.look(connection, objective_id):
            pass
    assert len(views) == 0
    with views.look(connection, objective_id) as view:
        assert (view.text, len(view.tasks)) == ("Look", 3)


def test_many_threads_see_each_entry_once(engine: Engine) -> None:
    views, objective_id = Views(most_parts=1000), objective(engine)
    begun = threading.Barrier(8)

    def look(n: int) -> int:
        begun.wait(10)
        for m in range(10):
            note(engine, objective_id, kind="alert", text=f"{n}.{m}")
            with engine.connect() as connection, views.look(connection, objective_id) as view:
                texts = [alert.text for alert in view.alerts]
                assert len(texts) == len(set(texts)) == view.seq - 2
        return len(texts)

    with ThreadPoolExecutor(8) as pool:
        assert max(pool.map(look, range(8))) == 80
