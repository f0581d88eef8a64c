"""The two kinds of subjects: one objective, and everything that a tenant has."""

from concurrent.futures import Executor

import structlog
from sqlalchemy import Engine
from typing_extensions import override

from activities.store import journal, journal_pages
from activities.store.journal import Tip
from activities.store.journal_pages import Cursor, Horizon
from api.live.channel import PAGE, Channel
from api.live.encoding import as_frame, as_sent_event
from api.live.ring import MOST_EVENTS, Page, Ring
from workflows.domain.objective import Stage

log = structlog.get_logger("api.live")
_ENDS = {f"objective.{stage}": stage for stage in Stage if stage.ended}


class ObjectiveChannel(Channel[int]):
    """Positions are the entries' numbers, which have no gaps."""

    def __init__(self, objective_id: str, engine: Engine, threads: Executor) -> None:
        super().__init__(engine, threads)
        self._id = objective_id
        self._tip: Tip | None = None
        self.gone = False
        """It was taken back, and its journal with it."""

    def ended(self, position: int) -> Stage | None:
        """How the objective ended, for a reader that has read up to its end."""
        tip = self._tip
        return tip.stage if tip is not None and tip.ended and position >= tip.seq else None

    def note(self, tip: Tip | None) -> None:
        """How far it is, as somebody saw it; None: there is no such objective."""
        if tip is None:
            self.gone = True
            self._ring_bells()
            return
        if self._tip is None or tip.seq >= self._tip.seq:
            self._tip = tip
        if self._ring is None or tip.seq > self._ring.head:
            self.stir()

    @override
    def _begin(self) -> Ring[int]:
        with self._reading.connect() as connection:
            tip = journal.tips(connection, [self._id]).get(self._id)
            floor = max(0, tip.seq - MOST_EVENTS) if tip is not None else 0
            rows = journal.read(connection, self._id, floor, limit=MOST_EVENTS)
        return Ring(floor, [as_sent_event(self._id, row) for row in rows])

    @override
    def _read(self, position: int, only: frozenset[str] | None = None) -> Page[int]:
        with self._reading.connect() as connection:
            rows = journal.read(connection, self._id, position, limit=PAGE)
        events = [as_sent_event(self._id, row) for row in rows]
        return Page(events, rows[-1].seq if rows else position, full=len(rows) == PAGE)

    @override
    def _take(self, page: Page[int]) -> None:
        for event in page.events:
            stage = _ENDS.get(event.kind)
            if stage is not None and self._tip is not None:
                self._tip = Tip(tenant=self._tip.tenant, stage=stage, ended=True, seq=event.position)


class TenantChannel(Channel[Cursor]):
    """Positions are cursors: nothing appears below one that was handed out."""

    def __init__(self, tenant: str, engine: Engine, threads: Executor) -> None:
        super().__init__(engine, threads)
        self._tenant = tenant

    async def horizon(self) -> Horizon:
        """Up to where everything is there, now. Raises SQLAlchemyError."""
        return await self._in_thread(self._horizon)

    def _horizon(self) -> Horizon:
        with self._reading.connect() as connection:
            found = journal_pages.horizon(connection, self._tenant)
            if not found.foreign:
                return found
            adopted = journal_pages.adopt(connection, self._tenant)
            log.warning("journal came from another database", tenant=self._tenant, entries=adopted)
            return journal_pages.horizon(connection, self._tenant)

    @override
    def _begin(self) -> Ring[Cursor]:
        until = self._horizon()
        with self._reading.connect() as connection:
            rows = journal_pages.newest(connection, self._tenant, until, limit=MOST_EVENTS + 1)
        events = [as_frame(row) for row in rows]
        if len(events) <= MOST_EVENTS:
            return Ring(Cursor(0, 0), events)
        return Ring(events[0].position, events[1:])

    @override
    def _read(self, position: Cursor, only: frozenset[str] | None = None) -> Page[Cursor]:
        until = self._horizon()
        with self._reading.connect() as connection:
            rows = journal_pages.page(connection, self._tenant, position, until, limit=PAGE, only=only)
        full = len(rows) == PAGE
        reached = rows[-1].cursor if full else max(position, until.cursor)
        return Page([as_frame(row) for row in rows], reached, full=full, lagging=until.lagging)
