"""An objective that is asked for begins once, or not at all, whatever happens on the way."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from activities.store.objectives import ObjectiveStore
from api.services.creation import NewObjective, keyed_id
from tests.api.http.asking import PLAN, Asking, asking, fields_of
from tests.objectives import Objectives
from tests.service import Service, ServiceProcess
from worker.embedded.stack import Addresses
from workflows.domain.objective import Objective

BODY = {"text": "Look once", "plan_text": PLAN}


@pytest.fixture
async def ana(service: Service) -> AsyncIterator[Asking]:
    async with asking(service, tenant="creation") as caller:
        yield caller


async def send(ana: Asking, key: str, body: dict[str, Any] = BODY) -> httpx2.Response:
    return await ana.client.post("/v1/objectives", json=body, headers={"Idempotency-Key": key})


async def test_the_same_key_begins_one_objective_however_often_it_is_sent(ana: Asking) -> None:
    first = await send(ana, "k-1")
    other_order = dict(reversed(BODY.items()))
    again = await send(ana, "k-1", other_order)
    assert (first.status_code, again.status_code) == (201, 200)
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"] == f"/v1/objectives/{first.json()['id']}"
    assert again.json()["created_at"] == first.json()["created_at"]
    shown = await ana.until(first.headers["Location"], lambda shown: shown["result"] is not None)
    late = await send(ana, "k-1")
    assert (late.status_code, late.json()["result"]) == (200, shown["result"])
    kinds = [entry["kind"] for entry in (await ana.get(f"{first.headers['Location']}/journal"))["items"]]
    assert kinds.count("objective.asked") == kinds.count("plan.made") == 1


async def test_the_same_key_with_another_body_is_refused(ana: Asking) -> None:
    assert (await send(ana, "k-2")).status_code == 201
    problem = await send(ana, "k-2", {**BODY, "text": "Look twice"})
    assert problem.status_code == 422
    assert fields_of(problem.json()) == ["header.Idempotency-Key"]


async def test_keys_of_different_tenants_and_different_keys_have_nothing_to_do_with_each_other(
    service: Service, ana: Asking
) -> None:
    async with asking(service, tenant="creation-2") as eve:
        answers = [await send(ana, "k-3"), await send(ana, "k-4"), await send(eve, "k-3")]
    assert [answer.status_code for answer in answers] == [201, 201, 201]
    assert len({answer.json()["id"] for answer in answers}) == 3


async def test_twenty_at_once_by_two_processes_begin_one_objective(
    service: Service, ana: Asking, objectives: Objectives, addresses: Addresses
) -> None:
    with Service(objectives.engine, addresses.temporal_address, objectives.folder) as another:
        async with asking(another, tenant="creation") as ben:
            answers = await asyncio.gather(*(send(one, "k-5") for one in (ana, ben) * 10))
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201], [one.text for one in answers]
    [objective_id] = {answer.json()["id"] for answer in answers}
    await ana.until(f"/v1/objectives/{objective_id}", lambda shown: shown["result"] is not None)
    journal = (await ana.get(f"/v1/objectives/{objective_id}/journal"))["items"]
    assert [entry["kind"] for entry in journal].count("objective.delivered") == 1
    assert [entry["kind"] for entry in journal].count("step.finished") == 2


async def test_a_process_that_is_killed_in_the_middle_loses_and_doubles_nothing(
    objectives: Objectives, addresses: Addresses
) -> None:
    """Its tools are those of botted, which the tests' host does not have: what is asked for ends, undelivered."""
    body = {"text": "Read", "plan_text": "tasks: [{id: a, title: A, steps: [{tool: file.read, with: {name: a}}]}]"}
    with ServiceProcess(objectives.engine, addresses.temporal_address, objectives.folder) as served:
        async with asking(served, tenant="killed") as ana:
            sending = [asyncio.create_task(send(ana, f"k-{n}", body)) for n in range(30)]
            await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.to_thread(served.kill)
            lost = [one for one in await asyncio.gather(*sending, return_exceptions=True) if isinstance(one, Exception)]
            assert lost, "everything was answered before the kill"
            await asyncio.to_thread(served.start)
            answers = await asyncio.gather(*(send(ana, f"k-{n}", body) for n in range(30)))
            assert {answer.status_code for answer in answers} <= {200, 201}
            ids = {answer.json()["id"] for answer in answers}
            listed = (await ana.get("/v1/objectives", limit=200))["items"]
            assert {one["id"] for one in listed} == ids
            assert len(listed) == 30
            for one in ids:
                await ana.until(f"/v1/objectives/{one}", lambda shown: shown["result"] is not None)


