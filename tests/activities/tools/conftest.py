"""A workspace in a folder of its own."""

from pathlib import Path

import pytest

from tests.fakes.workspace import FolderWorkspace


@pytest.fixture
def workspace(tmp_path: Path) -> FolderWorkspace:
    return FolderWorkspace(tmp_path)
