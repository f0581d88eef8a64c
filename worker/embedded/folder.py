"""The data folder: what lies where, and whether this botted may use it."""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from worker.embedded.errors import FolderError

FORMAT = 1
ROOM_NEEDED = 150_000_000  # bytes: a fresh Postgres takes 40 MB, its write-ahead log the rest
LOG_LIMIT = 5_000_000  # bytes
LINE_SHOWN = 400  # characters


@dataclass(frozen=True)
class Folder:
    path: Path

    @property
    def format(self) -> Path:
        return self.path / "format"

    @property
    def supervisor_lock(self) -> Path:
        return self.path / "supervisor.lock"

    @property
    def clients_lock(self) -> Path:
        return self.path / "clients.lock"

    @property
    def state(self) -> Path:
        return self.path / "stack.json"

    @property
    def postgres(self) -> Path:
        return self.path / "postgres"

    @property
    def temporal(self) -> Path:
        return self.path / "temporal.db"

    @property
    def temporal_unfinished(self) -> Path:
        return self.path / "temporal.unfinished"

    @property
    def host_ready(self) -> Path:
        return self.path / "host.ready"

    def log(self, part: str) -> Path:
        return self.path / "logs" / f"{part}.log"

    def prepare(self) -> None:
        """Makes the folder if need be; raises StackError when this botted may not use it."""
        try:
            self._refuse_foreign()
            self._make()
        except OSError as error:
            raise FolderError(self._why_not(error)) from error

    def require_room(self) -> None:
        """Raises StackError when there is no room to start in, or writing is refused."""
        free = shutil.disk_usage(self.path).free
        if free < ROOM_NEEDED:
            raise FolderError(
                f"Only {free // 1_000_000} MB are free under {self.path}; botted needs {ROOM_NEEDED // 1_000_000} MB. "
                "Free some space or set BOTTED_DATA_DIR to a folder on another disk."
            )
        try:
            with tempfile.TemporaryFile(dir=self.path) as probe:
                probe.write(b"room?")
        except OSError as error:
            raise FolderError(self._why_not(error)) from error

    def written_format(self) -> int | None:
        """The format of what lies here; None in a new folder."""
        if not self.format.exists():
            return None
        text = self.format.read_text(errors="replace").strip()
        if not text.isdecimal():
            raise FolderError(
                f"{self.format} should hold a number and holds {text[:40]!r}. "
                "Set BOTTED_DATA_DIR to another folder, or put the number back."
            )
        return int(text)

    def _refuse_foreign(self) -> None:
        """Before anything is written: what a newer botted left is not ours to touch."""
        if self.path.exists() and not self.path.is_dir():
            raise FolderError(f"{self.path} is a file, not a folder. Set BOTTED_DATA_DIR to a folder.")
        written = self.written_format()
        if written is not None and written > FORMAT:
            raise FolderError(
                f"The data folder {self.path} was written by a newer botted (format {written}; this one knows "
                f"{FORMAT}): upgrade botted or set BOTTED_DATA_DIR to another folder."
            )

    def _make(self) -> None:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.path / "logs").mkdir(mode=0o700, exist_ok=True)
        for lock in (self.supervisor_lock, self.clients_lock):
            lock.touch(mode=0o600)
        if not self.format.exists():
            write_whole(self.path / ".gitignore", "*\n")  # passwords and people's files: never committed
            write_whole(self.format, f"{FORMAT}\n")

    def _why_not(self, error: OSError) -> str:
        return (
            f"botted cannot use the data folder {self.path}: {error.strerror or error}"
            f"{f' ({error.filename})' if error.filename else ''}. "
            "Make it writable for you, or set BOTTED_DATA_DIR to another folder."
        )


def write_whole(path: Path, text: str, mode: int = 0o600) -> None:
    """Readers see the old text or the new one, never half of it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def rotate(log: Path) -> None:
    """Keeps one older log beside a new one once it has grown past the limit."""
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))


def last_lines(log: Path, count: int = 8) -> str:
    """The end of a log, indented, for an error message."""
    if not log.exists():
        return "  (no log)"
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 8_000))
        lines = file.read().decode(errors="replace").splitlines()
    return "\n".join(f"  {line[:LINE_SHOWN]}" for line in lines[-count:]) or "  (the log is empty)"
