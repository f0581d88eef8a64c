"""What an ordinary user may not reach; as root the tests become nobody for the moment of asking."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir

import pytest

from api.cli import intake
from api.cli.errors import BadInput
from api.cli.intake import Asked
from api.cli.planning import Models
from config.models import KnownModels

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
        intake.take_in(Asked(text="Look", files=files, out=out), Models(KnownModels()), lambda text: None)
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
