"""Whether everything that the service needs is there."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum, auto
from importlib.metadata import version

from pydantic import Field
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from api.errors import Unavailable
from workflows.domain.model import Model
from workflows.domain.naming import WORKFLOW_QUEUE

PATIENCE = 2.0  # seconds, for each part
FRESH_SECONDS = 1.0
"""Anybody may ask whether we are ready; what that costs is bounded."""
POLLED_WITHIN = timedelta(seconds=90)
"""Hosts ask for work at least once a minute; one that is gone is listed by Temporal for some time more."""


class PartState(StrEnum):
    OK = auto()
    WARNING = auto()
    DOWN = auto()


class PartHealth(Model):
    name: str = Field(examples=["postgres"])
    state: PartState
    text: str = Field("", description="for people", examples=["answers in 2 ms"])


class Health(Model):
    state: PartState = Field(description="the worst of all parts")
    version: str = Field(examples=["0.1.0"])
    started_at: datetime
    parts: tuple[PartHealth, ...]


class Ready(Model):
    ready: bool = True


class Doctor:
    def __init__(self, engine: Engine, temporal: Client, streams: Callable[[], int]) -> None:
        self._engine = engine
        self._temporal = temporal
        self._streams = streams
        self._started = datetime.now(UTC)
        self._examined: tuple[float, tuple[PartHealth, ...]] = (float("-inf"), ())
        self._examining = asyncio.Lock()

    async def require_ready(self) -> Ready:
        """Raises Unavailable, naming what does not answer."""
        down = [part for part in await self._parts() if part.state is PartState.DOWN]
        if down:
            names = " and ".join(part.name for part in down)
            raise Unavailable(
                f"not ready: {names} cannot be reached; `botted doctor` says what to do",
                errors=tuple((part.name, part.text) for part in down),
                headers={"Retry-After": "2"},
            )
        return Ready()

    async def examine(self) -> Health:
        parts = (*await self._parts(), await self._timed("hosts", self._hosts), self._api())
        worst = max((part.state for part in parts), key=list(PartState).index)
        return Health(state=worst, version=version("botted"), started_at=self._started, parts=parts)

    async def _parts(self) -> tuple[PartHealth, ...]:
        async with self._examining:
            when, parts = self._examined
            if time.monotonic() - when > FRESH_SECONDS:
                parts = tuple(
                    await asyncio.gather(
                        self._timed("postgres", self._postgres), self._timed("temporal", self._temporal_answers)
                    )
                )
                self._examined = (time.monotonic(), parts)
            return parts

    async def _timed(self, name: str, ask: Callable[[], Awaitable[PartHealth]]) -> PartHealth:
        try:
            return await asyncio.wait_for(ask(), PATIENCE + 1)
        except (TimeoutError, SQLAlchemyError, RPCError):
            return PartHealth(name=name, state=PartState.DOWN, text="does not answer")

    async def _postgres(self) -> PartHealth:
        began = time.perf_counter()
        await asyncio.to_thread(self._ask_postgres)
        return PartHealth(name="postgres", state=PartState.OK, text=_answers(began))

    def _ask_postgres(self) -> None:
        with self._engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    async def _temporal_answers(self) -> PartHealth:
        began = time.perf_counter()
        serves = await self._temporal.service_client.check_health(timeout=timedelta(seconds=PATIENCE))
        if not serves:
            return PartHealth(name="temporal", state=PartState.DOWN, text="answers, but does not serve")
        return PartHealth(name="temporal", state=PartState.OK, text=_answers(began))

    async def _hosts(self) -> PartHealth:
        """How many poll for workflows. None is a warning: what is asked for waits until there is one."""
        request = DescribeTaskQueueRequest(
            namespace=self._temporal.namespace,
            task_queue=TaskQueue(name=WORKFLOW_QUEUE),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
        answer = await self._temporal.workflow_service.describe_task_queue(request, timeout=timedelta(seconds=PATIENCE))
        since = datetime.now(UTC) - POLLED_WITHIN
        pollers = {each.identity for each in answer.pollers if each.last_access_time.ToDatetime(UTC) > since}
        if not pollers:
            return PartHealth(name="hosts", state=PartState.WARNING, text="none polls: nothing is worked on")
        return PartHealth(name="hosts", state=PartState.OK, text=f"{len(pollers)} poll for work")

    def _api(self) -> PartHealth:
        return PartHealth(name="api", state=PartState.OK, text=f"{self._streams()} open streams")


def _answers(began: float) -> str:
    return f"answers in {(time.perf_counter() - began) * 1000:.0f} ms"
