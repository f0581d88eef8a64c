"""The main job through the front door."""

import json
import re
from pathlib import Path

import pytest

from tests.e2e.command import Botted, Ended

WRITE = """
name: notes
version: 1.0.0
description: Writes a note.
inputs: {words: {required: true, description: what to write}}
tasks:
  - id: write
    title: Write the note
    steps: [{tool: file.write, with: {name: note.txt, content: "{{ inputs.words if attempt > 1 else 'first draft' }}"}}]
    checks: [{check: text.says, with: {artifact: note.txt, excludes: [draft]}}]
    deliverables: [note.txt]
"""
SLOW = """
name: slow
version: 1.0.0
description: Counts for long.
files: {kind: tables, min: 1}
tasks:
  - id: count
    title: Count for long
    steps:
      - tool: data.query
        with:
          files: {t: "{{ files[0].name }}"}
          sql: "SELECT count(*) AS n FROM t, range(2000000) a, range(100000) b WHERE hash(a.range, b.range) % 7 = 1"
          artifact: n.csv
"""


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("playbooks") / "notes.yaml"
    path.write_text(WRITE)
    return path


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    path = tmp_path / "slow.yaml"
    path.write_text(SLOW)
    return path


@pytest.fixture(scope="module")
def reported(
    tmp_path_factory: pytest.TempPathFactory, settings: object, addresses: object, weather: Path
) -> tuple[Ended, Path]:
    """One report on real data that several tests look at."""
    from config.settings import Settings

    assert isinstance(settings, Settings)
    cwd = tmp_path_factory.mktemp("report")
    ended = Botted(settings.folder, cwd)("run", "What was the weather like?", "--file", weather, "--out", "out")
    return ended, cwd / "out"


