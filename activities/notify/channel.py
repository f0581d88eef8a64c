"""Ways to tell people something, and how they fail."""

from collections.abc import Mapping
from typing import Protocol

from activities.notify.letter import Letter


class ChannelFault(Exception):
    """Its message is for people and ends up in journals and histories: it holds no secret, no address of a receiver,
    and no word of what the receiver answered but a status."""

    def __init__(self, message: str) -> None:
        super().__init__(message[:400])


class Unusable(ChannelFault):
    """The settings of a channel cannot work."""


class ChannelRefused(ChannelFault):
    """It will not take this letter, however often it is tried."""


class ChannelUnavailable(ChannelFault):
    """It may take it later; `seconds`: not before, as the receiver says."""

    def __init__(self, message: str, seconds: float | None = None) -> None:
        super().__init__(message)
        self.seconds = seconds


class Channel(Protocol):
    @property
    def where(self) -> str:
        """Where letters go, for people; no secret."""

    async def send(self, letter: Letter) -> str:
        """What the receiver answered, in a few words. Raises ChannelFault."""


class Channels:
    """Those that a host knows, by name, and why others of its settings cannot be used."""

    def __init__(
        self, usable: Mapping[str, Channel] | None = None, faults: Mapping[str, str] | None = None, base_url: str = ""
    ) -> None:
        self.usable = dict(usable or {})
        self.faults = dict(faults or {})
        self.base_url = base_url

    def named(self, name: str) -> Channel:
        """Raises ChannelRefused."""
        if name in self.usable:
            return self.usable[name]
        if name in self.faults:
            raise ChannelRefused(f"the channel {name!r} cannot be used on this host: {self.faults[name]}")
        known = ", ".join(sorted({*self.usable, *self.faults})) or "none"
        raise ChannelRefused(f"this host knows no channel {name[:60]!r}; it knows: {known}")
