"""Taking the wheel of what runs: every command that steers, through the front door."""

import json
from pathlib import Path

import pytest

from api.cli.person import person
from tests.e2e.command import Botted
from tests.e2e.people import TWO_NOTES, Here, People
from workflows.domain.objective import Stage
from workflows.domain.outcome import TaskState

MORE = """
tasks:
  - id: more
    title: Write more
    needs: [a]
    steps: [{tool: file.write, with: {name: more.txt, content: "more, attempt {{ attempt }} {{ feedback }}"}}]
    deliverables: [more.txt]
"""
EDITOR = """#!/bin/sh
cp "$1" before.yaml
sed "$EDIT" before.yaml > "$1"
"""


def test_every_control_does_what_it_says(botted: Botted, here: Here, people: People, tmp_path: Path) -> None:
    id_ = people.begin(TWO_NOTES)
    people.waiting(id_, "plan")
    assert botted("pause", id_[:-2]).out.startswith(f"paused {id_}: ")
    assert here("assign", id_, "a", "person:ana").code == 0
    assert here("approve", id_).code == 0
    assert people.done(id_) == []

    assert here("advance", id_).out == f"{id_}: one thing may begin\n"
    people.waiting(id_, "work", "a")
    assert here("stop-task", id_, "a").code == 0
    assert here("retry", id_, "a", "--with", "by somebody else").code == 0
    assert here("advance", id_).code == 0
    people.waiting(id_, "work", "a", attempt=2)  # the first was stopped

    (tmp_path / "a.txt").write_text("a, by hand")
    wrong = here("submit", id_, "a", "--summary", "done", "--file", f"wrong.txt={tmp_path / 'a.txt'}")
    assert wrong.code == 1
    assert "promised and not there: a.txt" in wrong.err
    assert botted("submit", id_, "a", "--summary", "done", "--file", "a.txt").code == 0
    people.until(id_, lambda view: view.tasks["a"].state is TaskState.APPROVED)

    assert here("skip", id_, "b", "--because", "not needed").code == 0
    (tmp_path / "more.yaml").write_text(MORE)
    assert "has a new plan of 4 tasks" in here("add-task", id_, "more.yaml").out
    shown = here("show", id_).out
    assert "paused  manual mode  1 of 4 tasks approved" in shown
    assert "✓ Write a" in shown
    assert "by person:ana" in shown
    assert f"– Write b  skipped by {person()}: not needed" in shown
    assert here("resume", id_).out == f"{id_} goes on\n"
    people.waiting(id_, "result")
    assert here("retry", id_, "more", "--with", "again").code == 0
    people.until(id_, lambda view: view.tasks["more"].attempt == 2 and view.stage is Stage.REVIEW)
    assert here("mode", id_, "auto").out == f"{id_} goes on in auto mode\n"

    ended = people.until(id_, lambda view: view.stage.ended)
    assert ended.stage is Stage.DELIVERED
    assert people.done(id_) == [("a", 2), ("both", 1), ("more", 1), ("more", 2)]
    assert here("cancel", id_).err == f"botted: {id_} has ended: delivered\n"


def test_a_plan_is_edited_and_what_was_typed_is_never_lost(
    here: Here, people: People, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = people.begin()
    people.waiting(id_, "plan")
    people.temporal("workflow", "signal", "-w", f"objective/{id_}", "--name", "pause", "-i", '{"by": "ana"}')
    people.until(id_, lambda view: view.paused)
    editor = tmp_path / "editor"
    editor.write_text(EDITOR)
    editor.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(editor))
    monkeypatch.delenv("VISUAL", raising=False)

    def edit(script: str, *arguments: object) -> tuple[int, str]:
        monkeypatch.setenv("EDIT", script)
        ended = here("plan", id_, "--edit", *arguments)
        return ended.code, ended.out + ended.err

    in_a_circle = "s/title: Write a$/title: Write a\\n  needs: [both]/"
    code, said = edit(in_a_circle)
    assert code == 2
    assert "tasks need each other in a circle: " in said
    kept = Path(said.split("what you typed is in ")[1].split("\n")[0])
    assert "needs: [both]" in kept.read_text()
    code, said = edit("/needs: .both/d", "--from", kept)
    assert code == 0, said
    kept.unlink()
    code, said = edit("s/title: Write both/title: Write them both/")
    assert code == 0, said
    assert people.view(id_).tasks["both"].title == "Write them both"

    # before.yaml is what the last edit began with: that plan is not the one that counts any more
    stale = here("plan", id_, "--from", "before.yaml")
    assert stale.code == 1
    assert "the plan has changed since this one was made from it" in stale.err


def test_a_plan_that_touches_what_is_done_is_refused(here: Here, people: People, tmp_path: Path) -> None:
    id_ = people.begin()
    plan = people.waiting(id_, "plan")
    decision = json.dumps({"approval": plan.id, "decision": "approved", "by": "ana"})
    people.temporal("workflow", "signal", "-w", f"objective/{id_}", "--name", "verdict", "-i", decision)
    people.waiting(id_, "result")
    yaml = here("plan", id_, "--yaml").out
    (tmp_path / "plan.yaml").write_text(yaml.replace("title: Write a\n", "title: Write A\n"))
    refused = here("plan", id_, "--from", "plan.yaml")
    assert refused.code == 2
    assert "the task 'a' is done or being worked on; its title cannot change any more" in refused.err
    assert people.view(id_).tasks["a"].title == "Write a"
