"""Objectives as their journals tell, kept in memory and brought up to date when somebody looks."""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from activities.store import journal
from api.services.view import ObjectiveView

MOST_PARTS = 30_000
"""Tasks, verdicts and alerts of all views together; about a kilobyte each."""


class Views:
    """The objectives that nobody looked at for the longest time are forgotten first. For any number of threads."""

    def __init__(self, most_parts: int = MOST_PARTS) -> None:
        self._most = most_parts
        self._parts = 0
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    @contextmanager
    def look(self, connection: Connection, objective_id: str) -> Iterator[ObjectiveView]:
        """As the journal has it now. Only inside the `with` does nobody else change it."""
        kept = self._find(objective_id)
        with kept.lock:
            try:
                kept.view.take(journal.skim(connection, objective_id, kept.view.seq))
            except BaseException:
                self._forget(objective_id, kept)  # it may be half done
                raise
            self._weigh(objective_id, kept)
            yield kept.view

    def _find(self, objective_id: str) -> "_Kept":
        with self._lock:
            kept = self._kept.setdefault(objective_id, _Kept(objective_id))
            self._kept.move_to_end(objective_id)
            return kept

    def _weigh(self, objective_id: str, kept: "_Kept") -> None:
        parts = _parts_of(kept.view)
        with self._lock:
            if self._kept.get(objective_id) is not kept:
                return
            self._parts += parts - kept.parts
            kept.parts = parts
            while self._parts > self._most and len(self._kept) > 1:
                _, oldest = self._kept.popitem(last=False)
                self._parts -= oldest.parts

    def _forget(self, objective_id: str, kept: "_Kept") -> None:
        with self._lock:
            if self._kept.get(objective_id) is kept:
                del self._kept[objective_id]
                self._parts -= kept.parts


class _Kept:
    def __init__(self, objective_id: str) -> None:
        self.view = ObjectiveView(objective_id)
        self.lock = threading.Lock()
        self.parts = 0


def _parts_of(view: ObjectiveView) -> int:
    return 10 + sum(map(len, (view.tasks, view.replaced, view.verdicts, view.opinions, view.alerts, view.waits)))
