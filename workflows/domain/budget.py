"""What work may cost, and what happens when it would cost more."""

from decimal import Decimal
from enum import StrEnum, auto

from pydantic import Field

from workflows.domain.model import Model
from workflows.domain.text import Said


class Budget(Model):
    """Limits on model calls; None is no limit. Money in US dollars, at the prices in force."""

    usd: Decimal | None = Field(None, ge=0)
    tokens: int | None = Field(None, ge=0, description="input and output together")
    turns: int | None = Field(None, ge=0, description="model calls that were answered")
    seconds: int | None = Field(None, ge=1, description="from the first model call on; later calls are refused")

    def share(self, fraction: float) -> "Budget":
        """A part of it, at least one turn and never more than the whole; time is not divided."""
        part = min(fraction, 1.0)
        return Budget(
            usd=None if self.usd is None else (self.usd * Decimal(str(part))).quantize(Decimal("0.000001")),
            tokens=None if self.tokens is None else int(self.tokens * part),
            turns=None if self.turns is None else min(max(int(self.turns * part), 1), self.turns),
        )


class OnLimit(StrEnum):
    """What happens when a call does not fit the budget any more."""

    STOP = auto()
    DEGRADE = auto()
    """Goes on with a cheaper profile, and stops when that does not fit either."""
    ASK = auto()
    """Waits until a person grants more or refuses."""


class BudgetAnswer(Model):
    """A person's answer to a budget that is used up, as it comes in by the signal `budget`."""

    granted: bool
    by: Said = Field(min_length=1, max_length=120)
