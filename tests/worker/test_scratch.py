import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from worker.scratch import own_scratch


def test_temporary_files_go_there_and_with_it(tmp_path: Path) -> None:
    with own_scratch(tmp_path) as scratch:
        assert Path(tempfile.mkdtemp()).parent == scratch
    assert list((tmp_path / "scratch").iterdir()) == []


def test_removes_what_a_killed_host_left_and_nothing_else(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    machine = socket.gethostname()
    names = {f"{machine}-{dead.pid}": False, f"{machine}-{os.getppid()}": True, f"elsewhere-{dead.pid}": True}
    for name in names:
        (tmp_path / "scratch" / name).mkdir(parents=True)
    with own_scratch(tmp_path):
        assert {name: (tmp_path / "scratch" / name).exists() for name in names} == names
