"""A workspace that is a folder."""

import mimetypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from threading import Event, Thread

from activities.tools.tool import ToolCancelled, ToolError
from workflows.domain.artifact import ArtifactRef


class FolderWorkspace:
    """Names are paths under the folder. Remembers what was written and, if asked to, cancels."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.written: dict[str, ArtifactRef] = {}
        self.notes: list[str] = []
        self.cancelled = False

    def path(self, name: str) -> Path:
        path = self._folder / name
        if not path.is_file():
            raise ToolError(f"there is no {name}; there are {', '.join(self.names())}")
        return path

    def read(self, name: str) -> bytes:
        return self.path(name).read_bytes()

    def write(self, name: str, content: bytes, media_type: str) -> ArtifactRef:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        reference = ArtifactRef(
            sha256=sha256(content).hexdigest(),
            name=name,
            media_type=media_type or mimetypes.guess_type(name)[0] or "application/octet-stream",
            size=len(content),
        )
        self.written[name] = reference
        return reference

    def names(self) -> tuple[str, ...]:
        files = (path for path in self._folder.rglob("*") if path.is_file())
        return tuple(sorted(path.relative_to(self._folder).as_posix() for path in files))

    def progress(self, fraction: float, note: str = "") -> None:
        if self.cancelled:
            raise ToolCancelled(note)
        self.notes.append(note)

    @contextmanager
    def interruptible(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """When cancelled, interrupts again and again, as a query may only be about to start."""
        over = Event()

        def keep_interrupting() -> None:
            while self.cancelled and not over.wait(0.001):
                interrupt()

        thread = Thread(target=keep_interrupting)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
