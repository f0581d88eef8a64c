"""Ports are remembered, and given up when somebody else sits there."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tests.worker.embedded.conftest import Build
from tests.worker.embedded.house import House, both_kept, note_down, until
from worker.embedded import ports, stack
from worker.embedded.state import StackState


@contextmanager
def squatter(port: int) -> Iterator[None]:
    with socket.socket() as squat:
        squat.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        until(lambda: bound(squat, port), 5)
        squat.listen()
        yield


def bound(squat: socket.socket, port: int) -> bool:
    try:
        squat.bind((ports.LOOPBACK, port))
    except OSError:
        return False
    return True


def test_a_taken_port_is_not_free_and_a_chosen_one_is() -> None:
    chosen = ports.choose(avoiding=set())
    assert ports.is_free(chosen)
    with squatter(chosen):
        assert not ports.is_free(chosen)


def test_moves_when_a_remembered_port_is_taken_and_says_so(build: Build) -> None:
    house = build()
    note_down(house.ensure())
    before = house.running().ports
    assert stack.stop(house.settings)

    with squatter(before["postgres"]), squatter(before["temporal"]):
        addresses = house.ensure()
        now = house.running().ports

    assert {name for name in before if before[name] != now[name]} == {"postgres", "temporal"}
    assert f"Port {before['postgres']} (postgres) is taken" in house.folder.log("supervisor").read_text()
    assert both_kept(addresses)


def test_the_host_follows_when_a_server_must_move_while_running(lived_in: House) -> None:
    before = lived_in.kill("temporal")
    with squatter(before.ports["temporal"]):
        until(lambda: moved(lived_in, before))

    told = json.loads((lived_in.folder.path / "host.environment").read_text())
    assert told["BOTTED_TEMPORAL__ADDRESS"] == lived_in.ensure().temporal_address
    assert both_kept(lived_in.ensure())


def moved(house: House, before: StackState) -> bool:
    now = stack.find(house.settings)
    return bool(
        now
        and now.phase == "ready"
        and now.ports["temporal"] != before.ports["temporal"]
        and now.parts["host"] != before.parts["host"]
    )
