"""An approval waits and somebody listens while every part dies: nothing is lost, and nothing comes twice."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
import pytest

from config.settings import Settings, StackSettings
from tests.e2e.command import Botted
from worker.embedded import stack

PLAYBOOK = """
name: short
version: 1.0.0
description: Writes one line.
tasks:
  - {id: a, title: A, steps: [{tool: file.write, with: {name: a.txt, content: final}}], deliverables: [a.txt]}
"""


class Listener:
    """Follows an objective over HTTP, as a browser would: comes back with the last id that it has seen."""

    def __init__(self, settings: Settings, objective_id: str, key: str) -> None:
        self._settings = settings
        self._path = f"/v1/objectives/{objective_id}/events"
        self._key = key
        self.seen: list[int] = []
        self.connections = 0
        self.over = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)
        assert not self._thread.is_alive(), f"the stream did not end; seen: {self.seen}"

    def _follow(self) -> None:
        while not self.over.is_set():
            try:
                self._listen(stack.api(self._settings, timeout=30))
            except (httpx2.HTTPError, stack.StackError):
                time.sleep(0.2)

    def _listen(self, url: str) -> None:
        headers = {"Authorization": f"Bearer {self._key}"}
        if self.seen:
            headers["Last-Event-ID"] = str(self.seen[-1])
        with (
            httpx2.Client(base_url=url, headers=headers, timeout=20, trust_env=False) as client,
            client.stream("GET", self._path) as answer,
        ):
            if answer.status_code != 200:
                return
            self.connections += 1
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                if name == "id" and value.isdecimal():
                    self.seen.append(int(value))
                if (name, value) == ("event", "end"):
                    self.over.set()
                    return


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """A stack of its own, because its parts are killed."""
    found = Settings(data_dir=tmp_path / "data", stack=StackSettings(linger_seconds=60))
    try:
        with stack.lease(found):
            stack.ensure(found)
            yield found
    finally:
        stack.stop(found)


def kill(settings: Settings, name: str) -> None:
    """And waits until another has taken its place."""
    found = stack.find(settings)
    assert found is not None
    victim = found.parts[name]
    psutil.Process(victim.pid).kill()
    deadline = time.monotonic() + 60
    while True:
        now = stack.find(settings)
        if now is not None and now.parts.get(name) not in (None, victim):
            return
        assert time.monotonic() < deadline, f"{name} did not come back"
        time.sleep(0.05)


def waits(botted: Botted, objective_id: str, subject: str) -> str:
    """The id of the approval."""
    deadline = time.monotonic() + 90
    while True:
        listed = botted("approvals", "--json")
        items = json.loads(listed.out) if listed.code == 0 else []
        for item in items:
            if (item["objective_id"], item["subject"]) == (objective_id, subject):
                return str(item["id"])
        assert time.monotonic() < deadline, listed.out + listed.err
        time.sleep(0.3)


def test_an_approval_and_its_listeners_outlive_every_part(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "short.yaml").write_text(PLAYBOOK)
    botted = Botted(settings.folder, tmp_path)
    url = stack.api(settings)
    key = (settings.folder / "admin.key").read_text().strip()
    objective_id = botted("run", "Write it", "--playbook", "short.yaml", "--mode", "manual", "--detach").out.strip()
    listener = Listener(settings, objective_id, key)
    plan = waits(botted, objective_id, "plan")
    for name in ("api", "host", "temporal", "postgres"):
        kill(settings, name)
    assert waits(botted, objective_id, "plan") == plan
    approved = botted("approve", plan, "--yes")
    assert approved.code == 0, approved.out + approved.err
    late = botted("deny", plan, "--because", "too late", "--yes")
    assert late.code != 0
    result = waits(botted, objective_id, "result")
    kill(settings, "host")
    headers = {"Authorization": f"Bearer {key}"}
    with httpx2.Client(base_url=stack.api(settings), headers=headers, timeout=60, trust_env=False) as client:
        assert url
        answer = client.post(f"/v1/approvals/{result}/decide", json={"decision": "approved"})
        assert answer.status_code == 200, answer.text
        ended = botted("watch", objective_id, "--json")
        assert ended.code == 0, ended.out + ended.err
        listener.join(60)
        items = client.get(f"/v1/objectives/{objective_id}/journal", params={"limit": 200}).json()["items"]
    assert listener.seen == [item["seq"] for item in items] == list(range(1, len(items) + 1))
    assert listener.connections > 1
    kinds = [item["kind"] for item in items]
    assert kinds.count("approval.requested") == 2
    assert kinds.count("approval.decided") == 2
    assert kinds.count("step.finished") == 1
