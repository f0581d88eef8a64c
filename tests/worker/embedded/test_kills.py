"""kill -9 of anything, at any time: it comes back, on the same ports, with its data."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.worker.embedded.conftest import Build
from tests.worker.embedded.house import ELSEWHERE, House, both_kept, until
from worker.embedded import ports, state
from worker.embedded.process import Child, Launch, ProcessId
from worker.embedded.temporal_server import TemporalServer

SLEEP = (sys.executable, "-I", "-S", "-c", "import time; time.sleep(60)")


@pytest.mark.parametrize("name", ["postgres", "temporal", "host"])
def test_a_killed_part_comes_back_on_the_same_ports_with_its_data(lived_in: House, name: str) -> None:
    before = lived_in.kill(name)

    until(lambda: lived_in.is_back(name, before))

    now = lived_in.running()
    assert now.ports == before.ports
    assert now.addresses
    assert both_kept(now.addresses)
    assert [part for part in now.parts if now.parts[part] != before.parts[part]] == [name]


def test_nothing_outlives_a_killed_supervisor_and_the_next_call_brings_all_back(lived_in: House) -> None:
    before = lived_in.kill("supervisor")
    if sys.platform.startswith("linux"):
        assert all(process.wait(5) for process in before.parts.values())

    addresses = lived_in.ensure()

    assert lived_in.running().ports == before.ports
    assert both_kept(addresses)


def test_everything_killed_at_once_comes_back(lived_in: House) -> None:
    before = lived_in.running()
    for process in (before.supervisor, *before.parts.values()):
        process.send(signal.SIGKILL)
    assert before.supervisor.wait(5)

    addresses = lived_in.ensure()

    assert lived_in.running().ports == before.ports
    assert both_kept(addresses)


def test_a_kill_of_the_host_ends_what_it_had_started(tmp_path: Path) -> None:
    told = tmp_path / "grandchild"
    script = (
        f"import subprocess, time; p = subprocess.Popen(['sleep', '60']); open({str(told)!r}, 'w').write(str(p.pid))"
    )
    child = Child(Launch((*SLEEP[:-1], f"{script}; time.sleep(60)"), tmp_path / "log"))
    try:
        until(lambda: told.exists() and bool(told.read_text()))
        grandchild = ProcessId.of(int(told.read_text()))
        child.send(signal.SIGKILL)
        until(lambda: child.exit_code() is not None)
        assert grandchild.wait(5)
    finally:
        child.end(signal.SIGKILL, 0)


def test_a_supervisor_ends_what_its_killed_predecessor_left_but_no_stranger(build: Build) -> None:
    house = build(temporal=ELSEWHERE)
    house.folder.prepare()
    left, stranger = (subprocess.Popen(SLEEP, start_new_session=True) for _ in range(2))
    try:
        dead = ProcessId(pid=left.pid, birth="long ago")
        parts = {"host": ProcessId.of(left.pid), "temporal": ProcessId(pid=stranger.pid, birth="long ago")}
        written = state.StackState(home=state.home(house.folder), supervisor=dead, phase=state.Phase.READY, parts=parts)
        state.write(house.folder, written)

        house.ensure()

        assert left.wait(5) != 0
        assert stranger.poll() is None
    finally:
        for process in (left, stranger):
            process.kill()
            process.wait()


def test_half_made_stores_do_not_poison_the_folder(build: Build) -> None:
    house = build()
    house.folder.prepare()
    half_made = house.folder.path / "postgres.new-0badf00d"
    (half_made / "data").mkdir(parents=True)
    (half_made / "data" / "PG_VERSION").write_text("18")
    house.folder.temporal_unfinished.touch()
    house.folder.temporal.write_bytes(b"")  # as a kill right after its making leaves it: without tables

    assert house.ensure()
    assert not half_made.exists()
    assert not house.folder.temporal_unfinished.exists()


def test_a_temporal_that_has_once_been_ready_is_never_thrown_away(lived_in: House) -> None:
    size = lived_in.folder.temporal.stat().st_size

    TemporalServer(lived_in.folder, ports.Ports({}, print), "default").launch()

    assert lived_in.folder.temporal.stat().st_size >= size > 0
    assert not lived_in.folder.temporal_unfinished.exists()


def test_a_lock_file_of_postgres_that_names_another_process_is_no_obstacle(lived_in: House) -> None:
    before = lived_in.kill("supervisor")
    assert before.parts["postgres"].wait(10)
    stale = [
        str(os.getpid()),
        str(lived_in.folder.postgres / "data"),
        "1700000000",
        "5432",
        "",
        "127.0.0.1",
        "",
        "ready",
    ]
    (lived_in.folder.postgres / "data" / "postmaster.pid").write_text("\n".join(stale))

    assert both_kept(lived_in.ensure())
