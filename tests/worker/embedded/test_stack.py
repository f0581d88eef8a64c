"""Starting, finding, sharing and stopping a stack."""

import json
import shutil
import subprocess
import sys
from typing import LiteralString

import psycopg
import pytest

from tests.worker.embedded.conftest import Build
from tests.worker.embedded.house import ELSEWHERE, PYTHON, STAND_IN, House
from worker.embedded import stack
from worker.embedded.errors import StackError
from worker.embedded.host import Host
from worker.embedded.state import libpq_url

ENSURE = (sys.executable, "-m", "tests.worker.embedded.ensure")


def test_is_found_again_once_it_runs(lived_in: House) -> None:
    found = lived_in.running()

    assert lived_in.ensure() == found.addresses
    assert lived_in.running() == found


def test_tells_what_it_is_doing(lived_in: House) -> None:
    assert lived_in.said[-1] == "Ready"
    assert "Starting the host" in lived_in.said


def test_keeps_its_password_from_others(lived_in: House) -> None:
    for file in (lived_in.folder.state, lived_in.folder.postgres / "password", lived_in.folder.temporal):
        assert file.stat().st_mode & 0o077 == 0, file


def test_tells_the_host_where_everything_is(lived_in: House) -> None:
    told = json.loads((lived_in.folder.path / "host.environment").read_text())
    addresses = lived_in.ensure()

    assert told["BOTTED_TEMPORAL__ADDRESS"] == addresses.temporal_address
    assert told["BOTTED_DATABASE__URL"] == addresses.database_url
    assert told["BOTTED_DATA_DIR"] == str(lived_in.folder.path)
    assert stack.ORDER_VARIABLE not in told


def test_refuses_a_second_supervisor(lived_in: House) -> None:
    with pytest.raises(StackError, match="Another supervisor"):
        stack.supervise(lived_in.settings, idle_stop=False, commands=lived_in.commands)

    assert lived_in.running().phase == "ready"


def test_a_copied_folder_is_not_taken_for_the_original(lived_in: House, build: Build) -> None:
    copy = build(temporal=ELSEWHERE)
    copy.folder.prepare()
    shutil.copy(lived_in.folder.state, copy.folder.state)

    assert stack.find(copy.settings) is None
    assert not stack.stop(copy.settings)
    assert copy.ensure().database_url != lived_in.ensure().database_url


def test_two_calls_at_once_end_with_one_supervisor(build: Build) -> None:
    house = build()
    calls = [subprocess.Popen([*ENSURE, str(house.folder.path)], stdout=subprocess.PIPE) for _ in range(2)]
    answers = [json.loads(call.communicate(timeout=30)[0]) for call in calls]

    assert answers[0] == answers[1]
    assert answers[0]["supervisor"] == house.running().supervisor.pid
    assert house.folder.log("supervisor").read_text().count(" Ready") == 1


def test_a_clean_stop_leaves_no_process_and_the_next_start_finds_the_same_ports(build: Build) -> None:
    house = build()
    addresses = house.ensure()
    ran = house.running()

    assert stack.stop(house.settings)

    assert not any(process.is_alive() for process in ran.parts.values())
    assert ran.supervisor.wait(2)
    assert stack.find(house.settings) is None
    assert not stack.stop(house.settings)
    assert (house.folder.path / "host.left").read_text() == "while Postgres answered"
    assert house.ensure() == addresses


def test_a_torn_state_file_costs_the_ports_and_no_data(build: Build) -> None:
    house = build(temporal=ELSEWHERE)
    house.folder.prepare()
    house.folder.state.write_text('{"supervisor": ')

    assert house.ensure()


def test_ends_by_itself_when_its_folder_is_deleted(build: Build) -> None:
    house = build(temporal=ELSEWHERE)
    house.ensure()
    ran = house.running()

    shutil.rmtree(house.folder.path)

    assert ran.supervisor.wait(10)
    assert not any(process.is_alive() for process in ran.parts.values())


def test_stops_when_nobody_has_used_it_for_a_while(build: Build) -> None:
    house = build(temporal=ELSEWHERE, linger=1)
    with stack.lease(house.settings):
        house.ensure()
        ran = house.running()
        assert not ran.supervisor.wait(1.6), "it stopped although somebody held a lease"

    assert ran.supervisor.wait(6)
    assert not any(process.is_alive() for process in ran.parts.values())


def test_an_open_objective_holds_it_up(build: Build) -> None:
    house = build(temporal=ELSEWHERE, linger=0.5)
    with stack.lease(house.settings):
        sql(house, "create table objectives (ended_at timestamptz); insert into objectives values (null)")
        ran = house.running()

    assert not ran.supervisor.wait(1.5)
    sql(house, "update objectives set ended_at = now()")
    assert ran.supervisor.wait(6)


def test_gives_up_on_a_host_that_never_starts_and_shows_its_last_words(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Host, "tries", 2)
    house = build(temporal=ELSEWHERE, commands=with_host("raise SystemExit('no such luck')"))

    with pytest.raises(StackError, match=r"(?s)The host .*again and again.*host\.log.*no such luck"):
        stack.supervise(house.settings, idle_stop=False, commands=house.commands)

    assert stack.find(house.settings) is None


def test_passes_on_why_it_could_not_start(build: Build) -> None:
    failing = (*PYTHON, "-c", "raise SystemExit('which column?')")
    house = build(temporal=ELSEWHERE, commands=STAND_IN.model_copy(update={"migrate": failing}))

    with pytest.raises(StackError, match=r"(?s)migration of the database .*which column\?"):
        house.ensure()


def with_host(script: str) -> stack.Commands:
    return STAND_IN.model_copy(update={"host": (*PYTHON, "-c", script)})


def sql(house: House, statements: LiteralString) -> None:
    with psycopg.connect(libpq_url(house.ensure().database_url)) as connection:
        connection.execute(statements)
