"""Who changed what from where, through the door; what became of it is in the journal."""

from datetime import datetime

from pydantic import JsonValue
from sqlalchemy import Engine, insert, select

from activities.store import database
from activities.store.tables import audit
from workflows.domain.model import Model


class AuditEntry(Model):
    tenant: str
    actor: str
    origin: str
    action: str
    object: str
    data: dict[str, JsonValue] = {}


class AuditRow(AuditEntry):
    id: int
    at: datetime


_COLUMNS = [audit.c[name] for name in AuditRow.model_fields]


class AuditStore:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = database.reading(engine)

    def write(self, entry: AuditEntry) -> None:
        values = {**entry.model_dump(mode="json"), "action": entry.action[:60], "object": entry.object[:255]}
        with self._reading.connect() as connection:
            connection.execute(insert(audit).values(**values))

    def page(self, tenant: str, *, before: int | None, limit: int) -> tuple[AuditRow, ...]:
        """The newest first, those with smaller ids than `before`."""
        query = select(*_COLUMNS).where(audit.c.tenant == tenant).order_by(audit.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(audit.c.id < before)
        with self._reading.connect() as connection:
            return tuple(AuditRow.model_validate(dict(row._mapping)) for row in connection.execute(query))
