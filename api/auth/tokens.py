"""JSON Web Tokens of an identity provider, turned into principals."""

from datetime import UTC, datetime
from typing import Any

import jwt
from jwt import PyJWK
from jwt.exceptions import InvalidSubjectError
from pydantic import TypeAdapter, ValidationError

from api.auth.jwks import KeySet, UnknownKey
from api.auth.keys import fault_of_name
from api.auth.principal import Principal, Role
from api.errors import Unauthenticated
from config.settings import AuthSettings

WITH_SECRET = ("HS256",)
WITH_PUBLIC_KEY = ("RS256", "ES256", "EdDSA")
"""Two lists that share nothing, and the settings choose one: no token can have a public key taken for a secret."""
_LAST_SECOND = datetime(9999, 1, 1, tzinfo=UTC).timestamp()
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (jwt.ExpiredSignatureError, "the token has expired"),
    (jwt.ImmatureSignatureError, "the token is not valid yet"),
    (jwt.InvalidAudienceError, "the token is for another audience"),
    (jwt.InvalidIssuerError, "the token is from another issuer"),
    (jwt.InvalidAlgorithmError, "the token is signed with an algorithm that is not accepted here"),
    (jwt.MissingRequiredClaimError, "the token lacks a claim: exp and sub are needed"),
    (InvalidSubjectError, "the token's sub is no text"),
    (jwt.InvalidSignatureError, "the token's signature does not fit"),
)
_ROLES = TypeAdapter[tuple[str, ...]](tuple[str, ...])


class TokenReader:
    def __init__(self, settings: AuthSettings, keys: KeySet | None) -> None:
        """`keys` where public keys are configured, else the settings have a secret."""
        self._settings = settings
        self._keys = keys

    async def read(self, token: str) -> Principal:
        """Raises Unauthenticated with a reason; Unavailable when the public keys cannot be had."""
        try:
            return self._principal(await self._claims(token))
        except UnknownKey as error:
            raise Unauthenticated(str(error)) from error
        # A header that nobody signed may hold anything that JSON can, numbers and depths beyond measure included.
        except (jwt.PyJWTError, ValueError, OverflowError, RecursionError) as error:
            raise Unauthenticated(_reason(error)) from error

    async def _claims(self, token: str) -> dict[str, Any]:
        if self._keys is not None:
            return self._decode(token, await self._keys.key_for(token), WITH_PUBLIC_KEY)
        assert self._settings.jwt_secret is not None
        return self._decode(token, self._settings.jwt_secret.get_secret_value(), WITH_SECRET)

    def _decode(self, token: str, key: str | PyJWK, algorithms: tuple[str, ...]) -> dict[str, Any]:
        settings = self._settings
        needed = ["exp", "sub", *(["aud"] if settings.audience else []), *(["iss"] if settings.issuer else [])]
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=algorithms,
            audience=settings.audience,
            issuer=settings.issuer,
            leeway=settings.leeway_seconds,
            options={"require": needed, "verify_aud": settings.audience is not None},
        )
        return claims

    def _principal(self, claims: dict[str, Any]) -> Principal:
        name = str(claims["sub"])
        if fault := fault_of_name(name):
            raise Unauthenticated(f"the token's sub cannot be a name here: {fault}")
        tenant = _claim(claims, self._settings.tenant_claim) or self._settings.tenant
        if not isinstance(tenant, str) or not tenant.isprintable():
            raise Unauthenticated(f"the token names no tenant in its claim {self._settings.tenant_claim!r}")
        expires = min(float(claims["exp"]) + self._settings.leeway_seconds, _LAST_SECOND)
        try:
            return Principal(
                name=name,
                tenant=tenant,
                roles=_roles(_claim(claims, self._settings.roles_claim)),
                expires_at=datetime.fromtimestamp(expires, UTC),
            )
        except ValidationError as error:
            raise Unauthenticated("the token's sub or tenant is longer than 120 characters") from error


def _claim(claims: Any, path: str) -> Any:
    """A claim by its name, or by a path into one; None where it is not."""
    if path in claims:
        return claims[path]
    for name in path.split("."):
        claims = claims.get(name) if isinstance(claims, dict) else None
    return claims


def _roles(claimed: Any) -> tuple[Role, ...]:
    """Those that we know; what else an identity provider says of a person is none of our business."""
    if isinstance(claimed, str):
        claimed = claimed.split()
    try:
        names = _ROLES.validate_python(claimed or ())
    except ValidationError:
        return ()
    return tuple(role for role in Role if role in names)


def _reason(error: Exception) -> str:
    return next((text for kind, text in _REASONS if isinstance(error, kind)), "the token cannot be read")
