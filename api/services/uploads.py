"""Files that people send: streamed to disk, addressed by what is in them, and known to their tenant alone."""

from collections.abc import AsyncIterator
from datetime import datetime

from pydantic import Field
from starlette.concurrency import run_in_threadpool

from activities.store.artifacts import Incoming
from activities.store.uploads import UploadRow, UploadStore
from api.auth.principal import Principal
from api.errors import NotFound
from api.house import House
from api.services.intake import media_type
from workflows.domain.artifact import Sha256
from workflows.domain.model import Model

PIECE = 1 << 20
"""Bytes that are gathered before they are written."""


class Uploaded(Model):
    """A file that objectives may be given."""

    sha256: Sha256 = Field(examples=["b1" * 32])
    name: str = Field(examples=["sales.csv"])
    size: int = Field(description="bytes")
    media_type: str = Field(examples=["text/csv"])
    uploaded_by: str
    uploaded_at: datetime


class Uploads:
    def __init__(self, house: House) -> None:
        self._artifacts = house.artifacts
        self._store = UploadStore(house.engine)

    async def take(self, name: str, pieces: AsyncIterator[bytes], caller: Principal) -> Uploaded:
        """What breaks off, or turns out too large, leaves nothing behind."""
        incoming = await run_in_threadpool(self._artifacts.incoming)
        try:
            await _write(pieces, incoming)
            ref = await run_in_threadpool(incoming.keep, name, media_type(name))
        finally:
            incoming.close()
        await run_in_threadpool(self._store.enter, caller.tenant, ref, caller.name)
        return await run_in_threadpool(self.get, caller.tenant, ref.sha256)

    def get(self, tenant: str, sha256: str) -> Uploaded:
        row = self._store.known(tenant, [sha256]).get(sha256)
        if row is None:
            raise NotFound("there is no such upload")
        return _told(row)


async def _write(pieces: AsyncIterator[bytes], incoming: Incoming) -> None:
    gathered = bytearray()
    async for piece in pieces:
        gathered += piece
        if len(gathered) >= PIECE:
            await run_in_threadpool(incoming.write, bytes(gathered))
            gathered.clear()
    await run_in_threadpool(incoming.write, bytes(gathered))


def _told(row: UploadRow) -> Uploaded:
    return Uploaded(
        sha256=row.sha256,
        name=row.name,
        size=row.size,
        media_type=row.media_type,
        uploaded_by=row.uploaded_by,
        uploaded_at=row.created_at,
    )
