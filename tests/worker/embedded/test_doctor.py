"""The doctor finds what is wrong and says what to do."""

import pytest

from config.models import ModelsSettings
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


def test_says_which_models_would_be_asked_and_whose_key_pays(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-secret")

    finding = by_name(examine(build().settings))["Models"]

    assert finding.state is Health.OK
    assert finding.text == (
        "planner: strong (anthropic, claude-sonnet-5-5, key from ANTHROPIC_API_KEY); "
        "executor: fast (anthropic, claude-haiku-5-5, key from ANTHROPIC_API_KEY); "
        "verifier: strong (anthropic, claude-sonnet-5-5, key from ANTHROPIC_API_KEY)"
    )


def test_without_a_model_it_warns_and_says_what_to_do(build: Build) -> None:
    finding = by_name(examine(build().settings))["Models"]

    assert finding.state is Health.WARNING
    for way in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "BOTTED_LOCAL__GGUF", "--playbook"):
        assert way in finding.fix


def test_says_why_a_configured_model_cannot_be_used(build: Build) -> None:
    house = build()
    configured = ModelsSettings.model_validate({"profiles": {"mine": {"provider": "gemini"}}})
    settings = house.settings.model_copy(update={"models": configured})

    findings = [finding for finding in examine(settings) if finding.name == "Models"]

    assert [finding.state for finding in findings] == [Health.WARNING, Health.WARNING]
    assert findings[1].text == "not usable: profile 'mine': GEMINI_API_KEY is not set"


def by_name(findings: tuple[Finding, ...]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}
