"""Objectives over HTTP: asked for, delivered, looked at."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import delete

from activities.store import hosts, tables
from activities.store.hosts import HostRow
from tests.api.http.asking import PLAN, Asking, asking
from tests.fakes.cast import Cast, plan, task, writes
from tests.fakes.llm_server import FakeLlm
from tests.objectives import Objectives
from tests.service import Service


@pytest.fixture
async def ana(service: Service) -> AsyncIterator[Asking]:
    async with asking(service, tenant="acme") as caller:
        yield caller


@pytest.fixture
def host_with_models(objectives: Objectives) -> Iterator[None]:
    """The newest host says that it has models."""
    roles = {"planner": "planner", "executor": "worker", "verifier": "judge"}
    hosts.register(objectives.engine, HostRow(name="of-tests", models={"roles": roles}, fingerprint="x"))
    yield
    with objectives.engine.begin() as connection:
        connection.execute(delete(tables.hosts).where(tables.hosts.c.name == "of-tests"))


async def test_an_objective_is_done_and_everything_about_it_can_be_read(ana: Asking) -> None:
    shown = await ana.done("Write a line", max_parallel=3, budget={"usd": "2.50"})
    here = f"/v1/objectives/{shown['id']}"

    assert (shown["stage"], shown["mode"], shown["tasks"], shown["waiting"]) == (
        "delivered",
        "auto",
        {"approved": 2},
        [],
    )
    assert shown["request"]["asked_by"] == "ana"
    assert (shown["request"]["max_parallel"], shown["request"]["budget"]["usd"]) == (3, "2.50")
    assert [ref["name"] for ref in shown["result"]["deliverables"]] == ["out.txt"]
    assert (await ana.get(f"{here}/plan"))["sha256"] == shown["plan"]
    tasks = (await ana.get(f"{here}/tasks"))["items"]
    assert [(one["id"], one["state"], one["depth"]) for one in tasks] == [
        ("write", "approved", 0),
        ("rest", "approved", 1),
    ]
    writing = await ana.get(f"{here}/tasks/write")
    assert writing["task"]["steps"][0]["tool"] == "fake.write"
    assert [verdict["decision"] for verdict in writing["verdicts"]] == ["approved"]
    assert [made["name"] for made in writing["artifacts"]] == ["out.txt"]
    [step] = (await ana.get(f"{here}/tasks/write/steps"))["items"]
    assert (step["tool"], step["state"], step["summary"], step["attempt"]) == ("fake.write", "done", "wrote out.txt", 1)
    [made] = (await ana.get(f"{here}/artifacts", delivered=True))["items"]
    assert (made["name"], made["task_id"], made["delivered"]) == ("out.txt", "write", True)
    assert (await ana.get(f"{here}/artifacts", delivered=False))["items"] == []
    subjects = [verdict["subject"] for verdict in (await ana.get(f"{here}/verdicts"))["items"]]
    assert subjects == ["task", "task", "result"]
    kinds = [entry["kind"] for entry in (await ana.get(f"{here}/journal"))["items"]]
    assert (kinds[:2], kinds[-1]) == (["objective.asked", "plan.made"], "objective.delivered")
    assert (await ana.get(f"{here}/costs"))["total"]["calls"] == 0


async def test_what_models_cost_is_told_by_whatever_is_asked_for(
    ana: Asking, llm: FakeLlm, host_with_models: None
) -> None:
    llm.responder = Cast(plans=[plan(task("a", criteria=["It says final."]))], work={"Task a": writes("a.txt")}).answer
    shown = await ana.done("Write final into a.txt", plan="model")
    here = f"/v1/objectives/{shown['id']}"

    assert shown["stage"] == "delivered", shown
    by_role = await ana.get(f"{here}/costs", by="role")
    assert [used["of"] for used in by_role["items"]] == ["planner", "executor", "verifier"]
    calls = sum(used["calls"] for used in by_role["items"])
    assert calls == by_role["total"]["calls"] == shown["spent"]["calls"] == 4
    assert (by_role["limit_usd"], float(shown["spent"]["usd"]) > 0) == ("5.000000000", True)
    first = await ana.get(f"{here}/costs", by="call", limit=3)
    rest = await ana.get(f"{here}/costs", by="call", limit=3, cursor=first["next"])
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (3, 1, None)
    assert first["total"] == rest["total"]
    of_all = await ana.get("/v1/costs")
    assert shown["id"] in [used["of"] for used in of_all["items"]]
    steps = (await ana.get(f"{here}/tasks/a/steps"))["items"]
    assert [step["tool"] for step in steps] == ["fake.write", "submit"]


async def test_without_a_usable_model_nothing_that_needs_one_begins(ana: Asking) -> None:
    for asked in ({"plan": "model"}, {"plan": "auto"}):
        problem = await ana.refusal(422, "POST", "/v1/objectives", json={"text": "Look", **asked})
        assert "no model is configured" in problem["detail"]
    work = "tasks: [{id: a, title: A, work: {instructions: x, tools: [fake.noop]}}]"
    problem = await ana.refusal(422, "POST", "/v1/objectives", json={"text": "Look", "plan_text": work})
    assert "needs a model" in problem["detail"]


async def test_a_plan_can_be_read_as_yaml_and_asked_for_again(ana: Asking) -> None:
    first = await ana.done("Write {{ this }}")
    where = f"/v1/objectives/{first['id']}/plan"
    answer = await ana.client.get(where, headers={"Accept": "application/yaml"})
    assert answer.headers["Content-Type"].startswith("application/yaml")
    assert answer.text.startswith(f"# plan {first['plan']}\n")

    again = await ana.done("Write {{ this }}", plan_text=answer.text)

    [before, after] = [(await ana.get(f"/v1/objectives/{one['id']}/plan"))["plan"]["tasks"] for one in (first, again)]
    assert before == after
    etag = answer.headers["ETag"]
    assert etag == f'"{first["plan"]}"'
    unchanged = await ana.client.get(where, headers={"If-None-Match": etag})
    assert (unchanged.status_code, unchanged.content) == (304, b"")


async def test_what_waits_for_a_person_is_in_the_objective_and_in_the_list(ana: Asking) -> None:
    asked = await ana.ask("Look twice", mode="manual", oversight="task")
    where = f"/v1/objectives/{asked['id']}"
    shown = await ana.until(where, lambda shown: bool(shown["waiting"]))
    assert [(one["subject"], one["task_id"]) for one in shown["waiting"]] == [("plan", "")]
    assert (shown["stage"], shown["mode"], shown["tasks"]) == ("approval", "manual", {"waiting": 2})
    listed = await ana.get("/v1/objectives", mode="manual", stage=["approval", "review"])
    assert [(one["id"], one["waiting"]) for one in listed["items"]] == [(asked["id"], 1)]
    cancelled = await ana.client.post(f"{where}/cancel")
    assert cancelled.status_code == 200, cancelled.text
    ended = await ana.until(where, lambda shown: shown["result"] is not None)
    assert (ended["stage"], ended["waiting"]) == ("cancelled", [])


async def test_pages_are_stable_while_objectives_are_asked_for(service: Service, objectives: Objectives) -> None:
    async with asking(service, tenant="pages") as ana:
        before = [(await ana.ask(f"Number {n}"))["id"] for n in range(7)]

        async def ask_on() -> None:
            for n in range(6):
                await ana.ask(f"Later {n}")

        asking_on = asyncio.create_task(ask_on())
        seen: list[str] = []
        cursor = ""
        while True:
            page = await ana.get("/v1/objectives", limit=2, cursor=cursor)
            seen += [one["id"] for one in page["items"]]
            await asyncio.sleep(0.05)
            if page["next"] is None:
                break
            cursor = page["next"]
        await asking_on
        assert len(seen) == len(set(seen))
        assert [one for one in seen if one in before] == before[::-1]


async def test_the_list_can_be_narrowed(service: Service, objectives: Objectives) -> None:
    async with asking(service, tenant="narrow") as ana, asking(service, tenant="narrow", name="ben") as ben:
        first = await ana.done("What drives 100% of it?")
        second = await ben.done("Write code_1")
        asked = datetime.fromisoformat(first["created_at"])

        async def found(**query: object) -> list[str]:
            return [one["id"] for one in (await ana.get("/v1/objectives", **query))["items"]]

        assert await found() == [second["id"], first["id"]]
        assert await found(text="DRIVES") == [first["id"]]
        assert await found(text="0%") == [first["id"]]
        assert await found(text="%") == [first["id"]]
        assert await found(text="e_1") == [second["id"]]
        assert await found(asked_by="ben") == [second["id"]]
        assert await found(stage="delivered", mode="auto") == [second["id"], first["id"]]
        assert await found(stage="running") == []
        assert await found(created_after=asked.isoformat()) == [second["id"]]
        assert await found(created_before=(asked + timedelta(microseconds=1)).isoformat()) == [first["id"]]
        assert await found(parent="") == [second["id"], first["id"]]
        assert await found(parent=first["id"]) == []


async def test_a_journal_comes_in_pages(ana: Asking) -> None:
    shown = await ana.done("Look")
    where = f"/v1/objectives/{shown['id']}/journal"
    whole = (await ana.get(where))["items"]
    seen, after = [], 0
    while True:
        page = await ana.get(where, after=after, limit=3)
        seen += page["items"]
        if page["next"] is None:
            break
        after = page["next"]
    assert seen == whole
    assert [entry["seq"] for entry in whole] == list(range(1, len(whole) + 1))
    assert (await ana.get(where, after=whole[-1]["seq"]))["items"] == []


async def test_a_loop_of_tries_is_seen_with_all_its_steps(ana: Asking) -> None:
    tasks = "tasks: [{id: a, title: A, steps: [{tool: fake.noop}, {tool: fake.fail, with: {message: no way}}]}]"
    shown = await ana.done("Fail", plan_text=tasks, max_replans=0)
    here = f"/v1/objectives/{shown['id']}"
    assert shown["stage"] == "not_delivered"
    assert shown["result"]["missing"][0]["task_id"] == "a"
    seen, cursor = [], ""
    while True:
        page = await ana.get(f"{here}/tasks/a/steps", limit=1, cursor=cursor)
        seen += [(step["attempt"], step["step_id"], step["state"]) for step in page["items"]]
        if page["next"] is None:
            break
        cursor = page["next"]
    assert seen[:2] == [(1, "step-1", "done"), (1, "step-2", "failed")]
    assert seen == sorted(seen)
    one = await ana.get(f"{here}/tasks/a")
    assert (one["state"], "no way" in one["feedback"]) == ("rejected", True)


async def test_playbooks_are_told_with_their_inputs(ana: Asking) -> None:
    listed = (await ana.get("/v1/playbooks"))["items"]
    assert [(one["name"], one["needs_model"]) for one in listed] == [("data-report", False)]
    one = await ana.get("/v1/playbooks/data-report")
    assert [(given["name"], given["type"]) for given in one["inputs"]] == [
        ("title", "string"),
        ("single_column", "boolean"),
    ]
    assert one["yaml"].startswith("name: data-report")
    for name in ("nobody", "..%2F..%2Fetc%2Fpasswd", "%2Fetc%2Fhostname", "data-report.yaml"):
        await ana.refusal(404, "GET", f"/v1/playbooks/{name}")


async def test_another_tenant_finds_nothing(service: Service, ana: Asking) -> None:
    shown = await ana.done("Ours alone", plan_text=PLAN)
    deliverable = shown["result"]["deliverables"][0]["sha256"]
    here = f"/v1/objectives/{shown['id']}"
    async with asking(service, "admin", tenant="rival") as eve:
        paths = [
            "",
            "/plan",
            "/tasks",
            "/tasks/write",
            "/tasks/write/steps",
            "/artifacts",
            "/journal",
            "/verdicts",
            "/costs",
        ]
        paths += ["/artifacts/out.txt", f"/artifacts/{deliverable}", f"/artifacts/{shown['plan']}"]
        for path in paths:
            foreign = await eve.refusal(404, "GET", here + path)
            unknown = await eve.refusal(404, "GET", f"/v1/objectives/nobody{path}")
            assert foreign["detail"].replace(shown["id"], "nobody") == unknown["detail"]
        assert shown["id"] not in [one["id"] for one in (await eve.get("/v1/objectives"))["items"]]
        assert (await eve.get("/v1/objectives", parent=shown["id"]))["items"] == []
        assert (await eve.get("/v1/costs"))["items"] == []
