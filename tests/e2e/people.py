"""An objective on the shared stack's own host, and what people can find out about it."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from activities.store import approvals, journal
from activities.store.artifacts import ArtifactStore
from activities.store.journal import JournalRow
from activities.store.objectives import ObjectiveStore
from api.cli import main
from api.services.starting import start
from api.services.view import ObjectiveView
from config import temporal
from config.settings import Settings, load
from tests.e2e.command import Ended
from worker.embedded.stack import Addresses
from workflows.domain.approval import Approval
from workflows.domain.objective import Mode, Objective

TEMPORAL = str(Path(sys.executable).with_name("temporal"))
TWO_NOTES = """
name: notes
version: 1.0.0
description: Two notes, and one that builds on both.
tasks:
  - id: a
    title: Write a
    steps: [{tool: file.write, with: {name: a.txt, content: "a, attempt {{ attempt }} {{ feedback }}"}}]
    deliverables: [a.txt]
  - id: b
    title: Write b
    steps: [{tool: file.write, with: {name: b.txt, content: "b, attempt {{ attempt }} {{ feedback }}"}}]
    deliverables: [b.txt]
  - id: both
    title: Write both
    needs: [a, b]
    steps: [{tool: file.write, with: {name: both.txt, content: "both, attempt {{ attempt }}"}}]
    deliverables: [both.txt]
"""


class Here:
    """The command in this process: all of it but the two seconds in which a program of its own begins."""

    def __init__(self, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> None:
        self._patch = patch
        self._capture = capture

    def __call__(self, *arguments: object) -> Ended:
        self._patch.setattr(sys, "argv", ["botted", *map(str, arguments)])
        self._capture.readouterr()
        load.cache_clear()
        code = main.code()
        load.cache_clear()
        said = self._capture.readouterr()
        return Ended(code, said.out, said.err)


class People:
    def __init__(self, engine: Engine, settings: Settings, addresses: Addresses) -> None:
        self.engine = engine
        self._artifacts = ArtifactStore(engine, settings.folder)
        self._address = addresses.temporal_address

    def begin(self, playbook: str = TWO_NOTES, *, mode: Mode = Mode.MANUAL, **fields: Any) -> str:
        """Its id. Without the command, which takes two seconds to start."""
        objective = Objective(
            id=f"people-{uuid4().hex[:10]}",
            text="Write notes",
            playbook=self._artifacts.put("notes.yaml", playbook.encode(), "application/yaml"),
            mode=mode,
            **fields,
        )
        ObjectiveStore(self.engine).open(objective)
        asyncio.run(self._start(objective))
        return objective.id

    def waiting(self, objective_id: str, subject: str, task_id: str = "", attempt: int = 0) -> Approval:
        """What waits of this, now or soon."""
        found: list[Approval] = []

        def asked() -> bool:
            with self.engine.connect() as connection:
                rows = approvals.listed(connection, "default", objective_id=objective_id)
            found[:] = [row.request for row in rows if (row.request.subject, row.request.task_id) == (subject, task_id)]
            return bool(found) and found[0].attempt >= attempt

        self._until(asked, lambda: f"{subject} {task_id} is not asked for; journal: {self.journal(objective_id)}")
        return found[0]

    def until(self, objective_id: str, condition: Callable[[ObjectiveView], bool]) -> ObjectiveView:
        self._until(lambda: condition(self.view(objective_id)), lambda: str(self.view(objective_id)))
        return self.view(objective_id)

    def view(self, objective_id: str) -> ObjectiveView:
        view = ObjectiveView(objective_id)
        view.take(self.journal(objective_id))
        return view

    def journal(self, objective_id: str) -> tuple[JournalRow, ...]:
        with self.engine.connect() as connection:
            return journal.read(connection, objective_id)

    def done(self, objective_id: str) -> list[tuple[str, int]]:
        """(task, attempt) of each step that was finished, sorted."""
        rows = [row for row in self.journal(objective_id) if row.kind == "step.finished"]
        return sorted((row.task_id, row.attempt) for row in rows)

    def temporal(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Temporal's own command line."""
        command = [TEMPORAL, *arguments, "--address", self._address]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    def _until(self, condition: Callable[[], bool], complaint: Callable[[], str]) -> None:
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline, complaint()
            time.sleep(0.05)

    async def _start(self, objective: Objective) -> None:
        await start(await temporal.connect(self._address), objective)
