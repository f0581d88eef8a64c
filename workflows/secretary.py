"""Beside the story: writes down what comes in meanwhile, so that `run()` need not wait for it."""

import asyncio
from collections.abc import Awaitable, Callable

from temporalio import workflow


class Secretary:
    """Calls `work()` whenever `has_work()`; `rest()` lets it finish what it is at."""

    def __init__(self, has_work: Callable[[], bool], work: Callable[[], Awaitable[None]]) -> None:
        self._has_work = has_work
        self._work = work
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        self._task = asyncio.create_task(self._keep_up())

    async def rest(self) -> None:
        """Nothing is begun any more that was not there before."""
        self._closing = True
        if self._task is not None:
            await self._task

    async def _keep_up(self) -> None:
        while not self._closing or self._has_work():
            await workflow.wait_condition(lambda: self._closing or self._has_work())
            if self._has_work():
                await self._work()
