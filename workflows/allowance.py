"""Model calls within a budget: when it is used up and the policy says so, a person is asked for more."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from workflows.domain.budget import OnLimit
    from workflows.failures import is_over_budget, reason_of

T = TypeVar("T")


class Allowance:
    """`ask` puts the question to a person and says whether more was granted."""

    def __init__(self, on_limit: OnLimit, ask: Callable[[str], Awaitable[bool]]) -> None:
        self._on_limit = on_limit
        self._ask = ask
        self._grants = 0
        self._one_at_a_time = asyncio.Lock()

    async def spend(self, call: Callable[[], Awaitable[T]]) -> T:
        """The result of `call()`, tried again whenever a person grants more. Raises its ActivityError otherwise."""
        while True:
            grants = self._grants
            try:
                return await call()
            except ActivityError as error:
                if self._on_limit is not OnLimit.ASK or not is_over_budget(error):
                    raise
                if not await self._granted(reason_of(error), grants):
                    raise

    async def _granted(self, reason: str, grants: int) -> bool:
        """Several calls may meet the limit at once: what one of them was granted, the others use too."""
        async with self._one_at_a_time:
            if self._grants > grants:
                return True
            if not await self._ask(reason[:300]):
                return False
            self._grants += 1
            return True
