"""What can go wrong with a model call, and what to do about each kind."""

from dataclasses import dataclass
from enum import StrEnum, auto

from activities.llm.messages import Usage


class FaultKind(StrEnum):
    RATE_LIMIT = auto()
    OVERLOADED = auto()
    SERVER = auto()
    TIMEOUT = auto()
    CONNECTION = auto()
    STREAM_CUT = auto()
    BAD_BODY = auto()
    """A success that is none: HTML, broken JSON, no choices."""
    QUOTA = auto()
    AUTH = auto()
    PERMISSION = auto()
    MODEL_NOT_FOUND = auto()
    CONTEXT_LENGTH = auto()
    CONTENT_FILTER = auto()
    REFUSED = auto()
    TRUNCATED = auto()
    EMPTY = auto()
    BAD_REQUEST = auto()
    UNKNOWN = auto()


@dataclass(frozen=True)
class Policy:
    retry: bool
    """The same call may well succeed a little later."""
    fallback: bool
    """Another provider may do it now."""
    health: bool
    """It says something about the provider, not about the request."""


_TRANSIENT = Policy(retry=True, fallback=True, health=True)
_TERMINAL = Policy(retry=False, fallback=True, health=True)
_OURS = Policy(retry=False, fallback=False, health=False)

POLICY: dict[FaultKind, Policy] = {
    FaultKind.RATE_LIMIT: _TRANSIENT,
    FaultKind.OVERLOADED: _TRANSIENT,
    FaultKind.SERVER: _TRANSIENT,
    FaultKind.TIMEOUT: _TRANSIENT,
    FaultKind.CONNECTION: _TRANSIENT,
    FaultKind.STREAM_CUT: _TRANSIENT,
    FaultKind.BAD_BODY: _TRANSIENT,
    FaultKind.UNKNOWN: _TRANSIENT,
    FaultKind.QUOTA: _TERMINAL,
    FaultKind.AUTH: _TERMINAL,
    FaultKind.PERMISSION: _TERMINAL,
    FaultKind.MODEL_NOT_FOUND: _TERMINAL,
    FaultKind.EMPTY: Policy(retry=True, fallback=True, health=False),
    # Asked again by the ledger with more room, or with less context; see activities.llm.gateway.
    FaultKind.TRUNCATED: Policy(retry=True, fallback=False, health=False),
    FaultKind.CONTEXT_LENGTH: Policy(retry=True, fallback=False, health=False),
    FaultKind.CONTENT_FILTER: _OURS,
    FaultKind.REFUSED: _OURS,
    FaultKind.BAD_REQUEST: _OURS,
}


class ModelFault(Exception):
    """A model call that gave nothing to work with. The message is for people and never holds a key."""

    def __init__(
        self,
        kind: FaultKind,
        message: str,
        *,
        status: int | None = None,
        code: str = "",
        retry_after: float | None = None,
        request_id: str = "",
        usage: Usage | None = None,
    ) -> None:
        super().__init__(message[:500])
        self.kind = kind
        self.status = status
        self.code = code
        self.retry_after = retry_after
        self.request_id = request_id
        self.usage = usage

    @property
    def policy(self) -> Policy:
        return POLICY[self.kind]
