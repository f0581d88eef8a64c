"""`botted up`, `botted down` and `botted doctor` as an operator uses them."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from config.settings import Settings
from tests.e2e.command import PROGRAM, Botted
from worker.embedded import stack


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Botted]:
    """A data folder of its own; whatever runs in it at the end is stopped."""
    try:
        yield Botted(tmp_path / "data", tmp_path)
    finally:
        stack.stop(Settings(data_dir=tmp_path / "data"))


def test_up_says_where_everything_is_and_shuts_down_in_order(own: Botted, tmp_path: Path) -> None:
    terminal = own.in_terminal("up")
    try:
        terminal.see("Ctrl-C stops everything", seconds=90)
        found = stack.find(Settings(data_dir=tmp_path / "data"))
        assert found is not None
        assert found.addresses is not None
        assert found.addresses.web_ui is not None
        assert found.addresses.web_ui in terminal.shown
        assert found.addresses.temporal_address in terminal.shown
        assert "password" not in terminal.shown.lower()
        terminal.see("admin.key", seconds=90)
        assert f"API       {stack.api(Settings(data_dir=tmp_path / 'data'))}" in terminal.shown
        found = stack.find(Settings(data_dir=tmp_path / "data"))
        assert found is not None
        assert "api" in found.parts
        pids = [process.pid for process in found.parts.values()]
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.end() == 0
    finally:
        terminal.close()
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert "nothing runs" in own("down").out


def test_the_temporal_command_line_alone_tells_the_story(own: Botted, tmp_path: Path) -> None:
    """The commands that the README shows, as they stand there."""
    playbook = tmp_path / "note.yaml"
    playbook.write_text(
        "name: note\nversion: 1.0.0\ndescription: x\ntasks:\n"
        "  - {id: write, title: Write a note, steps: [{tool: file.write, with: {name: n.txt, content: hi}}]}\n"
    )
    objective_id = own("run", "A note", "--playbook", playbook, "--mode", "manual", "--detach").out.strip()
    waiting = own.start("watch", objective_id)
    assert waiting.stderr is not None
    assert "waits for your approval of the plan" in waiting.stderr.readline()
    found = stack.find(Settings(data_dir=tmp_path / "data"))
    assert found is not None
    assert found.addresses is not None
    program = [str(Path(PROGRAM).with_name("temporal")), "workflow"]
    address = ["--address", found.addresses.temporal_address]

    def temporal(*arguments: str) -> str:
        command = [*program, *arguments, *address]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    workflow = f"objective/{objective_id}"
    assert "1 tasks approved" in temporal("metadata", "-w", workflow).replace("of ", "")
    assert '"plan"' in temporal("query", "-w", workflow, "--name", "pending")
    decision = '{"subject": "plan", "decision": "approved", "by": "ana"}'
    temporal("signal", "-w", workflow, "--name", "verdict", "-i", decision)
    assert "waits for your approval of the result" in waiting.stderr.readline()
    temporal("signal", "-w", workflow, "--name", "verdict", "-i", decision.replace("plan", "result"))
    waiting.communicate(timeout=60)
    assert waiting.returncode == 0
    listed = temporal("list", "--query", 'WorkflowType="ObjectiveWorkflow" AND BottedStage="delivered"')
    assert workflow in listed
    assert "Write a note" in temporal("describe", "-w", f"{workflow}/task/write")


def test_doctor_says_what_is_there_and_what_to_do(own: Botted) -> None:
    ended = own("doctor")
    assert ended.code == 0, ended.out
    for name in ("Python", "Postgres", "Temporal", "Data folder"):
        assert re.search(rf"^ok +{name}", ended.out, re.MULTILINE), ended.out


def test_a_port_that_somebody_took_is_replaced(own: Botted, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    own("list")
    found = stack.find(settings)
    assert found is not None
    own("down")
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", found.ports["temporal"]))
        taken.listen()
        assert own("list").code == 0
        moved = stack.find(settings)
    assert moved is not None
    assert moved.ports["temporal"] != found.ports["temporal"]


def test_a_host_without_addresses_says_what_to_set(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-m", "worker"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "BOTTED_TEMPORAL__ADDRESS" in ended.stderr
