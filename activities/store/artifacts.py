"""Content-addressed storage: small content in Postgres, larger content in the artifact folder."""

import os
import tempfile
from collections.abc import Callable, Iterator
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Self

from sqlalchemy import Engine, select
from sqlalchemy.dialects.postgresql import insert

from activities.store import database
from activities.store.tables import artifacts
from workflows.domain.artifact import ArtifactRef

INLINE_BYTES = 64 * 1024
_CHUNK = 1 << 20


class ArtifactLost(Exception):
    """The database knows the artifact, but its content is gone from the artifact folder."""


class Incoming:
    """Content on its way into the store. Use as a context manager: it goes again unless it is kept."""

    def __init__(self, store: "ArtifactStore", folder: Path) -> None:
        self._store = store
        self._digest = sha256()
        handle, name = tempfile.mkstemp(dir=folder, prefix=".incoming-")
        self._temporary = Path(name)
        self._file = os.fdopen(handle, "wb")
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self._temporary.unlink(missing_ok=True)

    def write(self, piece: bytes) -> None:
        self._digest.update(piece)
        self.size += len(piece)
        self._file.write(piece)

    def keep(self, name: str, media_type: str) -> ArtifactRef:
        self._file.flush()
        os.fsync(self._file.fileno())
        digest = self._digest.hexdigest()
        self._store.take_in(self._temporary, digest, self.size)
        return ArtifactRef(sha256=digest, name=name, media_type=media_type, size=self.size)


class ArtifactStore:
    def __init__(self, engine: Engine, data_folder: Path) -> None:
        self._engine = engine
        self._reading = database.reading(engine)
        self._folder = data_folder / "artifacts"

    def put(self, name: str, content: bytes, media_type: str) -> ArtifactRef:
        digest = sha256(content).hexdigest()
        inline = len(content) <= INLINE_BYTES
        if not inline:
            self._keep(digest, content)
        self._enter(digest, len(content), content if inline else None)
        return ArtifactRef(sha256=digest, name=name, media_type=media_type, size=len(content))

    def put_file(self, name: str, source: Path, media_type: str) -> ArtifactRef:
        """Copies a file in, a megabyte at a time; what is stored is what was read, even if `source` changes."""
        with self.incoming() as incoming, source.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                incoming.write(chunk)
            return incoming.keep(name, media_type)

    def incoming(self) -> "Incoming":
        """For content that comes piece by piece; what is not kept leaves nothing behind."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return Incoming(self, self._folder)

    def stream(self, digest: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` up to, without, `end`, a megabyte at most at a time. Raises as `read`, at once."""
        kept = self._place(digest)
        if kept.exists():
            return _pieces(lambda: kept.open("rb"), start, end)
        content = BytesIO(self.read(digest))
        return _pieces(lambda: content, start, end)

    def read(self, digest: str) -> bytes:
        """Raises KeyError for content that was never stored."""
        with self._reading.connect() as connection:
            row = connection.execute(select(artifacts.c.content).where(artifacts.c.sha256 == digest)).one_or_none()
        if row is None:
            raise KeyError(digest)
        return row.content if row.content is not None else self._on_disk(digest).read_bytes()

    def file(self, digest: str, target: Path) -> Path:
        """Makes the content appear at `target`: a hard link where it lies on disk, a copy otherwise."""
        target.parent.mkdir(parents=True, exist_ok=True)
        kept = self._place(digest)
        if kept.exists():
            try:
                os.link(kept, target)
            except OSError:
                target.write_bytes(kept.read_bytes())
        else:
            target.write_bytes(self.read(digest))
        return target

    def take_in(self, temporary: Path, digest: str, size: int) -> None:
        """Content of this hash that lies in a file of the artifact folder, which becomes the store's."""
        if size <= INLINE_BYTES:
            self._enter(digest, size, temporary.read_bytes())
            return
        self._move_in(temporary, digest)
        self._enter(digest, size, None)

    def _keep(self, digest: str, content: bytes) -> None:
        if self._place(digest).exists():
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self._folder, prefix=".incoming-")
        with os.fdopen(handle, "wb") as target:
            target.write(content)
            target.flush()
            os.fsync(target.fileno())
        self._move_in(Path(temporary), digest)

    def _move_in(self, temporary: Path, digest: str) -> None:
        place = self._place(digest)
        place.parent.mkdir(exist_ok=True)
        temporary.chmod(0o444)
        temporary.replace(place)

    def _enter(self, digest: str, size: int, content: bytes | None) -> None:
        with self._engine.begin() as connection:
            connection.execute(
                insert(artifacts).values(sha256=digest, size=size, content=content).on_conflict_do_nothing()
            )

    def _on_disk(self, digest: str) -> Path:
        place = self._place(digest)
        if not place.exists():
            raise ArtifactLost(f"the content of artifact {digest[:12]}… is missing from {self._folder}")
        return place

    def _place(self, digest: str) -> Path:
        return self._folder / digest[:2] / digest[2:]


def _pieces(opened: Callable[[], BinaryIO], start: int, end: int | None) -> Iterator[bytes]:
    with opened() as content:
        content.seek(start)
        left = None if end is None else end - start
        while left is None or left > 0:
            piece = content.read(_CHUNK if left is None else min(_CHUNK, left))
            if not piece:
                return
            left = None if left is None else left - len(piece)
            yield piece
