"""The doctor finds what is wrong and says what to do."""

from tests.worker.embedded.conftest import Build
from tests.worker.embedded.house import House
from worker.embedded.doctor import Finding, Health, examine


def test_finds_a_running_stack_well(lived_in: House) -> None:
    lived_in.ensure()

    findings = by_name(examine(lived_in.settings))

    assert {name for name, finding in findings.items() if finding.state is Health.PROBLEM} == set()
    assert findings["Stack"].text.startswith("ready")
    assert {"Database", "Temporal server", "Web UI"} <= set(findings)


def test_starts_and_makes_nothing(build: Build) -> None:
    house = build()

    findings = by_name(examine(house.settings))

    assert findings["Stack"].text == "not running; it starts when needed"
    assert not house.folder.path.exists()


def test_says_which_configured_server_does_not_answer_and_no_password(build: Build) -> None:
    house = build(temporal="127.0.0.1:9", database="postgresql://me:word@127.0.0.1:9/botted")

    findings = by_name(examine(house.settings))

    assert findings["Database"].state is findings["Temporal server"].state is Health.PROBLEM
    assert "BOTTED_DATABASE__URL" in findings["Database"].fix
    assert "word" not in findings["Database"].text


def test_warns_of_a_newer_data_folder(build: Build) -> None:
    house = build()
    house.folder.prepare()
    house.folder.format.write_text("2\n")

    finding = by_name(examine(house.settings))["Data folder"]

    assert finding.state is Health.PROBLEM
    assert "newer botted" in finding.text


def by_name(findings: tuple[Finding, ...]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}
