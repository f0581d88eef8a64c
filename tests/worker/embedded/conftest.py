"""Houses for tests; every one is torn down, whatever happened."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.worker.embedded.house import House, note_down

Build = Callable[..., House]


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    """Builds a house in the test's folder; its arguments are those of House."""
    houses: list[House] = []

    def build_house(path: Path | None = None, **arguments: object) -> House:
        houses.append(House(path or tmp_path / "data", **arguments))  # type: ignore[arg-type]
        return houses[-1]

    try:
        yield build_house
    finally:
        for house in houses:
            house.close()


@pytest.fixture(scope="session")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One running stack for all tests that leave it as they found it, with something noted down in both servers."""
    house = House(tmp_path_factory.mktemp("lived_in") / "data")
    try:
        note_down(house.ensure())
        yield house
    finally:
        house.close()
