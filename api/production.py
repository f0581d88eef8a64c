"""What must not be in production. Whoever starts the service there is told everything at once."""

import os
from collections import Counter
from collections.abc import Iterator
from math import log2
from pathlib import Path

from config.settings import Environment, Settings

SECRET_BYTES = 32
"""As many as HS256 has: a shorter secret is guessed sooner than the hash is broken."""
_LEAST_ENTROPY = 64.0
"""Bits, by how often each character occurs: far below what 32 random bytes have in any notation, far above "x" * 32."""
_DEFAULTS = ("secret", "change", "default", "example", "password", "test", "jwt", "your", "key", "please", "botted")
_HOW_TO_MAKE = "python -c 'import secrets; print(secrets.token_hex(32))'"


def complaints(settings: Settings) -> tuple[str, ...]:
    """Why the service must not start with these settings, and what to set; empty outside production."""
    if settings.environment is not Environment.PRODUCTION:
        return ()
    return (*_of_secret(settings), *_of_cors(settings), *_of_tls(settings))


def faults_of_tls_files(settings: Settings) -> tuple[str, ...]:
    """In every environment: half a pair, or a file that cannot be read."""
    pair = {"TLS_CERTIFICATE": settings.api.tls_certificate, "TLS_KEY": settings.api.tls_key}
    given = {name: path for name, path in pair.items() if path is not None}
    if len(given) == 1:
        [missing] = set(pair) - set(given)
        return (f"set BOTTED_API__{missing} too: HTTPS needs the certificate and its key",)
    return tuple(
        f"BOTTED_API__{name}: {path} cannot be read; name a PEM file"
        for name, path in given.items()
        if not _reads(path)
    )


def _of_secret(settings: Settings) -> Iterator[str]:
    if settings.auth.jwt_secret is None:
        return
    secret = settings.auth.jwt_secret.get_secret_value()
    weakness = weakness_of(secret)
    if weakness:
        yield f"BOTTED_AUTH__JWT_SECRET {weakness}; set a random one: {_HOW_TO_MAKE}"


def weakness_of(secret: str) -> str:
    """What makes a secret easy to guess; empty: nothing that one can see."""
    if len(secret.encode()) < SECRET_BYTES:
        return f"has {len(secret.encode())} bytes, fewer than {SECRET_BYTES}"
    repeats_itself = secret in (secret + secret)[1:-1]
    if repeats_itself or _entropy(_without_words(secret)) < _LEAST_ENTROPY:
        return "is not random: it repeats itself, or says what it is"
    return ""


def _entropy(text: str) -> float:
    counts = Counter(text)
    return sum(count * log2(len(text) / count) for count in counts.values())


def _without_words(secret: str) -> str:
    rest = secret.lower()
    for word in _DEFAULTS:
        rest = rest.replace(word, "")
    return rest


def _of_cors(settings: Settings) -> Iterator[str]:
    if "*" in settings.api.cors_origins:
        yield 'BOTTED_API__CORS_ORIGINS is open to every page ("*"); name the origins, as in ["https://app.example"]'


def _of_tls(settings: Settings) -> Iterator[str]:
    if settings.api.tls_certificate is None and not settings.api.behind_tls_proxy:
        yield (
            "nothing speaks HTTPS: set BOTTED_API__TLS_CERTIFICATE and BOTTED_API__TLS_KEY to PEM files, or "
            "BOTTED_API__BEHIND_TLS_PROXY=true where a proxy before the service does"
        )


def _reads(path: Path) -> bool:
    return path.is_file() and os.access(path, os.R_OK)
