"""The file in the data folder that holds the owner's key, readable by nobody else."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

FILE = "admin.key"


def key_file(folder: Path) -> Path:
    return folder / FILE


def read(folder: Path) -> str:
    """Empty when there is none. A file that others could read is closed to them."""
    path = key_file(folder)
    try:
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
        return path.read_text(errors="replace").strip()
    except FileNotFoundError:
        return ""


def read_or_make(folder: Path, mint: Callable[[], str]) -> str:
    """Of several that make it at once the first counts; nobody ever sees half of it."""
    if text := read(folder):
        return text
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder, prefix=f".{FILE}.")  # with mode 0600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(f"{mint()}\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(name, key_file(folder))
    except FileExistsError:
        pass
    finally:
        Path(name).unlink()
    return read(folder)
