"""The supervisor treats llama.cpp like every other part."""

import psutil

from config.settings import LocalModelSettings
from tests.local_model.conftest import LocalStack
from tests.worker.embedded.conftest import Build, build
from tests.worker.embedded.house import ELSEWHERE, House, until
from worker.embedded import doctor, stack
from worker.embedded.state import StackState

__all__ = ["build"]


def test_the_doctor_finds_the_model_well(local_stack: LocalStack) -> None:
    finding = next(found for found in doctor.examine(local_stack.settings) if found.name == "Local model")

    assert finding.state is doctor.Health.OK
    assert "0.10 GB), by xllamacpp" in finding.text
    assert finding.text.endswith(f"{local_stack.url} answers")


def test_a_killed_server_comes_back_at_the_same_address(build: Build, local_model: LocalModelSettings) -> None:
    house = serving(build, local_model)
    addresses = house.ensure()
    before = house.kill("llama")

    until(lambda: house.is_back("llama", before))

    assert house.ensure() == addresses


def test_a_stop_leaves_no_process_behind(build: Build, local_model: LocalModelSettings) -> None:
    house = serving(build, local_model)
    house.ensure()
    ran = house.running()

    assert stack.stop(house.settings)

    assert ran.supervisor.wait(2)
    assert not any(process.is_alive() for process in ran.parts.values())
    assert left_behind(house, ran) == []


def test_a_killed_supervisor_takes_the_server_with_it(build: Build, local_model: LocalModelSettings) -> None:
    house = serving(build, local_model)
    house.ensure()
    before = house.kill("supervisor")

    assert before.parts["llama"].wait(5)


def serving(build: Build, local_model: LocalModelSettings) -> House:
    """Without Temporal, and with a stand-in for the host: quicker."""
    house = build(temporal=ELSEWHERE)
    house.settings = house.settings.model_copy(update={"local": local_model})
    return house


def left_behind(house: House, ran: StackState) -> list[list[str]]:
    """The command lines that name the stack's folder or the server's port."""
    lines = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    port = str(ran.ports["llama"])
    return [line for line in lines if port in line or any(str(house.folder.path) in word for word in line)]
