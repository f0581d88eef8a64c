"""Wrong credentials per address: who tries many has to wait, and costs no query meanwhile."""

import time
from collections import OrderedDict

from api.errors import TooMany

MINUTE = 60.0
_MOST_ADDRESSES = 10_000


class Failures:
    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()
        """Address → when its minute ends, on the monotonic clock, and how many failures it had in it."""

    def admit(self, address: str) -> None:
        """Raises TooMany when the address had its failures of this minute."""
        ends, count = self._counts.get(address, (0.0, 0))
        left = ends - time.monotonic()
        if left > 0 and count >= self._per_minute:
            raise TooMany("too many wrong keys or tokens came from your address; wait before you try again", left)

    def count(self, address: str) -> None:
        now = time.monotonic()
        ends, count = self._counts.pop(address, (0.0, 0))
        self._counts[address] = (ends, count + 1) if ends > now else (now + MINUTE, 1)
        if len(self._counts) > _MOST_ADDRESSES:
            self._counts.popitem(last=False)
