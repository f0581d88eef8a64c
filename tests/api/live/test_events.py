"""Server-sent events of one objective."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from activities.store.objectives import ObjectiveStore
from api.live import sse
from tests.api.live.interruptions import cut_listeners
from tests.api.live.journalist import Journalist
from tests.api.live.listening import Dawdling, NoRoom, listening
from tests.service import Service
from worker.embedded.stack import Addresses
from workflows.domain.objective import Stage


async def test_entries_that_were_there_come_first_and_new_ones_follow(live: Service, journalist: Journalist) -> None:
    objective_id = journalist.open()
    journalist.write(objective_id, "one", "two")
    async with listening(live.url, live.key(), objective_id) as ear:
        before = await ear.take(3)
        journalist.write(objective_id, "three")
        journalist.write_together(objective_id, "four", "five")
        after = await ear.take(3)
    assert [event.seq for event in before + after] == [1, 2, 3, 4, 5, 6]
    assert [event.data["text"] for event in before + after][1:] == ["one", "two", "three", "four", "five"]
    assert before[0].name == before[0].data["kind"] == "objective.asked"
    assert after[0].data["seq"] == 4
    assert 1_000 <= ear.retry <= 3_000


@pytest.mark.parametrize("door", ["header", "query"])
async def test_resumes_after_the_last_entry_that_a_client_had(live: Service, journalist: Journalist, door: str) -> None:
    objective_id = journalist.open()
    journalist.write(objective_id, *map(str, range(300)))  # more than is kept in memory
    last_id, query = ("17", {}) if door == "header" else ("", {"after": 17})
    async with listening(live.url, live.key(), objective_id, last_id=last_id, **query) as ear:
        heard = await ear.take(284)
    assert [event.seq for event in heard] == list(range(18, 302))


async def test_the_header_counts_more_than_the_query_as_browsers_send_both(
    live: Service, journalist: Journalist
) -> None:
    objective_id = journalist.open()
    journalist.write(objective_id, "two", "three")
    async with listening(live.url, live.key(), objective_id, last_id="2", after=0) as ear:
        assert [event.seq for event in await ear.take(1)] == [3]


async def test_ends_after_the_end_and_says_how(live: Service, journalist: Journalist) -> None:
    objective_id = journalist.open()
    async with listening(live.url, live.key(), objective_id) as ear:
        await ear.take(1)
        journalist.write(objective_id, "work")
        journalist.end(objective_id, Stage.NOT_DELIVERED)
        heard = await ear.rest()
    assert [event.name for event in heard] == ["step.done", "objective.not_delivered", "end"]
    assert heard[-1].data == {"stage": "not_delivered"}
    assert heard[-1].id == "3.end"


async def test_of_an_objective_that_has_ended_the_whole_journal_comes_and_then_the_end(
    live: Service, journalist: Journalist
) -> None:
    objective_id = journalist.open()
    journalist.end(objective_id)
    async with listening(live.url, live.key(), objective_id) as ear:
        assert [event.name for event in await ear.rest()] == ["objective.asked", "objective.delivered", "end"]
    async with listening(live.url, live.key(), objective_id, last_id="2") as ear:
        assert [event.name for event in await ear.rest()] == ["end"]


def test_who_has_heard_the_end_is_told_not_to_come_back(live: Service, journalist: Journalist) -> None:
    objective_id = journalist.open()
    journalist.end(objective_id)
    answer = live.client(live.key()).get(f"/v1/objectives/{objective_id}/events", headers={"Last-Event-ID": "2.end"})
    assert (answer.status_code, answer.content) == (204, b"")


async def test_the_end_that_somebody_made_up_keeps_nobody_from_listening(live: Service, journalist: Journalist) -> None:
    objective_id = journalist.open()
    async with listening(live.url, live.key(), objective_id, last_id="1.end") as ear:
        journalist.write(objective_id, "goes on")
        assert [event.seq for event in await ear.take(1)] == [2]


@pytest.mark.parametrize("broken", ["x", "-1", "1.5", "99999999999", "2.endless", "٣", "7"])
def test_a_last_id_that_cannot_be_is_refused(live: Service, journalist: Journalist, broken: str) -> None:
    objective_id = journalist.open()
    answer = live.client(live.key()).get(
        f"/v1/objectives/{objective_id}/events", headers=[(b"Last-Event-ID", broken.encode())]
    )
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["header.Last-Event-ID"]


def test_unknown_objectives_and_those_of_other_tenants_are_not_found(live: Service, journalist: Journalist) -> None:
    foreign = journalist.open("elsewhere")
    client = live.client(live.key())
    answers = [client.get(f"/v1/objectives/{id_}/events") for id_ in (foreign, "no-such-thing")]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json() | {"detail": ""} == answers[1].json() | {"detail": ""}


def test_nobody_listens_without_a_key(live: Service, journalist: Journalist) -> None:
    answer = live.client().get(f"/v1/objectives/{journalist.open()}/events")
    assert answer.status_code == 401


async def test_a_stream_ends_when_its_key_expires(live: Service, journalist: Journalist) -> None:
    objective_id = journalist.open()
    key = live.key("viewer", expires_at=datetime.now(UTC) + timedelta(seconds=1.5))
    async with listening(live.url, key, objective_id) as ear:
        await ear.take(1)
        heard = await ear.rest()
    assert [event.name for event in heard] == ["unauthorized"]
    assert heard[0].data["status"] == 401


async def test_a_stream_ends_when_its_key_is_revoked(live: Service, journalist: Journalist) -> None:
    objective_id = journalist.open()
    key = live.key("viewer")
    async with listening(live.url, key, objective_id) as ear:
        await ear.take(1)
        live.client(live.key()).delete(f"/v1/keys/{key.split('_')[1]}").raise_for_status()
        heard = await ear.rest()
    assert [event.name for event in heard] == ["unauthorized"]


async def test_a_stream_of_an_objective_that_is_taken_back_ends(live: Service, journalist: Journalist) -> None:
    objective_id = journalist.open()
    async with listening(live.url, live.key(), objective_id) as ear:
        await ear.take(1)
        ObjectiveStore(journalist.engine).withdraw(objective_id)
        cut_listeners(journalist.engine)  # or it would be noticed within ten seconds
        heard = await ear.rest()
    assert [(event.name, event.data) for event in heard] == [("end", {"stage": None})]


async def test_many_who_listen_to_one_objective_hear_the_same(live: Service, journalist: Journalist) -> None:
    objective_id, key = journalist.open(), live.key()

    async def follow() -> list[int]:
        async with listening(live.url, key, objective_id) as ear:
            return [event.seq for event in await ear.take(51)]

    following = [asyncio.create_task(follow()) for _ in range(20)]
    await asyncio.to_thread(journalist.write, objective_id, *map(str, range(50)))
    assert await asyncio.gather(*following) == [list(range(1, 52))] * 20


async def test_a_quiet_stream_says_that_it_lives(
    live: Service, journalist: Journalist, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "HEARTBEAT_SECONDS", 0.1)
    objective_id = journalist.open()
    async with listening(live.url, live.key(), objective_id) as ear:
        await ear.take(1)
        await asyncio.sleep(0.5)
        journalist.write(objective_id, "at last")
        assert [event.seq for event in await ear.take(1)] == [2]
    assert ear.comments >= 3


async def test_a_client_that_takes_nothing_for_long_loses_its_place(
    engine: Engine,
    addresses: Addresses,
    live_folder: Path,
    journalist: Journalist,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sse, "STALLED_SECONDS", 0.5)
    objective_id = journalist.open()
    for _ in range(40):  # more than all buffers on the way hold
        journalist.write_together(objective_id, *["x" * 4_000] * 100)
    with Service(engine, addresses.temporal_address, live_folder, max_streams=1) as service:
        key = service.key()
        async with Dawdling(service.url, key, objective_id) as stalled:
            await stalled.read(200)
            async with asyncio.timeout(20):
                while (last := await _last_of(service, key, objective_id)) is None:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
    assert last == 4_001


async def _last_of(service: Service, key: str, objective_id: str) -> int | None:
    """None: there is no room for another stream yet."""
    async with AsyncExitStack() as open_:
        try:
            ear = await open_.enter_async_context(listening(service.url, key, objective_id, after=4_000))
        except NoRoom:
            return None
        return (await ear.take(1))[0].seq
