"""Whole objectives by a real model that is far too small: every part of the wire works, and no nonsense is delivered.

The model's answers have a form and no sense. What is tested is that the plan, the turns and the verdicts come over
the wire, are accounted for, and that what does not hold is said and not delivered.
"""

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from activities.store import database, journal
from activities.store.journal import JournalRow
from activities.store.tables import model_calls
from tests.e2e.command import Botted
from tests.local_model.conftest import LocalStack

pytestmark = pytest.mark.timeout(900)

WORK = """
name: by-worker
version: 1.0.0
description: A worker writes a file, and a verifier judges it.
tasks:
  - id: write
    title: Write a haiku
    work:
      instructions: Call file_write with the name haiku.txt and a haiku about rain as content. Then submit haiku.txt.
      tools: [file.write]
      max_turns: 3
    checks: [{check: text.length, with: {artifact: haiku.txt, min_words: 10, max_words: 20}}]
    criteria: [It has three lines., It is about rain.]
    review: {max_attempts: 1}
    deliverables: [haiku.txt]
"""
JUDGED = """
name: judged
version: 1.0.0
description: A verifier judges a file.
tasks:
  - id: claim
    title: State the capital of France
    steps: [{tool: file.write, with: {name: capital.txt, content: The capital of France is Rome.}}]
    criteria: [It names the right city.]
    review: {max_attempts: 1, when_uncertain: reject}
    deliverables: [capital.txt]
"""


class Asked:
    """An objective that was asked for on the command line, and what became of it."""

    def __init__(self, engine: Engine, botted: Botted, *arguments: object) -> None:
        ended = botted("run", *arguments, "--json", seconds=800)
        assert ended.out, ended.err
        self.code, self.summary = ended.code, ended.json
        with engine.connect() as connection:
            self.rows: tuple[JournalRow, ...] = journal.read(connection, self.summary["id"])
            self.calls = connection.execute(
                select(model_calls).where(model_calls.c.objective_id == self.summary["id"])
            ).all()


@pytest.fixture
def asked(local_stack: LocalStack, tmp_path: Path) -> "Asker":
    return Asker(local_stack, tmp_path)


class Asker:
    def __init__(self, local_stack: LocalStack, cwd: Path) -> None:
        self._stack = local_stack
        self._cwd = cwd

    def __call__(self, *arguments: object, playbook: str = "") -> Asked:
        local = self._stack.settings.local
        given = {
            "BOTTED_LOCAL__GGUF": str(local.gguf),
            "BOTTED_LOCAL__CONTEXT_TOKENS": str(local.context_tokens),
            "BOTTED_LOCAL__SLOTS": str(local.slots),
            "BOTTED_LOCAL__THREADS": str(local.threads),
            "BOTTED_LOCAL__ALIAS": local.alias,
        }
        botted = Botted(self._stack.settings.folder, self._cwd, **given)
        if playbook:
            (self._cwd / "playbook.yaml").write_text(playbook)
            arguments = (*arguments, "--playbook", "playbook.yaml")
        engine = database.connect(self._stack.addresses.database_url)
        try:
            return Asked(engine, botted, *arguments)
        finally:
            engine.dispose()


def test_a_plan_comes_over_the_wire_and_what_does_not_hold_is_not_worked_on(asked: Asker) -> None:
    found = asked("Find out which month has the worst delays and write it up.")
    assert found.code == 1
    assert not found.summary["delivered"]
    assert found.summary["reason"] or found.summary["missing"]
    # It may never come to an end, and is then cut and asked again with the room that there is.
    asked_for = [row for row in found.calls if row.role == "planner"]
    assert asked_for
    assert all(row.input_tokens > 1000 and row.output_tokens > 50 and not row.estimated for row in asked_for)
    assert all(row.cost_usd == 0 for row in asked_for)
    for row in asked_for:
        if row.state == "done":  # the form is right: llama.cpp keeps to the schema
            assert {"tasks", "checks", "criteria"} <= json.loads(row.response["text"]).keys()


def test_a_tool_is_called_and_the_work_is_not_delivered_unless_it_holds(asked: Asker) -> None:
    found = asked("Write a haiku", playbook=WORK)
    _accounted_for(found, "executor")
    called = [call["name"] for row in found.calls if row.state == "done" for call in row.response["tool_calls"]]
    assert set(called) & {"file_write", "submit", "give_up", "recall"}
    assert found.code == 1, "this model cannot write a haiku that two checks and a verifier let through"


def test_a_wrong_claim_is_not_delivered_by_a_verifier_that_cannot_tell(asked: Asker) -> None:
    found = asked("Name the capital", playbook=JUDGED)
    _accounted_for(found, "verifier")
    assert found.code == 1
    assert [row.data["decision"] for row in found.rows if row.kind == "verdict" and row.actor == "verifier:panel"] == [
        "rejected"
    ]


def _accounted_for(found: Asked, role: str) -> None:
    """Real tokens, as the server counted them, at no cost."""
    done = [row for row in found.calls if row.role == role and row.state == "done"]
    assert done, [(row.kind, row.text) for row in found.rows]
    assert all(row.input_tokens > 100 and row.output_tokens > 0 and not row.estimated for row in done)
    assert all(row.cost_usd == 0 and row.priced for row in done)
    assert not any(row.state == "reserved" for row in found.calls)
