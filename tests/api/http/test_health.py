"""Health and metrics, for orchestrators and for monitoring."""

import asyncio
from collections.abc import Iterator
from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.objectives import Objectives, until
from tests.service import Service, ServiceProcess
from worker.embedded.stack import Addresses


@pytest.fixture(scope="module")
def behind_a_proxy(objectives: Objectives, addresses: Addresses) -> Iterator[Service]:
    """Whom nobody can tell from a caller elsewhere."""
    with Service(objectives.engine, addresses.temporal_address, objectives.folder, behind_tls_proxy=True) as service:
        yield service


def test_live_and_ready_need_no_key(service: Service) -> None:
    for name in ("live", "ready"):
        answer = service.client().get(f"/v1/health/{name}")
        assert (answer.status_code, answer.json()) == (200, {"ready": True})


async def test_each_part_is_told_to_who_may_read(service: Service) -> None:
    client = service.client(service.key("worker"))

    def parts() -> dict[str, str]:
        return {part["name"]: part["state"] for part in client.get("/v1/health").json()["parts"]}

    await until(lambda: parts() == {"postgres": "ok", "temporal": "ok", "hosts": "ok", "api": "ok"})
    health = client.get("/v1/health").json()
    assert health["state"] == "ok"
    assert "password" not in str(health)
    assert str(service.engine.url.password) not in str(health)
    assert service.client().get("/v1/health").status_code == 401


def test_metrics_are_what_prometheus_reads(service: Service) -> None:
    service.client(service.key("viewer")).get("/v1/keys")

    answer = service.client().get("/metrics")

    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found = {family.name: family for family in text_string_to_metric_families(answer.text)}
    refused = {
        (sample.labels["method"], sample.labels["route"], sample.labels["status"])
        for sample in found["botted_http_requests"].samples
    }
    assert ("GET", "/v1/keys", "403") in refused
    assert {"botted_http_seconds", "botted_open_approvals", "botted_journal_rows", "botted_postgres_up"} <= set(found)


def test_what_callers_make_up_is_no_label(service: Service) -> None:
    service.client().get(f"/v1/made-up-{uuid4().hex}")
    service.client().request("MADEUP", "/v1/keys")

    text = service.client().get("/metrics").text

    assert "made-up" not in text
    assert "MADEUP" not in text


async def test_objectives_are_counted_by_tenant(behind_a_proxy: Service, objectives: Objectives) -> None:
    running = await objectives.start(
        "tasks:\n  - {id: rest, title: Rest, steps: [{tool: fake.noop}]}\n", tenant="counted"
    )
    result = await asyncio.wait_for(running.result(), 60)

    text = behind_a_proxy.client(behind_a_proxy.key("viewer", tenant="counted")).get("/metrics").text

    assert f'botted_objectives{{stage="{result.stage}"}} 1.0' in text
    assert f"botted_journal_rows {len(objectives.journal(running))}.0" in text


def test_from_elsewhere_metrics_need_a_key_and_count_its_tenant_only(behind_a_proxy: Service) -> None:
    assert behind_a_proxy.client().get("/metrics").status_code == 401
    assert behind_a_proxy.client(behind_a_proxy.key("viewer", expires_at=None)).get("/metrics").status_code == 200

    nobodys = behind_a_proxy.client(behind_a_proxy.key("viewer", tenant="empty")).get("/metrics").text

    assert "botted_journal_rows 0.0" in nobodys
    assert "botted_objectives{" not in nobodys


def test_the_sdks_own_metrics_are_among_them(objectives: Objectives, addresses: Addresses) -> None:
    with ServiceProcess(objectives.engine, addresses.temporal_address, objectives.folder) as service:
        client = service.client()
        client.get("/v1/health/ready")

        assert "temporal_request{" in client.get("/metrics").text
