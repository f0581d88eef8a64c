"""API keys: whose they are, what they may do and how long. Of their secrets there is only a digest."""

from datetime import datetime

from sqlalchemy import Engine, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert

from activities.store import database
from activities.store.tables import api_keys
from workflows.domain.model import Model

TOUCH_SECONDS = 60
"""`last_used_at` is written at most so often."""


class NewKey(Model):
    id: str
    tenant: str
    name: str
    digest: str
    """SHA-256 of the secret, in hexadecimal digits."""
    roles: tuple[str, ...]
    requests_per_minute: int | None = None
    created_by: str
    expires_at: datetime | None = None


class KeyRow(NewKey):
    created_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


_COLUMNS = [api_keys.c[name] for name in KeyRow.model_fields]


class KeyStore:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = database.reading(engine)

    def enter(self, key: NewKey) -> bool:
        """Whether it is new: a key that is there already stays as it is, revoked or not."""
        values = {**key.model_dump(), "roles": list(key.roles)}
        with self._engine.begin() as connection:
            entered = connection.execute(insert(api_keys).values(**values).on_conflict_do_nothing())
        return bool(entered.rowcount)

    def get(self, key_id: str) -> KeyRow | None:
        with self._reading.connect() as connection:
            row = connection.execute(select(*_COLUMNS).where(api_keys.c.id == key_id)).one_or_none()
        return KeyRow.model_validate(dict(row._mapping)) if row else None

    def page(self, tenant: str, *, after: str = "", limit: int = 100) -> tuple[KeyRow, ...]:
        """In the order of their ids, those that have expired or were revoked too."""
        query = (
            select(*_COLUMNS)
            .where(api_keys.c.tenant == tenant, api_keys.c.id > after)
            .order_by(api_keys.c.id)
            .limit(limit)
        )
        with self._reading.connect() as connection:
            return tuple(KeyRow.model_validate(dict(row._mapping)) for row in connection.execute(query))

    def revoke(self, key_id: str, tenant: str) -> bool:
        """Whether there is such a key of that tenant; the first revocation counts."""
        with self._engine.begin() as connection:
            revoked = connection.execute(
                update(api_keys)
                .where(api_keys.c.id == key_id, api_keys.c.tenant == tenant)
                .values(revoked_at=func.coalesce(api_keys.c.revoked_at, func.clock_timestamp()))
            )
        return bool(revoked.rowcount)

    def touch(self, key_id: str) -> None:
        """Notes that it was used; of several processes that do so within a minute, one writes."""
        long_ago = func.clock_timestamp() - text(f"interval '{TOUCH_SECONDS} seconds'")
        with self._reading.connect() as connection:
            connection.execute(
                update(api_keys)
                .where(
                    api_keys.c.id == key_id,
                    or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at < long_ago),
                )
                .values(last_used_at=func.clock_timestamp())
            )
