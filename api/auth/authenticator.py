"""Finds out who calls: by an API key, or by a token of an identity provider."""

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from hmac import compare_digest

from starlette.requests import HTTPConnection

from activities.store.keys import TOUCH_SECONDS, KeyRow, KeyStore
from api.auth.failures import Failures
from api.auth.keys import PREFIX, ApiKey
from api.auth.principal import Principal, Role
from api.auth.tokens import TokenReader
from api.errors import NO_CREDENTIAL, Unauthenticated

SUBPROTOCOL = "botted"
"""What a WebSocket is accepted with; browsers ask for it, and beside it for SUBPROTOCOL.bearer.TOKEN."""
_BEARER_PROTOCOL = f"{SUBPROTOCOL}.bearer."
REMEMBERED_SECONDS = 5.0
"""A revoked key works no longer than that."""
_MOST_REMEMBERED = 10_000
_UNKNOWN = "the API key is unknown"


@dataclass(frozen=True)
class _Remembered:
    row: KeyRow
    until: float
    """On the monotonic clock."""


class Authenticator:
    def __init__(self, keys: KeyStore, tokens: TokenReader | None, failures: Failures) -> None:
        self._keys = keys
        self._tokens = tokens
        self._failures = failures
        self._remembered: OrderedDict[str, _Remembered] = OrderedDict()
        self._touched: dict[str, float] = {}

    async def authenticate(self, connection: HTTPConnection) -> Principal:
        """Raises Unauthenticated; TooMany when too many wrong credentials came from that address."""
        address = address_of(connection)
        credential = credential_of(connection)
        if credential is None:
            raise Unauthenticated(NO_CREDENTIAL)
        if not self._knows(credential):
            self._failures.admit(address)
        try:
            principal = await self._principal(credential)
        except Unauthenticated:
            self._failures.count(address)
            raise
        return principal.model_copy(update={"origin": f"api {address}"[:200]})

    async def authenticate_again(self, principal: Principal) -> bool:
        """Whether whoever began a stream would still be let in. Cheap: ask every few seconds."""
        if principal.expires_at is not None and principal.expires_at <= datetime.now(UTC):
            return False
        if not principal.key_id:
            return True
        row = await self._row(principal.key_id)
        return row is not None and not fault_of(row)

    async def principal_of_key(self, text: str) -> Principal:
        """Of a key as its holder has it. Raises Unauthenticated."""
        key = key_of(text)
        principal = principal_of(await self._row(key.id), key)
        await self._touch(key.id)
        return principal

    def forget(self, key_id: str) -> None:
        """For a key that was just revoked in this process."""
        self._remembered.pop(key_id, None)

    async def _principal(self, credential: str) -> Principal:
        if credential.startswith(PREFIX):
            return await self.principal_of_key(credential)
        if self._tokens is None:
            raise Unauthenticated("no tokens are accepted here, only API keys, which look like botted_ID_SECRET")
        return await self._tokens.read(credential)

    def _knows(self, credential: str) -> bool:
        """Whether it costs nothing to look at this one."""
        key = ApiKey.parse(credential)
        found = self._remembered.get(key.id) if key else None
        return bool(key and found and compare_digest(found.row.digest, key.digest))

    async def _row(self, key_id: str) -> KeyRow | None:
        found = self._remembered.get(key_id)
        if found is not None and found.until > time.monotonic():
            return found.row
        row = await asyncio.to_thread(self._keys.get, key_id)
        self.forget(key_id)
        if row is not None:
            self._remembered[key_id] = _Remembered(row, time.monotonic() + REMEMBERED_SECONDS)
            if len(self._remembered) > _MOST_REMEMBERED:
                self._remembered.popitem(last=False)
        return row

    async def _touch(self, key_id: str) -> None:
        now = time.monotonic()
        if now < self._touched.get(key_id, 0.0):
            return
        if len(self._touched) > _MOST_REMEMBERED:
            self._touched.clear()
        self._touched[key_id] = now + TOUCH_SECONDS
        await asyncio.to_thread(self._keys.touch, key_id)


def key_of(text: str) -> ApiKey:
    """Raises Unauthenticated."""
    key = ApiKey.parse(text)
    if key is None:
        raise Unauthenticated("this is no API key: they look like botted_ID_SECRET")
    return key


def fault_of(row: KeyRow) -> str:
    """Why a key is not accepted any more; empty: it is."""
    if row.revoked_at is not None:
        return "the API key was revoked"
    if row.expires_at is not None and row.expires_at <= datetime.now(UTC):
        return "the API key has expired"
    return ""


def principal_of(row: KeyRow | None, key: ApiKey) -> Principal:
    """Whose key it is, as the store has it. Raises Unauthenticated."""
    if row is None or not compare_digest(row.digest, key.digest):
        raise Unauthenticated(_UNKNOWN)
    if fault := fault_of(row):
        raise Unauthenticated(fault)
    return Principal(
        name=row.name,
        tenant=row.tenant,
        roles=tuple(role for role in Role if role in row.roles),
        key_id=row.id,
        expires_at=row.expires_at,
        requests_per_minute=row.requests_per_minute,
    )


def credential_of(connection: HTTPConnection) -> str | None:
    """From the headers only: addresses with secrets in them end up in logs."""
    header = connection.headers.get("authorization", "")
    scheme, _, credential = header.partition(" ")
    if header:
        if scheme.lower() != "bearer" or not credential.strip():
            raise Unauthenticated("the header Authorization has to be: Bearer, a space, and a key or token")
        return credential.strip()
    if key := connection.headers.get("x-api-key"):
        return key.strip()
    if connection.scope["type"] == "websocket":
        for asked in connection.scope.get("subprotocols", ()):
            if asked.startswith(_BEARER_PROTOCOL):
                return str(asked.removeprefix(_BEARER_PROTOCOL))
    return None


def address_of(connection: HTTPConnection) -> str:
    return connection.client.host if connection.client else "unknown"
