from pathlib import Path

import pytest
from sqlalchemy import Engine

from activities.store.artifacts import INLINE_BYTES, ArtifactLost, ArtifactStore
from activities.tools.tool import ToolCancelled, ToolError
from activities.workspace import StoreWorkspace

SMALL, LARGE = b"small", b"x" * (INLINE_BYTES + 1)


@pytest.fixture
def store(engine: Engine, tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(engine, tmp_path / "data")


@pytest.mark.parametrize("content", [SMALL, LARGE, b""], ids=["small", "large", "empty"])
def test_content_comes_back_under_its_hash_however_it_came_in(
    store: ArtifactStore, tmp_path: Path, content: bytes
) -> None:
    source = tmp_path / "source.bin"
    source.write_bytes(content)
    ref = store.put("a.bin", content, "application/octet-stream")
    again = store.put_file("b.bin", source, "application/octet-stream")
    assert (ref.sha256, ref.size) == (again.sha256, again.size) == (ref.sha256, len(content))
    assert store.read(ref.sha256) == content
    assert store.file(ref.sha256, tmp_path / "out" / "c.bin").read_bytes() == content


def test_content_that_vanished_from_the_folder_is_said_to_be_lost(store: ArtifactStore, tmp_path: Path) -> None:
    content = LARGE + str(tmp_path).encode()
    ref = store.put("a.bin", content, "application/octet-stream")
    [kept] = [path for path in (tmp_path / "data" / "artifacts").rglob("*") if path.is_file()]
    kept.unlink()
    with pytest.raises(ArtifactLost, match=ref.sha256[:12]):
        store.read(ref.sha256)


def test_a_workspace_reads_what_is_visible_and_keeps_what_it_made(store: ArtifactStore, tmp_path: Path) -> None:
    given = store.put("data/a.csv", b"a,b\n1,2\n", "text/csv")
    with StoreWorkspace(store, [given], tmp_path / "scratch") as workspace:
        assert workspace.path("data/a.csv").suffix == ".csv"
        workspace.write("out.txt", b"first", "text/plain")
        workspace.write("out.txt", b"second", "text/plain")
        assert workspace.read("out.txt") == b"second"
        assert workspace.names() == ("data/a.csv", "out.txt")
        assert [ref.name for ref in workspace.made] == ["out.txt"]
        with pytest.raises(ToolError, match=r"there are: data/a\.csv, out\.txt"):
            workspace.read("nowhere.txt")
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.parametrize("name", ["../up.txt", "/abs.txt", "a/../../b", "", "x" * 400])
def test_a_workspace_refuses_names_that_lead_out_of_it(store: ArtifactStore, tmp_path: Path, name: str) -> None:
    with StoreWorkspace(store, [], tmp_path) as workspace, pytest.raises(ToolError, match="relative path"):
        workspace.write(name, b"", "text/plain")


def test_a_cancelled_workspace_interrupts_what_runs_and_refuses_what_comes(
    store: ArtifactStore, tmp_path: Path
) -> None:
    interrupted: list[bool] = []
    with StoreWorkspace(store, [], tmp_path) as workspace:
        with workspace.interruptible(lambda: interrupted.append(True)):
            workspace.cancel()
        with pytest.raises(ToolCancelled):
            workspace.write("a.txt", b"", "text/plain")
    assert interrupted == [True]
