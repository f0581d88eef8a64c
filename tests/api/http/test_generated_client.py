"""A client that is generated from the OpenAPI document works against the service."""

import asyncio
import importlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.api.http.asking import PLAN
from tests.service import Service

NAME = "botted_client"


@pytest.fixture(scope="module")
def generated(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("generated")
    document = folder / "openapi.json"
    document.write_text(json.dumps(service.client(service.key("viewer")).get("/v1/openapi.json").json()))
    settings = folder / "config.yaml"
    settings.write_text(f"package_name_override: {NAME}\npost_hooks: []\n")
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--path", str(document), "--meta", "none"]
    made = subprocess.run(
        [*command, "--config", str(settings), "--output-path", str(folder / NAME), "--fail-on-warning"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


def part(path: str) -> Any:
    return importlib.import_module(f"{NAME}.{path}")


async def test_it_asks_for_an_objective_approves_it_and_reads_the_result(generated: Path, service: Service) -> None:
    key = service.key("operator", tenant=f"house-{uuid4().hex[:8]}")
    await asyncio.to_thread(use, service.url, key)  # the host runs in this loop


def use(url: str, key: str) -> None:
    models, client = part("models"), part("client").AuthenticatedClient(base_url=url, token=key)
    with client:
        wanted = models.NewObjective(text="A test", plan_text=PLAN, mode=models.Mode.MANUAL)
        asked = part("api.objectives.objectives_create").sync(client=client, body=wanted)
        objective_id = asked.id
        for _ in range(2):
            _approve_what_waits(client, objective_id)
        shown = _until(client, objective_id)
        assert str(shown.stage) == "delivered", shown
        [made] = shown.result.deliverables
        assert made.name == "out.txt"
        tasks = part("api.tasks.tasks_all_tasks").sync(client=client, objective_id=objective_id)
        assert [task.id for task in tasks.items] == ["write", "rest"]
        problem = part("api.objectives.objectives_get").sync(client=client, objective_id="nothing")
        assert (problem.status, problem.title) == (404, "Not found")


def _approve_what_waits(client: Any, objective_id: str) -> None:
    """The next that waits; its decision is the client's own model too."""
    listed, decide = part("api.approvals.approvals_listed"), part("api.approvals.approvals_decide")
    deadline = time.monotonic() + 60
    while not (page := listed.sync(client=client, objective=objective_id)).items:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    models = part("models")
    body = models.NewDecision(decision=models.Decision.APPROVED)
    receipt = decide.sync(client=client, approval_id=page.items[0].id, body=body)
    assert receipt.by == "ana", receipt


def _until(client: Any, objective_id: str) -> Any:
    deadline = time.monotonic() + 60
    while True:
        shown = part("api.objectives.objectives_get").sync(client=client, objective_id=objective_id)
        if shown.result is not None:
            return shown
        assert time.monotonic() < deadline, shown
        time.sleep(0.05)
