"""Costs and errors that are out of the ordinary: written into the journal as alerts."""

import math
from decimal import Decimal
from statistics import median

from activities.store.ledger import Answered, Call, Ledger
from activities.store.usage import UsageStore

WARM_UP = 20
"""Calls of the same role and model before anything counts as unusual."""
SPIKE = 6.0
"""Modified z-score of the logarithm of the cost."""
FLOOR_USD = 0.0005
"""What costs less is never a spike."""


def look(ledger: Ledger, usage: UsageStore, number: int, call: Call, answered: Answered) -> None:
    spent = answered.spent
    if not spent.priced:
        text = f"nobody knows the price of {answered.model}: its calls count as tokens only; set a price in the profile"
        ledger.alert(call, "unpriced", text, once=f"unpriced:{answered.model}"[:200])
        return
    if spent.cost_usd < Decimal(str(FLOOR_USD)):
        return
    before = usage.recent_costs(call.role, answered.model, number)
    score = spike(spent.cost_usd, before)
    if score is not None:
        usual = f"${median(before):.4f}"
        text = f"a call of {answered.model} cost ${spent.cost_usd:.4f}, where {usual} is usual"
        ledger.alert(call, "cost_spike", text, once=f"spike:{number}")


def spike(usd: Decimal, before: tuple[Decimal, ...]) -> float | None:
    """How far out of the ordinary a cost is, if it is; None otherwise."""
    if len(before) < WARM_UP:
        return None
    logs = [_log(cost) for cost in before]
    middle = median(logs)
    spread = max(median(abs(value - middle) for value in logs), 0.1)
    score = 0.6745 * (_log(usd) - middle) / spread
    return score if score > SPIKE else None


def _log(usd: Decimal) -> float:
    return math.log(max(float(usd), FLOOR_USD))
