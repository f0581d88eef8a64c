"""Who calls, and what a role may do."""

from datetime import datetime
from enum import StrEnum, auto

from pydantic import Field

from workflows.domain.model import Model


class Role(StrEnum):
    ADMIN = auto()
    OPERATOR = auto()
    APPROVER = auto()
    VIEWER = auto()
    WORKER = auto()
    """A worker from outside: reads what it works on and hands in its work."""


class Right(StrEnum):
    """What a route needs."""

    READ = auto()
    RUN = auto()
    """Ask for objectives, upload files, and steer what runs."""
    DECIDE = auto()
    """Decide on what waits for a person."""
    WORK = auto()
    """Hand in the result of a task."""
    ADMINISTER = auto()
    """Keys and audit."""


RIGHTS: dict[Role, frozenset[Right]] = {
    Role.ADMIN: frozenset(Right),
    Role.OPERATOR: frozenset({Right.READ, Right.RUN, Right.DECIDE, Right.WORK}),
    Role.APPROVER: frozenset({Right.READ, Right.DECIDE}),
    Role.VIEWER: frozenset({Right.READ}),
    Role.WORKER: frozenset({Right.READ, Right.WORK}),
}


class Principal(Model):
    """An authenticated caller: sees its tenant and nothing else."""

    name: str = Field(min_length=1, max_length=120)
    tenant: str = Field(min_length=1, max_length=120)
    roles: tuple[Role, ...]
    key_id: str = Field("", description="of the API key; empty: a token, or the commands of this machine's owner")
    origin: str = Field("", max_length=200, description="from where the call came, for journal and audit")
    expires_at: datetime | None = Field(None, description="streams end then")
    requests_per_minute: int | None = Field(None, description="its own limit; none: the settings'")

    def may(self, right: Right) -> bool:
        return any(right in RIGHTS[role] for role in self.roles)
