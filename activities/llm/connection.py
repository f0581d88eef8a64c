"""How an adapter reaches a provider: the few things that it needs of an SDK."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue

Body = dict[str, JsonValue]


@dataclass(frozen=True)
class Reply:
    """A success in full; it may still be HTML."""

    text: str
    request_id: str


@dataclass(frozen=True)
class Event:
    """One event of a stream, as the JSON that came."""

    data: object
    request_id: str


class Connection(Protocol):
    """One SDK client. Its methods raise the SDK's own errors."""

    async def send(self, path: str, body: Body) -> Reply: ...

    def stream(self, path: str, body: Body) -> AsyncGenerator[Event, None]: ...

    async def list_models(self) -> str:
        """The JSON text of what GET /models answers."""
        ...

    async def close(self) -> None: ...
