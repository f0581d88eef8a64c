"""Runs blocking work from an activity: beats for it, and stops it when the activity is cancelled."""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from temporalio import activity

BEAT_SECONDS = 2.0
PATIENCE_SECONDS = 10.0
"""How long a cancelled activity waits for its thread, so that the work is over when the cancellation is."""

T = TypeVar("T")


async def beating(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, beating for the activity while it runs. A cancellation is waited out."""
    running = asyncio.ensure_future(work)
    try:
        while not running.done():
            await asyncio.wait([running], timeout=BEAT_SECONDS)
            if activity.in_activity():
                activity.heartbeat()
    except asyncio.CancelledError:
        running.cancel()
        await asyncio.wait([running], timeout=PATIENCE_SECONDS)
        raise
    return running.result()


class Threads:
    """The threads of one host's activities."""

    def __init__(self, size: int) -> None:
        self._pool = ThreadPoolExecutor(size, thread_name_prefix="activity")

    async def run(self, work: Callable[[], T], *, stop: Callable[[], None] = lambda: None) -> T:
        """The result of `work()`. On cancellation calls `stop`, waits for the work to notice, and raises."""
        context = contextvars.copy_context()
        running = asyncio.get_running_loop().run_in_executor(self._pool, context.run, work)
        try:
            while not running.done():
                finished, _ = await asyncio.wait([running], timeout=BEAT_SECONDS)
                if not finished and activity.in_activity():
                    activity.heartbeat()
        except asyncio.CancelledError:
            stop()
            await asyncio.wait([running], timeout=PATIENCE_SECONDS)
            if running.done() and not running.cancelled():
                running.exception()  # looked at, so that asyncio does not report it as never retrieved
            raise
        return running.result()

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
