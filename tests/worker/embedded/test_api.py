"""The API as a part of the stack: it comes last, and nothing depends on it."""

import json
import socket
from pathlib import Path

import pytest

from config.settings import ApiSettings
from tests.worker.embedded.conftest import Build
from tests.worker.embedded.house import ELSEWHERE, PYTHON, STAND_IN, House, until
from worker.embedded import doctor, keeper, stack
from worker.embedded.errors import StackError
from worker.embedded.temporal_server import answers

WITH_API = STAND_IN.model_copy(update={"api": (*PYTHON, str(Path(__file__).with_name("stand_in_api.py")))})
BROKEN = STAND_IN.model_copy(update={"api": (*PYTHON, "-c", "raise SystemExit('no such luck')")})


def test_it_comes_after_the_rest_and_stops_with_it(build: Build) -> None:
    house = build(temporal=ELSEWHERE, commands=WITH_API)
    addresses = house.ensure()

    url = stack.api(house.settings, timeout=10)

    ran = house.running()
    assert ran.addresses == addresses.model_copy(update={"api": url})
    assert ran.message == f"Ready, with the API at {url}"
    assert answers(ran.ports["api"], "/v1/health/live")
    assert stack.stop(house.settings)
    assert not ran.parts["api"].is_alive()


def test_it_is_told_where_everything_is_and_to_make_the_owners_key(build: Build) -> None:
    house = build(temporal=ELSEWHERE, commands=WITH_API)
    addresses = house.ensure()
    stack.api(house.settings, timeout=10)

    told = json.loads((house.folder.path / "api.environment").read_text())

    assert told["BOTTED_DATABASE__URL"] == addresses.database_url
    assert told["BOTTED_TEMPORAL__ADDRESS"] == ELSEWHERE
    assert told["BOTTED_DATA_DIR"] == str(house.folder.path)
    assert told["BOTTED_API__OWNER_KEY"] == "true"


def test_the_key_of_who_started_the_stack_is_not_passed_on(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOTTED_API__KEY", "botted_of_a_viewer")
    house = build(temporal=ELSEWHERE, commands=WITH_API)
    house.ensure()
    stack.api(house.settings, timeout=10)

    for part in ("api", "host"):
        assert "BOTTED_API__KEY" not in json.loads((house.folder.path / f"{part}.environment").read_text())


def test_a_killed_one_is_back_at_its_address_and_the_host_never_notices(build: Build) -> None:
    house = build(temporal=ELSEWHERE, commands=WITH_API)
    house.ensure()
    url = stack.api(house.settings, timeout=10)

    before = house.kill("api")

    until(lambda: house.running().parts.get("api", before.parts["api"]) != before.parts["api"])
    assert stack.api(house.settings, timeout=10) == url
    assert house.running().parts["host"] == before.parts["host"]


def test_the_next_start_finds_the_same_address(build: Build) -> None:
    house = build(temporal=ELSEWHERE, commands=WITH_API)
    house.ensure()
    url = stack.api(house.settings, timeout=10)

    stack.stop(house.settings)
    house.ensure()

    assert stack.api(house.settings, timeout=10) == url


def test_the_port_that_is_set_is_taken(build: Build) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    house = build(temporal=ELSEWHERE, commands=WITH_API)
    house.settings = house.settings.model_copy(update={"api": ApiSettings(port=port)})
    house.ensure()

    assert stack.api(house.settings, timeout=10) == f"http://127.0.0.1:{port}"


def test_one_that_never_starts_leaves_the_rest_alone_and_says_why(build: Build) -> None:
    house = build(temporal=ELSEWHERE, commands=BROKEN)
    house.ensure()

    log = house.folder.log("supervisor")
    until(lambda: f"tried again in {keeper.RESIGNED_PAUSE:.0f} s" in log.read_text())

    assert house.running().phase == "ready"
    assert house.running().parts["host"].is_alive()
    with pytest.raises(StackError, match=r"(?s)does not answer.*no such luck"):
        stack.api(house.settings, timeout=0.2)


def test_without_a_stack_there_is_no_api_and_one_is_told_what_to_do(build: Build) -> None:
    with pytest.raises(StackError, match="botted up"):
        stack.api(build().settings)


def test_doctor_says_where_it_is(build: Build) -> None:
    house: House = build(temporal=ELSEWHERE, commands=WITH_API)
    house.ensure()
    url = stack.api(house.settings, timeout=10)

    [finding] = [finding for finding in doctor.examine(house.settings) if finding.name == "API"]

    assert (finding.state, finding.text) == ("ok", url)
