"""Data folders that cannot be used are refused with words that help."""

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from tests.worker.embedded.conftest import Build
from tests.worker.embedded.house import ELSEWHERE
from worker.embedded import stack
from worker.embedded.errors import StackError
from worker.embedded.folder import LOG_LIMIT, Folder, last_lines, rotate

Usage = namedtuple("Usage", "total used free")


def test_refuses_a_folder_of_a_newer_botted(build: Build) -> None:
    house = build()
    house.folder.prepare()
    house.folder.format.write_text("7\n")

    with pytest.raises(StackError, match=r"newer botted \(format 7; this one knows 1\): upgrade botted or set"):
        house.ensure()


def test_refuses_a_format_that_is_no_number(build: Build) -> None:
    house = build()
    house.folder.prepare()
    house.folder.format.write_text("one")

    with pytest.raises(StackError, match="should hold a number"):
        house.ensure()


def test_refuses_a_file_in_the_place_of_the_folder(build: Build, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StackError, match="is a file, not a folder"):
        build(tmp_path / "file").ensure()


def test_refuses_a_folder_that_cannot_be_made(build: Build, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StackError, match=r"cannot use the data folder .*set BOTTED_DATA_DIR"):
        build(tmp_path / "file" / "data").ensure()


def test_refuses_a_full_disk(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9 - 5_000_000, 5_000_000))

    with pytest.raises(StackError, match=r"Only 5 MB are free .* needs 150 MB"):
        build().ensure()


def test_refuses_a_database_of_another_postgres(build: Build) -> None:
    house = build(temporal=ELSEWHERE)
    house.folder.prepare()
    (house.folder.postgres / "data").mkdir(parents=True)
    (house.folder.postgres / "data" / "PG_VERSION").write_text("17\n")

    with pytest.raises(StackError, match="made by Postgres 17; this botted brings 18"):
        house.ensure()


def test_is_kept_out_of_version_control(tmp_path: Path) -> None:
    Folder(tmp_path / "data").prepare()

    assert (tmp_path / "data" / ".gitignore").read_text() == "*\n"


def test_finds_nothing_where_there_is_no_folder(build: Build, tmp_path: Path) -> None:
    house = build(tmp_path / "none")

    assert stack.find(house.settings) is None
    assert not stack.stop(house.settings)
    assert not house.folder.path.exists()


def test_a_log_that_has_grown_is_put_aside(tmp_path: Path) -> None:
    log = tmp_path / "part.log"
    log.write_bytes(b"x" * LOG_LIMIT + b"\nlast words\n")
    assert last_lines(log, 1) == "  last words"

    rotate(log)

    assert not log.exists()
    assert (tmp_path / "part.log.1").exists()
