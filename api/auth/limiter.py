"""How often a caller may call in a minute, over all processes of the API."""

import asyncio
import json
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import sha256

from activities.store.rates import RateStore
from api.auth.principal import Principal
from api.errors import TooMany

LEASES_PER_MINUTE = 20
"""A process takes the minute's allowance in so many parts: one query each, and little is left unused elsewhere."""
_MOST_CALLERS = 10_000


@dataclass
class _Window:
    """What this process may still let pass in the present minute."""

    ends: float = 0.0
    """On the monotonic clock."""
    left: int = 0
    exhausted: bool = False
    leasing: asyncio.Lock = field(default_factory=asyncio.Lock)


class RateLimiter:
    def __init__(self, rates: RateStore, per_minute: int) -> None:
        self._rates = rates
        self._per_minute = per_minute
        self._windows: OrderedDict[str, _Window] = OrderedDict()

    async def admit(self, principal: Principal) -> None:
        """Counts one request. Raises TooMany when the caller had those of this minute."""
        limit = principal.requests_per_minute or self._per_minute
        window = self._window(caller_of(principal))
        if not _take(window):
            async with window.leasing:
                if not _take(window):
                    await self._lease(caller_of(principal), window, limit)
                    if not _take(window):
                        raise TooMany(
                            f"you may call {limit} times a minute; the next minute begins soon",
                            window.ends - time.monotonic(),
                        )

    def _window(self, caller: str) -> _Window:
        window = self._windows.pop(caller, None) or _Window()
        self._windows[caller] = window
        if len(self._windows) > _MOST_CALLERS:
            self._windows.popitem(last=False)
        return window

    async def _lease(self, caller: str, window: _Window, limit: int) -> None:
        if window.exhausted and time.monotonic() < window.ends:
            return
        chunk = max(1, limit // LEASES_PER_MINUTE)
        lease = await asyncio.to_thread(self._rates.lease, caller, chunk)
        window.ends = time.monotonic() + lease.seconds_left
        window.left = min(chunk, max(0, limit - (lease.leased - chunk)))
        window.exhausted = window.left == 0


def _take(window: _Window) -> bool:
    if window.left == 0 or time.monotonic() >= window.ends:
        return False
    window.left -= 1
    return True


def caller_of(principal: Principal) -> str:
    """Each key has an allowance of its own; tokens, which come and go, share their subject's."""
    if principal.key_id:
        return f"key:{principal.key_id}"
    subject = json.dumps([principal.tenant, principal.name])  # either may hold whatever one would put between them
    return f"token:{sha256(subject.encode()).hexdigest()}"
