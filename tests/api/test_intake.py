"""What is wrong with what a person typed. Where permissions matter, root becomes nobody for the moment of asking."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import pytest
from click import UsageError
from sqlalchemy import Engine

from activities.store.artifacts import ArtifactStore
from api.cli import intake
from api.cli.errors import BadInput
from api.cli.intake import Asked, Request
from api.cli.objective_commands import PLAN as PLAN_OPTION
from api.services.planning import Models, PlanBy
from config.models import KnownModels
from config.settings import BudgetSettings
from workflows.domain.objective import Mode, Oversight

NOBODY = 65534


@contextmanager
def an_ordinary_user() -> Iterator[None]:
    if os.geteuid() != 0:
        yield
        return
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def refusal(out: Path, *files: Path) -> str:
    with an_ordinary_user(), pytest.raises(BadInput) as error:
        intake.take_in(Asked(text="Look", files=files, out=out), Models.of(KnownModels()), lambda text: None)
    return str(error.value)


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A folder that may neither be entered nor written in."""
    folder = tmp_path / "closed"
    folder.mkdir()
    (folder / "a.csv").write_text("a,b\n1,2\n")
    folder.chmod(0)
    yield folder
    folder.chmod(0o700)


@pytest.mark.parametrize("below", ["", "x", "x/y"])
def test_an_out_folder_that_may_not_be_written_is_refused(closed: Path, below: str) -> None:
    assert "no permission to write in" in refusal(closed / below)


def test_a_file_in_a_folder_that_may_not_be_entered_is_refused(closed: Path) -> None:
    assert "no permission" in refusal(Path(gettempdir()), closed / "a.csv")


PLAN = "tasks:\n  - {id: a, title: A, steps: [{tool: file.read, with: {name: a.csv}}]}\n"


def taken_in(**asked: Any) -> Request:
    asked = {"text": "Look", "out": Path(gettempdir()), **asked}
    return intake.take_in(Asked(**asked), Models.of(KnownModels()), lambda text: None, channels=("ops",))


def test_a_plan_of_ones_own_needs_neither_a_name_nor_a_model(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(PLAN)
    accepted = taken_in(plan=plan).accepted
    assert accepted.chosen is not None
    assert accepted.chosen.document.playbook.name == "by-hand"
    assert "description: Look" in accepted.chosen.text


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"plan": Path("nowhere.yaml")}, "--plan nowhere.yaml: cannot be read"),
        ({"plan": Path("plan.yaml"), "playbook": "data-report"}, "contradict each other"),
        ({"plan": PlanBy.MODEL, "playbook": "data-report"}, "--playbook and --plan model contradict each other"),
        ({"playbook": "data-report", "notify": ("ops", "pager")}, "--notify pager: there is no channel 'pager'"),
        (
            {"playbook": "data-report", "inputs": ("colour=red",)},
            "--input colour: the playbook 'data-report' has no",
        ),
        ({"playbook": "data-report"}, "takes at least 1 tabular file(s), you gave 0: use --file PATH"),
    ],
    ids=str,
)
def test_what_contradicts_itself_is_refused_in_the_words_of_a_command(asked: dict[str, Any], expected: str) -> None:
    with pytest.raises(BadInput) as error:
        taken_in(**asked)
    assert expected in str(error.value)


def test_a_faulty_plan_is_refused_with_its_lines(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(PLAN.replace("file.read", "file.burn"))
    with pytest.raises(BadInput, match=r"plan\.yaml:2: .*there is no tool 'file\.burn'"):
        taken_in(plan=plan)


def test_how_closely_one_looks_on_is_part_of_what_is_asked(engine: Engine, tmp_path: Path) -> None:
    plan = tmp_path / "plan.yml"
    plan.write_text(PLAN)
    request = taken_in(plan=plan, mode=Mode.DECIDE, oversight=Oversight.STEP, prefers=Mode.MANUAL, notify=("ops",))
    objective = intake.store(request, ArtifactStore(engine, tmp_path), BudgetSettings())
    assert (objective.mode, objective.oversight, objective.prefers, objective.notify) == (
        Mode.DECIDE,
        Oversight.STEP,
        Mode.MANUAL,
        ("ops",),
    )


@pytest.mark.parametrize(("plan", "good"), [("auto", True), ("p.yaml", True), ("p.yml", True), ("luck", False)])
def test_a_plan_is_a_word_or_a_file(plan: str, good: bool) -> None:
    if good:
        assert str(PLAN_OPTION.convert(plan, None, None)) == plan
        return
    with pytest.raises(UsageError, match="none of auto, model, playbook"):
        PLAN_OPTION.convert(plan, None, None)
