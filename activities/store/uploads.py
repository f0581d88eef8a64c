"""Files that people sent, by tenant; what is in them lies in the artifact store."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Engine, func, select
from sqlalchemy.dialects.postgresql import distinct_on, insert

from activities.store import database
from activities.store.tables import uploads
from workflows.domain.artifact import ArtifactRef
from workflows.domain.model import Model


class UploadRow(Model):
    sha256: str
    name: str
    media_type: str
    size: int
    uploaded_by: str
    created_at: datetime


_COLUMNS = [uploads.c[name] for name in UploadRow.model_fields]


class UploadStore:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = database.reading(engine)

    def enter(self, tenant: str, ref: ArtifactRef, by: str) -> None:
        """The same content under the same name again is the same upload, now by whoever sent it last."""
        values = {**ref.model_dump(), "tenant": tenant, "uploaded_by": by}
        again = {"uploaded_by": by, "media_type": ref.media_type, "created_at": func.clock_timestamp()}
        statement = insert(uploads).values(**values)
        with self._engine.begin() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["tenant", "sha256", "name"], set_=again))

    def known(self, tenant: str, hashes: Collection[str]) -> dict[str, UploadRow]:
        """Hash → the upload of it, under the name that it was given last, for those that the tenant has."""
        query = (
            select(*_COLUMNS)
            .ext(distinct_on(uploads.c.sha256))
            .where(uploads.c.tenant == tenant, uploads.c.sha256.in_(hashes))
            .order_by(uploads.c.sha256, uploads.c.created_at.desc())
        )
        with self._reading.connect() as connection:
            rows = connection.execute(query).all()
        return {row.sha256: UploadRow.model_validate(dict(row._mapping)) for row in rows}
