"""API keys as their holders see them: botted_ID_SECRET."""

import re
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Self

from api.errors import Invalid

PREFIX = "botted_"
_FORM = re.compile(r"botted_(?P<id>[a-z0-9]{12})_(?P<secret>[0-9a-f]{64})", re.ASCII)
_ID_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
RESERVED = ("verifier:", "workflow")
"""How the names of machines begin that sign verdicts; nobody who calls may be called so."""


@dataclass(frozen=True)
class ApiKey:
    id: str
    secret: str = field(repr=False)

    @classmethod
    def mint(cls) -> Self:
        return cls(id="".join(secrets.choice(_ID_LETTERS) for _ in range(12)), secret=secrets.token_hex(32))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        found = _FORM.fullmatch(text)
        return cls(id=found["id"], secret=found["secret"]) if found else None

    @property
    def text(self) -> str:
        """What its holder is shown once."""
        return f"{PREFIX}{self.id}_{self.secret}"

    @property
    def digest(self) -> str:
        """SHA-256, fast on purpose: slow hashes protect what people choose. Nobody guesses 256 random bits."""
        return sha256(self.secret.encode()).hexdigest()


def fault_of_name(name: str) -> str:
    """Why nobody who calls may have that name; empty: they may."""
    if name.lower().startswith(RESERVED):
        return f"names that begin with {' or '.join(map(repr, RESERVED))} are those of machines that sign verdicts"
    if not name.isprintable() or not name.strip():
        return "a name consists of characters that can be printed"
    return ""


def require_name(name: str, where: str = "body.name") -> None:
    """Raises Invalid."""
    if fault := fault_of_name(name):
        raise Invalid("this name cannot be given", errors=((where, fault),))
