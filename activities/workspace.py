"""A task's files, backed by the store: what a tool or a check sees while it runs."""

import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self, TypeVar

from activities.failures import as_failure
from activities.store.artifacts import ArtifactStore
from activities.threads import Threads
from activities.tools.tool import ToolCancelled, ToolError
from workflows.domain.artifact import ArtifactRef

PROGRESS_SECONDS = 1.0
T = TypeVar("T")


class StoreWorkspace:
    """Implements the `Workspace` protocol. Use as a context manager: its scratch folder goes with it."""

    def __init__(
        self,
        store: ArtifactStore,
        visible: Sequence[ArtifactRef],
        scratch: Path,
        report: Callable[[float, str], None] = lambda fraction, note: None,
    ) -> None:
        self._store = store
        self._visible = {ref.name: ref for ref in visible}
        self._made: dict[str, ArtifactRef] = {}
        self._scratch_parent = scratch
        self._report = report
        self._reported = 0.0
        self._cancelled = threading.Event()
        self._interrupt: Callable[[], None] | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._scratch_parent.mkdir(parents=True, exist_ok=True)
        self._scratch = Path(tempfile.mkdtemp(dir=self._scratch_parent))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._scratch, ignore_errors=True)

    @property
    def made(self) -> tuple[ArtifactRef, ...]:
        return tuple(self._made.values())

    def names(self) -> tuple[str, ...]:
        return tuple(sorted({**self._visible, **self._made}))

    def path(self, name: str) -> Path:
        ref = self._ref(name)
        target = self._scratch / ref.sha256[:16] / _safe(PurePosixPath(name).name)
        return target if target.exists() else self._store.file(ref.sha256, target)

    def read(self, name: str) -> bytes:
        return self._store.read(self._ref(name).sha256)

    def write(self, name: str, content: bytes, media_type: str) -> ArtifactRef:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not name or len(name) > 300 or "\x00" in name:
            raise ToolError(f"{name[:80]!r} cannot be an artifact's name; use a relative path such as report.md")
        self._stop_if_cancelled()
        self._made[name] = self._store.put(name, content, media_type)
        return self._made[name]

    def progress(self, fraction: float, note: str = "") -> None:
        self._stop_if_cancelled()
        if time.monotonic() - self._reported >= PROGRESS_SECONDS:
            self._reported = time.monotonic()
            self._report(min(max(fraction, 0.0), 1.0), note[:300])

    @contextmanager
    def interruptible(self, interrupt: Callable[[], None]) -> Iterator[None]:
        with self._lock:
            self._stop_if_cancelled()
            self._interrupt = interrupt
        try:
            yield
        except Exception as error:
            if self._cancelled.is_set():
                raise ToolCancelled from error
            raise
        finally:
            with self._lock:
                self._interrupt = None

    def cancel(self) -> None:
        """From another thread: interrupts what runs and lets the next call here raise ToolCancelled."""
        with self._lock:
            self._cancelled.set()
            if self._interrupt is not None:
                self._interrupt()

    def _ref(self, name: str) -> ArtifactRef:
        ref = self._made.get(name) or self._visible.get(name)
        if ref is None:
            there_are = ", ".join(self.names()[:20]) or "none"
            raise ToolError(f"there is no file or artifact {name!r} for this task; there are: {there_are}")
        return ref

    def _stop_if_cancelled(self) -> None:
        if self._cancelled.is_set():
            raise ToolCancelled


class Sitting:
    """Holds the workspace of a step that runs in another thread, so that it can be cancelled from this one."""

    def __init__(self) -> None:
        self._workspace: StoreWorkspace | None = None
        self._cancelled = False

    def take(self, workspace: StoreWorkspace) -> None:
        self._workspace = workspace
        if self._cancelled:
            workspace.cancel()

    def cancel(self) -> None:
        self._cancelled = True
        if self._workspace is not None:
            self._workspace.cancel()


async def sit_through(threads: Threads, work: Callable[[Sitting], T]) -> T:
    """The result of `work`, done in a thread that a cancellation interrupts. Raises what Temporal understands."""
    sitting = Sitting()
    try:
        return await threads.run(lambda: work(sitting), stop=sitting.cancel)
    except Exception as error:
        raise as_failure(error) from error


def _safe(name: str) -> str:
    """A file name that any file system takes; the suffix stays, because readers go by it."""
    suffix = PurePosixPath(name).suffix[:20]
    return name if len(name.encode()) <= 200 else f"{name[:40]}{suffix}"
