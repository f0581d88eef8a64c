"""How often one may call: over all processes, by keys and by tokens; and how often one may be wrong."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import insert, select

from activities.store.rates import KEPT_MINUTES, MINUTE, RateStore
from activities.store.tables import rate_windows
from tests.objectives import Objectives
from tests.service import Service
from worker.embedded.stack import Addresses


@pytest.fixture(autouse=True)
def _within_one_minute() -> None:
    """These tests count the requests of a minute: it must not turn meanwhile."""
    left = MINUTE - time.time() % MINUTE
    if left < 15:
        time.sleep(left + 0.5)


def test_a_caller_has_its_minute_and_is_told_when_the_next_begins(service: Service) -> None:
    client = service.client(service.key("viewer", requests_per_minute=5))

    answers = [client.get("/v1/health") for _ in range(8)]

    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 3
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= MINUTE
    assert answers[-1].headers["Content-Type"] == "application/problem+json"
    assert "5 times a minute" in answers[-1].json()["detail"]


def test_one_callers_haste_is_not_anothers_wait(service: Service) -> None:
    hasty = service.client(service.key("viewer", requests_per_minute=1))
    assert [hasty.get("/v1/health").status_code for _ in range(2)] == [200, 429]

    assert service.client(service.key("viewer", requests_per_minute=1)).get("/v1/health").status_code == 200


@pytest.mark.parametrize("limit", [12, 100])
def test_two_processes_together_let_pass_what_one_would(
    service: Service, objectives: Objectives, addresses: Addresses, limit: int
) -> None:
    key = service.key("viewer", requests_per_minute=limit)
    with Service(objectives.engine, addresses.temporal_address, objectives.folder) as other:
        clients = [service.client(key), other.client(key)]
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda number: clients[number % 2].get("/v1/keys").status_code, range(limit + 40)))

    assert answers.count(403) == limit
    assert answers.count(429) == 40


def test_most_requests_cost_no_query(service: Service) -> None:
    key = service.key("viewer", requests_per_minute=400)
    client = service.client(key)

    for _ in range(30):
        client.get("/v1/keys")

    with service.engine.connect() as connection:
        query = select(rate_windows.c.leased).where(rate_windows.c.caller == f"key:{key.split('_')[1]}")
        assert connection.execute(query).scalars().all() == [40], "two parts of twenty requests"


def test_minutes_that_are_over_are_forgotten(service: Service) -> None:
    rates = RateStore(service.engine)
    now = int(time.time()) // MINUTE
    with service.engine.begin() as connection:
        for minute in (now, now - KEPT_MINUTES - 1):
            connection.execute(insert(rate_windows).values(caller="sweeping", minute=minute, leased=1))

    assert rates.sweep() >= 1

    with service.engine.connect() as connection:
        query = select(rate_windows.c.minute).where(rate_windows.c.caller == "sweeping")
        assert connection.execute(query).scalars().all() == [now]


def test_who_is_wrong_too_often_has_to_wait_but_keys_in_use_go_on_working(
    objectives: Objectives, addresses: Addresses
) -> None:
    with Service(objectives.engine, addresses.temporal_address, objectives.folder, failures_per_minute=3) as guarded:
        good = guarded.client(guarded.key("viewer"))
        assert good.get("/v1/health").status_code == 200

        wrong = [guarded.client(f"botted_{'a' * 12}_{n:064x}").get("/v1/health").status_code for n in range(5)]

        assert wrong == [401] * 3 + [429] * 2
        assert good.get("/v1/health").status_code == 200
        assert guarded.client().get("/v1/health").status_code == 401, "who sends nothing guesses nothing"
