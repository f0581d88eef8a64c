"""What models are saying, for the streams of this process that want to see it."""

import asyncio
import json
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

import structlog
from pydantic import ValidationError
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from activities.store import database, live
from activities.store.live import Piece, Spoken

LINGER_SECONDS = 5.0
"""How long the end of a call is kept for readers that are behind."""
AGAIN_SECONDS = 1.0
log = structlog.get_logger("api.live")
_numbers = count(1)


@dataclass
class _Speech:
    """One try of a model call, as far as it was heard."""

    key: str
    objective: str
    task: str
    attempt: int
    step: str
    text: str
    done: bool = False
    number: int = field(default_factory=lambda: next(_numbers))
    touched: float = field(default_factory=time.monotonic)

    def body(self, offset: int) -> str:
        """JSON of what is new from `offset` on."""
        said = {"key": self.key, "objective": self.objective, "task": self.task, "attempt": self.attempt}
        news = {"step": self.step, "offset": offset, "text": self.text[offset:], "done": self.done}
        return json.dumps({**said, **news}, ensure_ascii=False, separators=(",", ":"))


class _Room:
    """What is said for one objective."""

    def __init__(self) -> None:
        self.speeches: dict[str, _Speech] = {}
        self.bells: set[asyncio.Event] = set()
        self.changes = 0
        """How often a speech began anew or ended: what was read before such a change is no longer true."""

    def hear(self, piece: Piece) -> bool:
        """Whether it fits to what was heard; if not, something was missed."""
        speech = self.speeches.get(piece.key)
        if piece.done:
            self.end(speech)
        elif piece.offset == 0:
            self.changes += 1
            fields = piece.model_dump(exclude={"offset", "done"})
            self.speeches[piece.key] = _Speech(**fields)
        elif speech is None or piece.offset > len(speech.text):
            return False
        elif piece.offset == len(speech.text):
            speech.text += piece.text
            speech.touched = time.monotonic()
        self.ring()
        return True

    def agree_with(self, spoken: Iterable[Spoken]) -> None:
        """Takes over what is in the table; what is not there any more has ended."""
        rows = {row.key: row for row in spoken}
        for key, speech in self.speeches.items():
            if key not in rows:
                self.end(speech)
        for row in rows.values():
            known = self.speeches.get(row.key)
            if known is None or known.done or not _is_same(known.text, row.text):
                self.speeches[row.key] = _speech_of(row)
            elif len(row.text) > len(known.text):
                known.text = row.text
        self.ring()

    def end(self, speech: _Speech | None) -> None:
        if speech is None or speech.done:
            return
        self.changes += 1
        speech.done = True
        speech.touched = time.monotonic()
        asyncio.get_running_loop().call_later(LINGER_SECONDS, self._forget, speech)

    def end_stale(self) -> None:
        """Those whose host has died, or whose end nobody told."""
        for speech in self.speeches.values():
            if time.monotonic() - speech.touched > live.STALE.total_seconds():
                self.end(speech)

    def ring(self) -> None:
        for bell in self.bells:
            bell.set()

    def _forget(self, speech: _Speech) -> None:
        if self.speeches.get(speech.key) is speech:
            del self.speeches[speech.key]


class OutputWatch:
    """What one stream has been shown."""

    def __init__(self, rooms: Iterable[_Room]) -> None:
        self._rooms = tuple(rooms)
        self._began = time.monotonic()
        self._shown: dict[str, tuple[int, int, bool]] = {}
        """Key → number of the try, characters, and whether its end was shown."""

    def news(self) -> list[str]:
        """JSON of each piece that was not shown yet. One at offset 0 begins anew."""
        shown: dict[str, tuple[int, int, bool]] = {}
        bodies: list[str] = []
        for speech in (speech for room in self._rooms for speech in room.speeches.values()):
            number, offset, done = self._shown.get(speech.key, (0, 0, False))
            if number != speech.number:
                if speech.done and speech.touched < self._began:
                    continue  # over before this stream was there
                offset, done = 0, False
            if offset < len(speech.text) or speech.done > done:
                bodies.append(speech.body(offset))
            shown[speech.key] = (speech.number, len(speech.text), speech.done)
        self._shown = shown
        return bodies


class OutputBoard:
    def __init__(self, engine: Engine, threads: Executor) -> None:
        self._reading = database.reading(engine)
        self._threads = threads
        self._rooms: dict[str, _Room] = {}
        self._to_read: set[str] = set()
        self._read_now = asyncio.Event()

    @contextmanager
    def watch(self, objective_ids: frozenset[str], bell: asyncio.Event) -> Iterator[OutputWatch]:
        for objective_id in objective_ids:
            if objective_id not in self._rooms:
                self._rooms[objective_id] = _Room()
                self._reread(objective_id)
            self._rooms[objective_id].bells.add(bell)
        rooms = {objective_id: self._rooms[objective_id] for objective_id in objective_ids}
        bell.set()
        try:
            yield OutputWatch(rooms.values())
        finally:
            for objective_id, room in rooms.items():
                room.bells.discard(bell)
                if not room.bells and self._rooms.get(objective_id) is room:
                    del self._rooms[objective_id]

    def hear(self, payload: str) -> None:
        """A notice."""
        try:
            piece = Piece.model_validate_json(payload)
        except ValidationError as error:
            log.warning("not a piece of output", error=str(error))
            return
        room = self._rooms.get(piece.objective)
        if room is not None and not room.hear(piece):
            self._reread(piece.objective)

    def look(self) -> None:
        """Notices may be missing."""
        for objective_id, room in self._rooms.items():
            room.end_stale()
            self._reread(objective_id)

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await self._read_now.wait()
            self._read_now.clear()
            asked, self._to_read = frozenset(self._to_read), set()
            try:
                await self._read(asked)
            except SQLAlchemyError as error:
                log.info("output not read", error=repr(error))
                await asyncio.sleep(AGAIN_SECONDS)
                self._reread(*asked)

    async def _read(self, objective_ids: frozenset[str]) -> None:
        before = {objective_id: room.changes for objective_id, room in self._rooms.items()}
        spoken = await asyncio.get_running_loop().run_in_executor(self._threads, self._spoken, objective_ids)
        for objective_id in objective_ids & self._rooms.keys():
            room = self._rooms[objective_id]
            if room.changes == before.get(objective_id):
                room.agree_with(row for row in spoken if row.objective_id == objective_id)
            else:
                self._reread(objective_id)

    def _reread(self, *objective_ids: str) -> None:
        self._to_read.update(objective_ids)
        self._read_now.set()

    def _spoken(self, objective_ids: frozenset[str]) -> tuple[Spoken, ...]:
        with self._reading.connect() as connection:
            return live.spoken(connection, objective_ids)


def _speech_of(row: Spoken) -> _Speech:
    return _Speech(row.key, row.objective_id, row.task_id, row.attempt, row.step_id, row.text)


def _is_same(one: str, other: str) -> bool:
    """Whether both are beginnings of one text."""
    return one.startswith(other) or other.startswith(one)
