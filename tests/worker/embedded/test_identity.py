"""Postgres runs for root, for ordinary users and for users without a name; private folders stay private."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worker.embedded.conftest import Build
from tests.worker.embedded.house import ELSEWHERE, until
from worker.embedded import identity
from worker.embedded.errors import StackError
from worker.embedded.folder import Folder
from worker.embedded.ports import Ports
from worker.embedded.postgres import Postgres, find_binaries
from worker.embedded.process import Child

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="becomes other users, which only root may")
NAMELESS = 54321


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A folder on whose way everybody may walk, unlike pytest's own."""
    place = Path(tempfile.mkdtemp(prefix="botted-test-"))
    place.chmod(0o755)
    try:
        yield place
    finally:
        shutil.rmtree(place)


@root_only
def test_works_for_root_in_a_private_folder_and_changes_no_owner(build: Build, tmp_path: Path) -> None:
    (tmp_path / "private").mkdir(mode=0o700)
    house = build(tmp_path / "private" / "data", temporal=ELSEWHERE)

    house.ensure()

    assert {path.lstat().st_uid for path in house.folder.path.rglob("*")} == {0}


@root_only
@pytest.mark.parametrize("user", [65534, NAMELESS])
def test_works_for_an_ordinary_user_with_or_without_a_name(open_place: Path, user: int) -> None:
    os.chown(open_place, user, user)
    answer = summon_as(user, open_place / "data")

    assert answer.returncode == 0, answer.stderr
    assert {path.lstat().st_uid for path in (open_place / "data").rglob("*")} == {user}


@root_only
def test_a_folder_that_is_not_writable_is_refused_with_its_name(open_place: Path) -> None:
    answer = summon_as(65534, open_place / "data")

    assert answer.returncode == 1
    assert f"botted cannot use the data folder {open_place}/data: Permission denied" in answer.stderr


@root_only
def test_runs_as_nobody_where_namespaces_are_refused(open_place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "namespaces_work", lambda user: False)
    folder = Folder(open_place / "data")
    folder.prepare()
    part = Postgres(folder, Ports({}, print))
    child = Child(part.launch())
    try:
        until(lambda: child.exit_code() is not None or part.is_ready(child.id))
        assert Path(f"/proc/{child.id.pid}").stat().st_uid == pwd.getpwnam("nobody").pw_uid
    finally:
        child.end(part.stop_signal, 10)


@root_only
def test_says_which_folder_nobody_may_enter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "namespaces_work", lambda user: False)
    (tmp_path / "private").mkdir(mode=0o700)
    folder = Folder(tmp_path / "private" / "data")
    folder.prepare()

    with pytest.raises(StackError, match=r"'nobody' cannot enter .*: set BOTTED_DATA_DIR to a folder that others may"):
        identity.of_postgres(folder.path, find_binaries())


@root_only
def test_files_go_back_to_root_once_namespaces_work_again(open_place: Path) -> None:
    (open_place / "data").mkdir()
    (open_place / "data" / "file").touch()

    identity.give(open_place, "user:65534:65534")
    assert {path.stat().st_uid for path in open_place.rglob("*")} == {65534}
    identity.give(open_place, "namespace:65534:65534")
    assert {path.stat().st_uid for path in open_place.rglob("*")} == {0}


def summon_as(user: int, folder: Path) -> "subprocess.CompletedProcess[str]":
    """`ensure` as that user. Where Python itself lies in a private folder, it may look there, and nothing more."""
    look = "-all,+dac_read_search" if identity.closed_to_others(Path(sys.executable).resolve()) else "-all"
    words = ("--reuid", str(user), "--regid", str(user), "--clear-groups", "--inh-caps", look, "--ambient-caps", look)
    return subprocess.run(
        ["setpriv", *words, sys.executable, "-m", "tests.worker.embedded.ensure", str(folder), "--and-stop"],
        cwd="/",
        env={"HOME": "/", "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )
