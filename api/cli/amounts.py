"""Positive numbers as options of commands; imports nothing heavy, because every command does."""

from decimal import Decimal, InvalidOperation

import click
from typing_extensions import override

MOST = 10**9
"""Of dollars, tokens, turns or minutes: more than anybody means, and less than the store can hold."""


class Amount(click.ParamType[Decimal]):
    """A positive decimal number, exactly as it was typed."""

    name = "number"

    @override
    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        try:
            amount = Decimal(str(value).removeprefix("$"))
        except InvalidOperation:
            self.fail(f"{value!r} is not a number", param, ctx)
        if not amount.is_finite() or not 0 < amount <= MOST:
            self.fail(f"{value!r} is not between 0 and {MOST:,}", param, ctx)
        if -int(amount.as_tuple().exponent) > 9:
            self.fail(f"{value!r} has more than nine decimals", param, ctx)
        return amount


USD = Amount()
COUNT = click.IntRange(1, MOST)
