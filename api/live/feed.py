"""What is new in the journal, for all streams of this process: woken by notices, made sure of by looking."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from activities.store import database, journal
from activities.store.journal import Tip
from api.live.channels import ObjectiveChannel, TenantChannel

LOOK_SECONDS = 10.0
"""Should a notice ever be lost, an entry is late by that."""
DEAF_SECONDS = 1.0
"""The same while no notices come at all."""
_AT_ONCE = 500
_MOST_REMEMBERED = 20_000
log = structlog.get_logger("api.live")
C = TypeVar("C", ObjectiveChannel, TenantChannel)


class Feed:
    def __init__(self, engine: Engine, threads: Executor) -> None:
        self._engine = engine
        self._reading = database.reading(engine)
        self._threads = threads
        self._objectives: dict[str, ObjectiveChannel] = {}
        self._tenants: dict[str, TenantChannel] = {}
        self._homes: OrderedDict[str, str] = OrderedDict()
        """Objective → its tenant, which never changes."""
        self._homeless: set[str] = set()
        """Objectives with news whose tenant is not known yet."""
        self.hears = False
        """Whether notices come."""
        self._look_now = asyncio.Event()
        self._look_at_all = False

    def objective(self, objective_id: str, bell: asyncio.Event) -> AbstractContextManager[ObjectiveChannel]:
        """For a listener, whose bell rings when there is something new."""
        return _listening(
            self._objectives, objective_id, bell, lambda: ObjectiveChannel(objective_id, self._engine, self._threads)
        )

    def tenant(self, tenant: str, bell: asyncio.Event) -> AbstractContextManager[TenantChannel]:
        """The same for everything that a tenant has."""
        return _listening(self._tenants, tenant, bell, lambda: TenantChannel(tenant, self._engine, self._threads))

    async def tips(self, objective_ids: Sequence[str]) -> dict[str, Tip]:
        """How far these objectives are; unknown ones are left out. Raises SQLAlchemyError."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._tips, objective_ids)

    def hear(self, objective_id: str) -> None:
        """A notice: the objective's journal has grown."""
        if objective_id in self._objectives:
            self._objectives[objective_id].stir()
        if not self._tenants:
            return
        home = self._homes.get(objective_id)
        if home is None:
            self._homeless.add(objective_id)
            self._look_now.set()
        elif home in self._tenants:
            self._tenants[home].stir()

    def look(self) -> None:
        """Notices may be missing: looks at everything that somebody listens to."""
        self._look_at_all = True
        self._look_now.set()

    def close(self) -> None:
        for objective in self._objectives.values():
            objective.close()
        for tenant in self._tenants.values():
            tenant.close()

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                async with asyncio.timeout(LOOK_SECONDS if self.hears else DEAF_SECONDS):
                    await self._look_now.wait()
            except TimeoutError:
                self._look_at_all = True
            self._look_now.clear()
            try:
                await self._look()
            except SQLAlchemyError as error:
                log.info("journal not looked at", error=repr(error))
                await asyncio.sleep(DEAF_SECONDS)
                self.look()

    async def _look(self) -> None:
        homeless, self._homeless = self._homeless, set()
        if homeless:
            await self._bring_home(tuple(homeless))
        if not self._look_at_all:
            return
        self._look_at_all = False
        for tenant in self._tenants.values():
            tenant.stir()
        open_ = tuple(self._objectives)
        for start in range(0, len(open_), _AT_ONCE):
            await self._compare(open_[start : start + _AT_ONCE])

    async def _bring_home(self, objective_ids: Sequence[str]) -> None:
        for objective_id, tip in (await self.tips(objective_ids)).items():
            self._homes[objective_id] = tip.tenant
            if tip.tenant in self._tenants:
                self._tenants[tip.tenant].stir()
        while len(self._homes) > _MOST_REMEMBERED:
            self._homes.popitem(last=False)

    async def _compare(self, objective_ids: Sequence[str]) -> None:
        tips = await self.tips(objective_ids)
        for objective_id in objective_ids:
            if objective_id in self._objectives:
                self._objectives[objective_id].note(tips.get(objective_id))

    def _tips(self, objective_ids: Sequence[str]) -> dict[str, Tip]:
        with self._reading.connect() as connection:
            return journal.tips(connection, objective_ids)


@contextmanager
def _listening(channels: dict[str, C], name: str, bell: asyncio.Event, make: Callable[[], C]) -> Iterator[C]:
    """A channel is there as long as somebody listens to it."""
    if name not in channels:
        channels[name] = make()
        channels[name].stir()
    channel = channels[name]
    try:
        with channel.ringing(bell):
            yield channel
    finally:
        if not channel.is_listened_to:
            del channels[name]
            channel.close()
