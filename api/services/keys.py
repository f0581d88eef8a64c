"""Making, listing and revoking API keys of a tenant."""

from datetime import UTC, datetime

from pydantic import AwareDatetime, Field

from activities.store.keys import KeyRow, KeyStore, NewKey
from api.auth.keys import ApiKey, require_name
from api.auth.principal import Principal, Role
from api.errors import Invalid, NotFound
from workflows.domain.model import Model

KeyId = str


class KeyRequest(Model):
    name: str = Field(min_length=1, max_length=120, description="signs what is done by the key", examples=["ci"])
    roles: tuple[Role, ...] = Field(min_length=1, max_length=len(Role), examples=[["operator"]])
    expires_at: AwareDatetime | None = Field(None, description="none: never", examples=["2027-06-30T00:00:00Z"])
    requests_per_minute: int | None = Field(None, ge=1, le=1_000_000, description="none: the service's own limit")


class Key(Model):
    """What is known of a key; its secret is not."""

    id: str = Field(examples=["k3f9x2m1p0qz"])
    name: str
    tenant: str
    roles: tuple[Role, ...]
    requests_per_minute: int | None
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None = Field(description="to the minute")


class NewlyMade(Model):
    key: Key
    secret: str = Field(description="the whole key, to be sent as Authorization: Bearer …; it is shown only now")


class KeyPage(Model):
    items: tuple[Key, ...]
    next: str | None = Field(description="the cursor of the next page; null: this is the last one")


class KeyOffice:
    def __init__(self, keys: KeyStore) -> None:
        self._keys = keys

    def create(self, request: KeyRequest, tenant: str, created_by: str) -> NewlyMade:
        """Raises Invalid."""
        require_name(request.name)
        if request.expires_at is not None and request.expires_at <= datetime.now(UTC):
            raise Invalid("the key would have expired already", errors=(("body.expires_at", "lies in the past"),))
        secret = ApiKey.mint()
        self._keys.enter(
            NewKey(
                id=secret.id,
                tenant=tenant,
                name=request.name,
                digest=secret.digest,
                roles=tuple(dict.fromkeys(request.roles)),
                requests_per_minute=request.requests_per_minute,
                created_by=created_by,
                expires_at=request.expires_at,
            )
        )
        row = self._keys.get(secret.id)
        assert row is not None
        return NewlyMade(key=_told(row), secret=secret.text)

    def page(self, caller: Principal, *, cursor: str, limit: int) -> KeyPage:
        rows = self._keys.page(caller.tenant, after=cursor, limit=limit + 1)
        more = rows[limit - 1].id if len(rows) > limit else None
        return KeyPage(items=tuple(map(_told, rows[:limit])), next=more)

    def revoke(self, key_id: str, tenant: str) -> None:
        """Raises NotFound."""
        if not self._keys.revoke(key_id, tenant):
            raise NotFound(f"there is no key {key_id!r}")


def _told(row: KeyRow) -> Key:
    return Key.model_validate(row.model_dump(exclude={"digest"}))
