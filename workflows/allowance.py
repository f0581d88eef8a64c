"""Model calls within a budget: when it is used up and the policy says so, a person is asked for more."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from workflows.domain.budget import BudgetAnswer, OnLimit
    from workflows.failures import is_over_budget, reason_of

T = TypeVar("T")


class Allowance:
    """`ask` tells people what is needed; their answer comes back through `hear` and is written down by `note`."""

    def __init__(
        self,
        on_limit: OnLimit,
        ask: Callable[[str], Awaitable[None]],
        note: Callable[[BudgetAnswer], Awaitable[None]],
    ) -> None:
        self._on_limit = on_limit
        self._ask = ask
        self._note = note
        self._asked_for = ""
        self._grants = 0
        self._answer: BudgetAnswer | None = None
        self._one_at_a_time = asyncio.Lock()

    @property
    def asked_for(self) -> str:
        """What a person is asked for now; empty: nothing."""
        return self._asked_for

    def hear(self, answer: BudgetAnswer) -> bool:
        """Whether anybody asked."""
        if not self._asked_for or self._answer is not None:
            return False
        self._answer = answer
        return True

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
            self._asked_for = reason[:300]
            await self._ask(self._asked_for)
            await workflow.wait_condition(lambda: self._answer is not None)
            answer, self._answer, self._asked_for = self._answer, None, ""
            assert answer is not None
            await self._note(answer)
            if not answer.granted:
                return False
            self._grants += 1
            return True
