"""All open streams of this process: how many there may be, whose credential still counts, when they have to end."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import Enum, auto

import structlog
from sqlalchemy.exc import SQLAlchemyError

from api.auth.principal import Principal
from api.errors import Problem, Unavailable

RECHECK_SECONDS = 1.0
RETRY_AFTER_SECONDS = 5
log = structlog.get_logger("api.live")


class Ending(Enum):
    """Why a stream ends though its client wants more."""

    RESTART = auto()
    """The service stops: the client comes back, here or elsewhere."""
    UNAUTHORIZED = auto()
    """Its credential has expired or was revoked."""


class Stream:
    def __init__(self, principal: Principal) -> None:
        self.principal = principal
        self.credential = principal.model_copy(update={"origin": ""})
        """The same for all streams of a key, from wherever."""
        self.bell = asyncio.Event()
        """Rings when there is something to look at."""
        self._ending: Ending | None = None

    @property
    def ending(self) -> Ending | None:
        return self._ending or (Ending.UNAUTHORIZED if self.seconds_left() <= 0 else None)

    def seconds_left(self) -> float:
        """Until the credential expires."""
        expires = self.principal.expires_at
        return (expires - datetime.now(UTC)).total_seconds() if expires is not None else float("inf")

    def end(self, ending: Ending) -> None:
        self._ending = self._ending or ending
        self.bell.set()

    async def wait(self, seconds: float) -> bool:
        """Whether the bell rang. False after so many seconds, or when the credential expires."""
        try:
            async with asyncio.timeout(min(seconds, max(0.0, self.seconds_left()))):
                await self.bell.wait()
        except TimeoutError:
            return False
        return True


class Streams:
    """`still_allowed` says whether whoever began a stream would still be let in."""

    def __init__(
        self, most: int, most_of_one: int, still_allowed: Callable[[Principal], Awaitable[bool]], closing: asyncio.Event
    ) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._still_allowed = still_allowed
        self._closing = closing
        self._open: set[Stream] = set()
        self._of_one: Counter[str] = Counter()

    def require_room(self, principal: Principal) -> None:
        """Raises Unavailable."""
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        if self._closing.is_set():
            raise Unavailable("the service is about to stop; connect again in a moment", headers=headers)
        if len(self._open) >= self._most:
            raise Unavailable(f"there are {self._most:,} open streams here, and there may be no more", headers=headers)
        if self._of_one[_who(principal)] >= self._most_of_one:
            detail = f"your key or token has {self._most_of_one:,} open streams, and may have no more"
            raise Unavailable(detail, headers=headers)

    @contextmanager
    def open(self, principal: Principal) -> Iterator[Stream]:
        stream, who = Stream(principal), _who(principal)
        self._open.add(stream)
        self._of_one[who] += 1
        try:
            yield stream
        finally:
            self._open.discard(stream)
            self._of_one[who] -= 1
            if not self._of_one[who]:
                del self._of_one[who]

    async def end_when_closing(self) -> None:
        await self._closing.wait()
        for stream in tuple(self._open):
            stream.end(Ending.RESTART)

    async def recheck(self) -> None:
        """Until it is cancelled: each credential once, however many streams it has."""
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            for credential in {stream.credential for stream in self._open}:
                try:
                    allowed = await self._still_allowed(credential)
                except (SQLAlchemyError, Problem) as error:  # a database that is away takes no rights away
                    log.warning("credential not checked again", error=repr(error))
                    continue
                if not allowed:
                    self._end_all(credential)

    def _end_all(self, credential: Principal) -> None:
        for stream in tuple(self._open):
            if stream.credential == credential:
                stream.end(Ending.UNAUTHORIZED)


def _who(principal: Principal) -> str:
    return f"key {principal.key_id}" if principal.key_id else f"{principal.tenant} {principal.name}"
