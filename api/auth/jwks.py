"""The public keys of an identity provider, fetched and remembered."""

import asyncio
import json
import time
from typing import Any

import httpx2
import jwt
import structlog
from jwt import PyJWK, PyJWKSet

from api.errors import Unavailable

REFETCH_SECONDS = 30.0
"""For a key that nobody knows yet: at most so often, whoever sends tokens with invented key ids."""
FRESH_SECONDS = 600.0
"""Keys that were withdrawn count no longer than that, as long as the address answers."""
PATIENCE = 5.0  # seconds
_MOST_BYTES = 500_000
log = structlog.get_logger("api.auth")


class UnknownKey(Exception):
    """No public key fits the token."""


class KeySet:
    def __init__(self, url: str) -> None:
        self._url = url
        self._keys: dict[str, PyJWK] = {}
        self._fetched = float("-inf")
        """When the keys came, and when they were last asked for, on the monotonic clock."""
        self._asked = float("-inf")
        self._one_at_a_time = asyncio.Lock()

    async def key_for(self, token: str) -> PyJWK:
        """Raises UnknownKey; Unavailable when there are no keys at all; jwt.DecodeError when it is no token."""
        kid = jwt.get_unverified_header(token).get("kid")
        if self._find(kid) is None or time.monotonic() - self._fetched > FRESH_SECONDS:
            await self._refresh()
        if not self._keys:
            raise Unavailable("the public keys by which tokens are checked cannot be fetched; try again in a minute")
        found = self._find(kid)
        if found is None:
            raise UnknownKey("the token is signed with a key that its issuer does not publish")
        return found

    def _find(self, kid: Any) -> PyJWK | None:
        if kid is None:  # a token need not say, where there is but one
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(kid) if isinstance(kid, str) else None

    async def _refresh(self) -> None:
        async with self._one_at_a_time:
            if time.monotonic() - self._asked < REFETCH_SECONDS:
                return
            self._asked = time.monotonic()
            try:
                self._keys = _usable(await self._fetch())
                self._fetched = time.monotonic()
            except (httpx2.HTTPError, httpx2.InvalidURL, jwt.PyJWTError, ValueError, TypeError) as error:
                log.warning("public keys not fetched", url=self._url, why=repr(error))

    async def _fetch(self) -> Any:
        async with (
            httpx2.AsyncClient(timeout=PATIENCE) as client,
            client.stream("GET", self._url, headers={"Accept": "application/json"}) as answer,
        ):
            answer.raise_for_status()
            body = b""
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > _MOST_BYTES:
                    raise ValueError("the set of keys is too large")
        return json.loads(body)


def _usable(document: Any) -> dict[str, PyJWK]:
    """By key id. Keys to encrypt with are left out, and so are secrets that somebody published."""
    keys = PyJWKSet.from_dict(document).keys
    return {
        key.key_id or "": key
        for key in keys
        if key.public_key_use in (None, "sig") and key.key_type in ("RSA", "EC", "OKP")
    }
