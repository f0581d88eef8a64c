"""The newest events of one subject, kept in memory for all who listen: bounded in number and in size."""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

from activities.store.journal_pages import Cursor

MOST_EVENTS = 128
MOST_CHARACTERS = 128_000

P = TypeVar("P", int, Cursor)
"""A position: the number of an objective's entry, or a cursor over all entries of a tenant."""


class Event(NamedTuple, Generic[P]):
    position: P
    objective_id: str
    kind: str
    frame: str
    """As it is sent: encoded once for all."""


class Page(NamedTuple, Generic[P]):
    """What comes next for a reader. Without events it has read everything that is there."""

    events: Sequence[Event[P]]
    position: P
    """How far the reader is with them."""
    full: bool = False
    """There may be more at once."""
    lagging: bool = False
    """There is more that cannot be read yet, for a moment."""


class Ring(Generic[P]):
    def __init__(self, floor: P, events: Iterable[Event[P]] = ()) -> None:
        self.floor: P = floor
        """Everything that came after this position is here."""
        self.head: P = floor
        self._events: deque[Event[P]] = deque()
        self._characters = 0
        for event in events:
            self.add(Page((event,), event.position))

    def add(self, page: Page[P]) -> None:
        for event in page.events:
            self._events.append(event)
            self._characters += len(event.frame)
        self.head = page.position
        while len(self._events) > MOST_EVENTS or self._characters > MOST_CHARACTERS:
            dropped = self._events.popleft()
            self._characters -= len(dropped.frame)
            self.floor = dropped.position

    def after(self, position: P) -> Page[P]:
        """For a reader that is at the floor or above."""
        newer: list[Event[P]] = []
        for event in reversed(self._events):
            if event.position <= position:
                break
            newer.append(event)
        return Page(newer[::-1], max(position, self.head))
