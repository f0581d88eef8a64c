"""Approvals and steering over HTTP, as another system or a person's tool uses them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from tests.api.http.asking import Asking, asking, fields_of
from tests.service import Service

PLAN = """
tasks:
  - {id: a, title: A, steps: [{tool: fake.write, with: {name: a.txt, content: "a {{ attempt }} {{ feedback }}"}}],
     deliverables: [a.txt]}
  - {id: b, title: B, needs: [a], steps: [{tool: fake.noop}]}
"""
PUBLISHING = "tasks: [{id: a, title: A, steps: [{tool: fake.publish, with: {name: n, content: c}}]}]"


@pytest.fixture
def tenant() -> str:
    return f"house-{uuid4().hex[:8]}"


@pytest.fixture
async def ana(service: Service, tenant: str) -> AsyncIterator[Asking]:
    async with asking(service, "operator", tenant=tenant, name="ana") as caller:
        yield caller


async def manual(caller: Asking, **fields: Any) -> str:
    asked = await caller.ask(mode="manual", plan_text=PLAN, **fields)
    return str(asked["id"])


async def waits(caller: Asking, objective_id: str, subject: str) -> dict[str, Any]:
    """The approval on this subject, once it waits."""

    def there(page: dict[str, Any]) -> bool:
        return any(item["subject"] == subject for item in page["items"])

    page = await caller.until(f"/v1/approvals?objective={objective_id}&mine=false", there)
    found: dict[str, Any] = next(item for item in page["items"] if item["subject"] == subject)
    return found


async def post(caller: Asking, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = await caller.client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def approve(caller: Asking, objective_id: str, subject: str) -> dict[str, Any]:
    approval = await waits(caller, objective_id, subject)
    return await post(caller, f"/v1/approvals/{approval['id']}/decide", {"decision": "approved"})


async def end_of(caller: Asking, objective_id: str) -> dict[str, Any]:
    return await caller.until(f"/v1/objectives/{objective_id}", lambda shown: shown["result"] is not None)


async def test_a_plan_and_a_result_are_approved_and_it_is_delivered(ana: Asking) -> None:
    objective_id = await manual(ana)
    plan = await waits(ana, objective_id, "plan")
    assert (plan["text"], plan["choices"], plan["state"]) == ("the plan", ["approved", "rejected"], "open")
    assert plan["deadline"] > plan["escalate_at"] > plan["remind_at"] > plan["asked_at"]
    receipt = await post(ana, f"/v1/approvals/{plan['id']}/decide", {"decision": "approved", "feedback": "good"})
    assert receipt == {"approval": plan["id"], "decision": "approved", "by": "ana"}
    decided = await ana.get(f"/v1/approvals/{plan['id']}")
    assert (decided["state"], decided["decided_by"], decided["feedback"]) == ("approved", "ana", "good")
    result = await waits(ana, objective_id, "result")
    assert [ref["name"] for ref in (await ana.get(f"/v1/approvals/{result['id']}"))["artifacts"]] == ["a.txt"]
    await approve(ana, objective_id, "result")
    assert (await end_of(ana, objective_id))["stage"] == "delivered"
    verdicts = (await ana.get(f"/v1/objectives/{objective_id}/verdicts"))["items"]
    assert {item["decided_by"] for item in verdicts if item["subject"] in ("plan", "result")} >= {"ana"}


async def test_a_late_a_foreign_and_an_impossible_decision_are_refused_with_the_reason(
    ana: Asking, service: Service, tenant: str
) -> None:
    objective_id = await manual(ana, approvals={"deciders": ["eva"]})
    plan = await waits(ana, objective_id, "plan")
    path = f"/v1/approvals/{plan['id']}/decide"
    foreign = await ana.refusal(403, "POST", path, json={"decision": "approved"})
    assert foreign["detail"] == "ana may not decide this; eva may"
    async with asking(service, "approver", tenant=tenant, name="eva") as eva:
        assert [item["id"] for item in (await eva.get("/v1/approvals"))["items"]] == [plan["id"]]
        assert (await ana.get("/v1/approvals"))["items"] == []  # not ana's to decide
        told = await eva.refusal(422, "POST", path, json={"decision": "revise", "feedback": "other"})
        assert told["detail"] == "the plan can be: approved, rejected"
        reason = await eva.refusal(422, "POST", path, json={"decision": "revise"})
        assert fields_of(reason) == ["body.feedback"]
        await post(eva, path, {"decision": "approved"})
        late = await eva.refusal(409, "POST", path, json={"decision": "rejected"})
        assert "eva has decided: approved" in late["detail"]
        await waits(eva, objective_id, "result")
        await approve(eva, objective_id, "result")
    assert (await end_of(ana, objective_id))["stage"] == "delivered"


async def test_another_tenants_approvals_do_not_exist(ana: Asking, service: Service) -> None:
    objective_id = await manual(ana)
    plan = await waits(ana, objective_id, "plan")
    async with asking(service, "admin", tenant="another", name="mallory") as mallory:
        assert plan["id"] not in str(await mallory.get("/v1/approvals", mine=False))
        await mallory.refusal(404, "GET", f"/v1/approvals/{plan['id']}")
        decision = {"decision": "approved"}
        await mallory.refusal(404, "POST", f"/v1/approvals/{plan['id']}/decide", json=decision)
        for action in ("pause", "resume", "cancel", "advance"):
            await mallory.refusal(404, "POST", f"/v1/objectives/{objective_id}/{action}")
        task = {"task": "a"}
        await mallory.refusal(404, "POST", f"/v1/objectives/{objective_id}/skip", json=task)
    await post(ana, f"/v1/objectives/{objective_id}/cancel")
    assert (await end_of(ana, objective_id))["stage"] == "cancelled"


async def test_several_are_decided_at_once_and_each_answers_for_itself(ana: Asking) -> None:
    ids = await asyncio.gather(manual(ana), manual(ana))
    plans = [(await waits(ana, objective_id, "plan"))["id"] for objective_id in ids]
    body = {"approvals": [*plans, "none.plan.1"], "decision": "rejected", "feedback": "not now"}
    items = (await post(ana, "/v1/approvals/decide", body))["items"]
    assert [bool(item["receipt"]) for item in items] == [True, True, False]
    assert items[2]["problem"] == "there is no approval 'none.plan.1'"
    for objective_id in ids:
        assert (await end_of(ana, objective_id))["result"]["reason"] == "ana did not approve the plan: not now"


async def test_pages_of_approvals_miss_nothing(ana: Asking) -> None:
    ids = [await manual(ana) for _ in range(5)]
    for objective_id in ids:
        await waits(ana, objective_id, "plan")
    seen: list[tuple[str, str]] = []
    cursor: str | None = None
    while True:
        page = await ana.get("/v1/approvals", limit=2, **({"cursor": cursor} if cursor else {}))
        seen += [(item["asked_at"], item["objective_id"]) for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == sorted(seen, reverse=True)
    assert sorted(objective_id for _, objective_id in seen) == sorted(ids)
    problem = await ana.refusal(422, "GET", "/v1/approvals?cursor=nonsense")
    assert fields_of(problem) == ["query.cursor"]
    for objective_id in ids:
        await post(ana, f"/v1/objectives/{objective_id}/cancel")


async def test_a_step_waits_with_its_input_which_may_be_edited(ana: Asking) -> None:
    asked = await ana.ask(plan_text=PUBLISHING)  # in auto mode: what cannot be undone is asked for
    step = await waits(ana, asked["id"], "step")
    shown = await ana.get(f"/v1/approvals/{step['id']}")
    assert shown["step"] == {"tool": "fake.publish", "arguments": {"name": "n", "content": "c"}}
    edited = {"decision": "approved", "arguments": {"name": "n", "content": "better"}}
    await post(ana, f"/v1/approvals/{step['id']}/decide", edited)
    assert (await end_of(ana, asked["id"]))["stage"] == "delivered"
    journal = (await ana.get(f"/v1/objectives/{asked['id']}/journal"))["items"]
    decided = next(row for row in journal if row["kind"] == "approval.decided")
    assert decided["actor"] == "ana"
    assert decided["data"]["origin"].startswith("api")


async def test_it_is_paused_advanced_and_resumed(ana: Asking) -> None:
    objective_id = await manual(ana)
    await waits(ana, objective_id, "plan")
    path = f"/v1/objectives/{objective_id}"
    assert await post(ana, f"{path}/pause") == {"action": "pause", "task": ""}
    assert (await ana.refusal(409, "POST", f"{path}/pause"))["detail"] == "it is paused already"
    await approve(ana, objective_id, "plan")
    await post(ana, f"{path}/advance")
    await post(ana, f"{path}/advance", {"task": "a"})
    await ana.until(f"{path}/journal", lambda page: any(row["kind"] == "step.finished" for row in page["items"]))
    await post(ana, f"{path}/resume")
    await approve(ana, objective_id, "result")
    assert (await end_of(ana, objective_id))["stage"] == "delivered"


async def test_tasks_are_skipped_retried_and_added_and_the_mode_is_switched(ana: Asking) -> None:
    objective_id = await manual(ana)
    path = f"/v1/objectives/{objective_id}"
    await waits(ana, objective_id, "plan")
    await post(ana, f"{path}/skip", {"task": "b", "text": "not needed"})
    added = "tasks: [{id: c, title: C, needs: [a], steps: [{tool: fake.noop}]}]"
    assert (await post(ana, f"{path}/add-task", {"tasks": added}))["tasks"] == 3
    unknown = await ana.refusal(409, "POST", f"{path}/retry", json={"task": "x"})
    assert unknown["detail"] == "there is no task 'x'; there are: a, b, c"
    await approve(ana, objective_id, "plan")
    await waits(ana, objective_id, "result")
    await post(ana, f"{path}/retry", {"task": "a", "text": "shorter"})
    await waits(ana, objective_id, "result")
    await post(ana, f"{path}/mode", {"mode": "auto"})
    end = await end_of(ana, objective_id)
    assert end["stage"] == "delivered"
    [missing] = end["result"]["missing"]
    assert (missing["task_id"], missing["reason"]) == ("b", "skipped by ana: not needed")
    page = (await ana.get(f"{path}/journal"))["items"]
    assert sorted(row["task_id"] for row in page if row["kind"] == "step.finished") == ["a", "a", "c", "c"]


async def test_a_plan_is_edited_as_yaml(ana: Asking) -> None:
    objective_id = await manual(ana)
    path = f"/v1/objectives/{objective_id}"
    await waits(ana, objective_id, "plan")
    shown = await ana.client.get(f"{path}/plan", headers={"Accept": "application/yaml"})
    digest = shown.headers["ETag"].strip('"')
    edited = shown.text.replace("title: B", "title: Better")
    cycle = shown.text.replace("title: A", "title: A\n  needs: [b]")
    problem = await ana.refusal(422, "POST", f"{path}/revise-plan", json={"plan": cycle, "replaces": digest})
    assert "in a circle" in problem["detail"]
    assert (await post(ana, f"{path}/revise-plan", {"plan": edited, "replaces": digest}))["tasks"] == 2
    stale = await ana.refusal(409, "POST", f"{path}/revise-plan", json={"plan": edited, "replaces": digest})
    assert "the plan has changed" in stale["detail"]
    tasks = (await ana.get(f"{path}/tasks"))["items"]
    assert [task["title"] for task in tasks] == ["A", "Better"]
    await post(ana, f"{path}/cancel")


async def test_a_worker_from_outside_hands_in_the_result_of_a_task(ana: Asking, service: Service, tenant: str) -> None:
    objective_id = await manual(ana)
    path = f"/v1/objectives/{objective_id}"
    await waits(ana, objective_id, "plan")
    unknown = await ana.refusal(422, "POST", f"{path}/assign", json={"task": "a", "worker": "nobody"})
    assert fields_of(unknown) == ["body.worker"]
    await post(ana, f"{path}/assign", {"task": "a", "worker": "person:robot"})
    await approve(ana, objective_id, "plan")
    await waits(ana, objective_id, "work")
    digest = await ana.upload("a.txt", b"by hand")
    async with asking(service, "worker", tenant=tenant, name="robot") as robot:
        await robot.refusal(403, "POST", f"{path}/pause")
        body = {"task": "a", "summary": "done", "files": [{"sha256": digest, "name": "a.txt"}]}
        assert await post(robot, f"{path}/submit", body) == {"task": "a", "attempt": 1}
        other = await robot.refusal(403, "POST", f"{path}/submit", json={**body, "task": "b"})
        assert other["detail"] == "the task 'b' is not assigned to person:robot"
        foreign = {"task": "a", "summary": "done", "files": [{"sha256": "0" * 64, "name": "a.txt"}]}
        assert fields_of(await robot.refusal(422, "POST", f"{path}/submit", json=foreign)) == ["body.files"]
    await approve(ana, objective_id, "result")
    end = await end_of(ana, objective_id)
    assert [ref["name"] for ref in end["result"]["deliverables"]] == ["a.txt"]


async def test_what_nobody_would_read_is_refused(ana: Asking) -> None:
    objective_id = await manual(ana)
    path = f"/v1/objectives/{objective_id}"
    await waits(ana, objective_id, "plan")
    told = await ana.refusal(409, "POST", f"{path}/message", json={"task": "a", "text": "hello"})
    assert "nobody would read a message" in told["detail"]
    nothing = await ana.refusal(422, "POST", f"{path}/budget", json={"budget": {}})
    assert fields_of(nothing) == ["body.budget"]
    assert (await post(ana, f"{path}/budget", {"budget": {"turns": 5}}))["objective_id"] == objective_id
    nul = await ana.refusal(422, "POST", f"{path}/skip", json={"task": "a\x00", "text": "x"})
    assert nul["status"] == 422
    await post(ana, f"{path}/cancel")
    await end_of(ana, objective_id)
    gone = await ana.refusal(409, "POST", f"{path}/pause")
    assert gone["detail"] == f"{objective_id} has ended: cancelled"
