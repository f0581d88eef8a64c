"""Reading who changed what."""

from datetime import datetime

from pydantic import Field, JsonValue

from activities.store.audit import AuditStore
from api.errors import Invalid
from workflows.domain.model import Model

_MOST = 2**63 - 1


class AuditItem(Model):
    id: int
    at: datetime
    actor: str = Field(description="name of the key, or subject of the token")
    origin: str = Field(description="from where the call came", examples=["api 10.0.0.7"])
    action: str = Field(description="the operation, as this document names it", examples=["keys.create"])
    object: str = Field(description="its address", examples=["/v1/keys/k3f9x2m1p0qz"])
    data: dict[str, JsonValue] = Field(description="`status` of the answer, `key` by which it was asked for")


class AuditPage(Model):
    items: tuple[AuditItem, ...]
    next: str | None = Field(description="the cursor of the next page; null: this is the last one")


class AuditReading:
    def __init__(self, store: AuditStore) -> None:
        self._store = store

    def page(self, tenant: str, *, cursor: str, limit: int) -> AuditPage:
        """The newest first. Raises Invalid."""
        rows = self._store.page(tenant, before=_before(cursor), limit=limit + 1)
        more = str(rows[limit - 1].id) if len(rows) > limit else None
        items = tuple(AuditItem.model_validate(row.model_dump(exclude={"tenant"})) for row in rows[:limit])
        return AuditPage(items=items, next=more)


def _before(cursor: str) -> int | None:
    if not cursor:
        return None
    if not (cursor.isascii() and cursor.isdecimal() and int(cursor) <= _MOST):
        raise Invalid("this cursor is not one of ours", errors=(("query.cursor", "take `next` of the page before"),))
    return int(cursor)
