"""What an objective may cost: as it was asked for, and else as the settings say."""

import math
from decimal import Decimal

from pydantic import BaseModel, ConfigDict

from config.settings import BudgetSettings
from workflows.domain.budget import Budget, OnLimit


class Limits(BaseModel):
    """None: as the settings say."""

    model_config = ConfigDict(frozen=True)

    usd: Decimal | None = None
    tokens: int | None = None
    turns: int | None = None
    minutes: Decimal | None = None
    on_limit: OnLimit = OnLimit.STOP

    @property
    def given(self) -> Budget:
        """Only what was asked for, without the settings."""
        seconds = None if self.minutes is None else math.ceil(self.minutes * 60)
        return Budget(usd=self.usd, tokens=self.tokens, turns=self.turns, seconds=seconds)

    def of_objective(self, settings: BudgetSettings) -> Budget:
        asked = self.given
        seconds = None if settings.minutes is None else math.ceil(settings.minutes * 60)
        return Budget(
            usd=settings.usd if asked.usd is None else asked.usd,
            tokens=settings.tokens if asked.tokens is None else asked.tokens,
            turns=settings.turns if asked.turns is None else asked.turns,
            seconds=seconds if asked.seconds is None else asked.seconds,
        )


def of_worker(settings: BudgetSettings) -> Budget:
    return Budget(usd=settings.worker_usd, tokens=settings.worker_tokens)