async def test_a_retry_starts_what_was_written_down_and_never_started(ana: Asking, objectives: Objectives) -> None:
    """As after a kill between the two."""
    written = Objective(
        id=keyed_id("creation", "k-6"),
        text=BODY["text"],
        playbook=objectives.artifacts.put(
            "p.yaml", f"name: by-hand\nversion: 1.0.0\ndescription: x\n{PLAN}".encode(), ""
        ),
        tenant="creation",
    )
    assert ObjectiveStore(objectives.engine).open(written, NewObjective.model_validate(BODY).digest)

    again = await send(ana, "k-6")

    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (200, "true")
    shown = await ana.until(f"/v1/objectives/{written.id}", lambda shown: shown["result"] is not None)
    assert shown["stage"] == "delivered"


async def test_what_temporal_does_not_start_is_in_no_list_and_a_retry_begins_it(
    service: Service, ana: Asking, objectives: Objectives
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nowhere = f"127.0.0.1:{taken.getsockname()[1]}"
        with Service(objectives.engine, nowhere, objectives.folder) as cut_off:
            async with asking(cut_off, tenant="creation-3") as lost:
                for headers in ({}, {"Idempotency-Key": "k-7"}):
                    problem = await lost.refusal(503, "POST", "/v1/objectives", json=BODY, headers=headers)
                    assert "Temporal does not answer" in problem["detail"]
                assert (await lost.get("/v1/objectives"))["items"] == []
    async with asking(service, tenant="creation-3") as found:
        assert (await send(found, "k-7")).status_code == 201
        assert len((await found.get("/v1/objectives"))["items"]) == 1


async def test_one_that_a_workflow_opened_again_belongs_to_whoever_asks_for_the_same(objectives: Objectives) -> None:
    """A start that seemed to fail and did not: withdrawn, it is opened again by its workflow, without the digest."""
    store = ObjectiveStore(objectives.engine)
    objective = Objective(id=keyed_id("creation", "k-8"), text="Look", tenant="creation")
    assert store.open(objective, "1" * 64)
    store.withdraw(objective.id)
    assert store.open(objective)

    assert not store.open(objective.model_copy(update={"text": "Look elsewhere"}), "2" * 64)
    assert store.open(objective, "1" * 64)
    assert not store.open(objective, "1" * 64)


def refused(**changes: Any) -> Any:
    """A body with changes, and None for fields that are left out."""
    return {name: value for name, value in {**BODY, **changes}.items() if value is not None}


BAD = [
    ({"text": None}, "body.text"),
    ({"text": "   "}, "body.text"),
    ({"text": "x" * 4001}, "body.text"),
    ({"text": 7}, "body.text"),
    ({"text": "a\0b"}, "body.text"),
    ({"text": "\ud800"}, "body.text"),
    ({"txet": "Look"}, "body.txet"),
    ({"mode": "sideways"}, "body.mode"),
    ({"prefers": "decide"}, "body.prefers"),
    ({"oversight": 3}, "body.oversight"),
    ({"on_limit": "explode"}, "body.on_limit"),
    ({"max_parallel": 0}, "body.max_parallel"),
    ({"max_parallel": 10**30}, "body.max_parallel"),
    ({"max_replans": 6}, "body.max_replans"),
    ({"budget": {"usd": 0}}, "body.budget.usd"),
    ({"budget": {"usd": "1e300"}}, "body.budget.usd"),
    ({"budget": {"usd": 1e-12}}, "body.budget.usd"),
    ({"budget": {"minutes": -5}}, "body.budget.minutes"),
    ({"budget": {"tokens": 1.5}}, "body.budget.tokens"),
    ({"budget": {"euros": 1}}, "body.budget.euros"),
    ({"approvals": {"deadline": 0}}, "body.approvals.deadline"),
    ({"approvals": {"deadline": 10**15}}, "body.approvals.deadline"),
    ({"approvals": {"on_timeout": "shrug"}}, "body.approvals.on_timeout"),
    ({"notify": ["nobody"]}, "body.notify.0"),
    ({"notify": "ops"}, "body.notify"),
    ({"files": [{"sha256": "0" * 64}]}, "body.files.0.sha256"),
    ({"files": [{"sha256": "../../etc/passwd"}]}, "body.files.0.sha256"),
    ({"files": [{"sha256": "0" * 64, "name": "../up.csv"}]}, "body.files.0.name"),
    ({"files": [{"sha256": "0" * 64}] * 201}, "body.files"),
    ({"playbook": "data-report"}, "body"),
    ({"plan_text": None, "playbook": "no-such-one"}, "body.playbook"),
    ({"plan_text": None, "playbook": "../../../etc/passwd"}, "body.playbook"),
    ({"plan_text": None, "playbook": "data-report"}, "body.files"),
    ({"plan_text": None, "plan": "playbook"}, "body.playbook"),
    ({"plan": "model"}, "body.plan"),
    ({"plan": "luck"}, "body.plan"),
    ({"inputs": {"colour": "red"}}, "body.inputs.colour"),
    ({"inputs": {"x": 10**400}}, "body.inputs.x"),
    ({"plan_text": "tasks: ["}, "body.plan_text"),
    ({"plan_text": ""}, "body.plan_text"),
    ({"plan_text": "[" * 100_000}, "body.plan_text"),
    ({"plan_text": "tasks: [{id: a, title: A, needs: [a], steps: [{tool: fake.noop}]}]"}, "body.plan_text"),
    ({"plan_text": "tasks: [{id: a, title: A, steps: [{tool: rm.rf}]}]"}, "body.plan_text"),
    ({"plan_text": "tasks: [{id: a, title: '{{ x.__class__ }}', steps: [{tool: fake.noop}]}]"}, "body.plan_text"),
    ({"plan_text": None, "playbook_text": PLAN}, "body.playbook_text"),
]


@pytest.mark.parametrize(("changes", "field"), BAD, ids=lambda value: str(value)[:60])
async def test_what_is_wrong_is_told_with_its_field_and_nothing_begins(
    ana: Asking, changes: dict[str, Any], field: str
) -> None:
    body = json.dumps(refused(**changes)).encode()
    before = len((await ana.get("/v1/objectives", limit=200))["items"])
    problem = await ana.refusal(
        422, "POST", "/v1/objectives", content=body, headers={"Content-Type": "application/json"}
    )
    assert field in fields_of(problem), problem
    assert len((await ana.get("/v1/objectives", limit=200))["items"]) == before


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b"[1, 2]", 422),
        (b"null", 422),
        (b'{"text": NaN}', 400),
        (b'{"inputs": ' + b"[" * 100_000, 400),
        (b"\xff\xfe", 400),
        (b'{"text": "a", "text": "b", "plan": "luck"}', 422),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_body_that_is_none_is_refused(ana: Asking, body: bytes, status: int) -> None:
    await ana.refusal(status, "POST", "/v1/objectives", content=body, headers={"Content-Type": "application/json"})


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(ana: Asking) -> None:
    head = f"POST /v1/objectives HTTP/1.1\r\nHost: x\r\nAuthorization: {ana.client.headers['Authorization']}\r\n"
    answer = await ana.raw(f"{head}Content-Type: application/json\r\nContent-Length: 1000001\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"the body may have 1,000,000 bytes" in answer


async def test_a_body_of_another_kind_is_refused(ana: Asking) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/yaml"):
        body = json.dumps(BODY).encode()
        await ana.refusal(422, "POST", "/v1/objectives", content=body, headers={"Content-Type": kind})


async def test_a_key_that_is_none_is_refused(ana: Asking) -> None:
    for key in ("", "k" * 256):
        problem = await ana.refusal(422, "POST", "/v1/objectives", json=BODY, headers={"Idempotency-Key": key})
        assert fields_of(problem) == ["header.Idempotency-Key"]


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 10**30},
        {"limit": "many"},
        {"stage": "lost"},
        {"cursor": "nonsense"},
        {"cursor": "é"},
        {"cursor": "WyIyMDI2LTAxLTAxIl0"},
        {"cursor": "bnVsbA"},
        {"created_after": "yesterday"},
        {"created_after": "2026-01-01T00:00:00"},
        {"created_before": "0.5"},
        {"text": "x" * 201},
        {"text": "a\0b"},
        {"colour": "red"},
    ],
    ids=str,
)
async def test_a_query_that_makes_no_sense_is_refused(ana: Asking, query: dict[str, Any]) -> None:
    problem = await ana.refusal(422, "GET", "/v1/objectives", params=query)
    [field] = fields_of(problem)
    assert field.removesuffix(".0") == f"query.{next(iter(query))}"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/objectives/nobody",
        "/v1/objectives/No%20Body",
        "/v1/objectives/%2e%2e",
        "/v1/objectives/..%2f..%2fetc%2fpasswd/plan",
        "/v1/objectives/nobody/tasks",
        "/v1/objectives/nobody/artifacts/..%2F..%2Fetc%2Fpasswd",
        "/v1/objectives/é/journal",
        "/v1/uploads/" + "0" * 64,
    ],
)
async def test_what_is_not_there_is_not_found(ana: Asking, path: str) -> None:
    await ana.refusal(404, "GET", path)