def test_a_report_on_real_data_is_delivered_with_every_figure_a_claim(reported: tuple[Ended, Path]) -> None:
    ended, out = reported
    assert ended.code == 0, ended.out + ended.err
    assert {path.name for path in out.iterdir() if path.is_file()} == {"claims.json", "report.html", "report.md"}
    claims = json.loads((out / "claims.json").read_text())["claims"]
    assert len(claims) > 50
    report = (out / "report.md").read_text()
    assert "2,000" in report
    charts = re.findall(r"!\[.*?\]\(<(.+?)>\)", report)
    assert len(charts) > 5
    assert [chart for chart in charts if not (out / chart).is_file()] == []
    html = (out / "report.html").read_text()
    assert "<script" not in html
    assert not re.search(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//""", html)


def test_progress_comes_as_plain_lines_without_a_terminal(reported: tuple[Ended, Path]) -> None:
    ended, _ = reported
    assert "playbook: data-report (it fits these files" in ended.out
    assert "Trends of weather.csv: approved by verifier:checks" in ended.out
    assert "Delivered in" in ended.out
    assert "\x1b[" not in ended.out


def test_rework_carries_the_feedback_and_is_delivered(botted: Botted, notes: Path) -> None:
    ended = botted("run", "Write a note", "--playbook", notes, "--input", "words=all good", "--json")
    assert ended.code == 0
    assert ended.json["stage"] == "delivered"
    assert ended.json["tasks"] == [{"id": "write", "title": "Write the note", "state": "approved", "attempts": 2}]
    decisions = [(verdict["subject"], verdict["decision"]) for verdict in ended.json["verdicts"]]
    assert decisions == [("task", "rejected"), ("task", "approved"), ("result", "approved")]
    [written] = ended.json["files"]
    assert Path(written).read_text() == "all good"


def test_what_was_not_delivered_is_said_with_exit_code_1(botted: Botted, notes: Path) -> None:
    ended = botted("run", "Write a note", "--playbook", notes, "--input", "words=still a draft")
    assert ended.code == 1
    assert "missing Write the note: not approved after 2 attempts, twice for the same reason" in ended.out
    assert "'note.txt' contains 'draft'" in ended.out


def test_an_objective_goes_on_detached_and_is_found_again(botted: Botted, notes: Path) -> None:
    started = botted("run", "Write a note", "--playbook", notes, "--input", "words=hello", "--detach")
    objective_id = started.out.strip()
    assert started.code == 0
    assert botted("watch", objective_id, "--out", "here").code == 0
    assert (botted.cwd / "here" / "note.txt").read_text() == "hello"
    assert objective_id in [row["id"] for row in json.loads(botted("list", "--json").out)]
    shown = botted("show", objective_id[:-2], "--journal")
    assert "Write the note (attempt 2): approved by verifier:checks" in shown.out
    assert "Delivered in" in shown.out


def test_a_claim_that_was_altered_is_caught(
    botted: Botted, reported: tuple[Ended, Path], weather: Path, tmp_path: Path
) -> None:
    playbook = tmp_path / "again.yaml"
    playbook.write_text("""
name: check-again
version: 1.0.0
description: Checks claims that somebody brings.
files: {min: 2}
tasks:
  - id: check
    title: Check the claims
    steps: [{tool: file.read, with: {name: claims.json}}]
    checks: [{check: claims.hold, with: {claims: claims.json}}]
""")
    honest = reported[1] / "claims.json"
    asked = ("run", "Check these claims", "--playbook", playbook, "--file", weather, "--file")
    assert botted(*asked, honest).code == 0
    altered = tmp_path / "claims.json"
    document = json.loads(honest.read_text())
    claim = next(claim for claim in document["claims"] if isinstance(claim["value"], int) and claim["value"] > 100)
    claim["value"] += 1
    altered.write_text(json.dumps(document))
    ended = botted(*asked, altered)
    assert ended.code == 1
    assert claim["id"] in ended.out


def test_in_a_terminal_the_tasks_are_shown_live(botted: Botted, notes: Path) -> None:
    terminal = botted.in_terminal("run", "Write a note", "--playbook", notes, "--input", "words=hi")
    try:
        assert terminal.end() == 0
        terminal.see("✓ Write the note")
        terminal.see("attempt 2 of 3")
        terminal.see("note.txt")
    finally:
        terminal.close()


@pytest.mark.parametrize(("key", "stage"), [("c", "cancelled"), ("b", "running")])
def test_ctrl_c_asks_whether_to_cancel_or_to_go_on_without_me(
    botted: Botted, slow: Path, weather: Path, key: str, stage: str
) -> None:
    terminal = botted.in_terminal("run", f"Count {key}", "--playbook", slow, "--file", weather)
    try:
        terminal.see("Count for long")
        terminal.interrupt()
        terminal.see("[b]ackground")
        terminal.type(f"{key}\n")
        assert terminal.end() == 130
    finally:
        terminal.close()
    [newest, *_] = json.loads(botted("list", "--json", "--limit", "1").out)
    assert newest["stage"] == stage
    if stage == "running":
        assert botted("cancel", newest["id"]).code == 0
        assert botted("watch", newest["id"]).code == 1


def test_in_manual_mode_a_person_decides_in_the_terminal_and_from_another(botted: Botted, notes: Path) -> None:
    asked = ("run", "Write a note", "--playbook", notes, "--input", "words=hi", "--mode", "manual")
    terminal = botted.in_terminal(*asked)
    try:
        terminal.see("Approve the plan?")
        terminal.type("y\n")
        terminal.see("Approve the result?")
        terminal.type("l\n")
        terminal.see("botted approve")
        [newest, *_] = json.loads(botted("list", "--json", "--limit", "1").out)
        assert botted("approve", newest["id"]).code == 0
        assert terminal.end() == 0
    finally:
        terminal.close()


def test_a_denied_plan_is_not_run(botted: Botted, notes: Path) -> None:
    asked = ("run", "Write", "--playbook", notes, "--input", "words=hi", "--mode", "manual", "--detach")
    objective_id = botted(*asked).out.strip()
    waiting = botted.start("watch", objective_id)
    assert waiting.stderr is not None
    assert "waits for your approval of the plan" in waiting.stderr.readline()
    assert botted("deny", objective_id, "--because", "not now").code == 0
    out, _ = waiting.communicate(timeout=30)
    assert waiting.returncode == 1
    assert "did not approve the plan: not now" in out
    assert "nothing of" in botted("approve", objective_id).err
