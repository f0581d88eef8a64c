"""Edges of histogram bins at round numbers."""

from math import ceil, floor, log10

from activities.tools.data.profile import ColumnProfile
from activities.tools.data.tables import Database, quoted

_STEPS = (1.0, 2.0, 5.0, 10.0)
_FAR = 1.5  # the axis leaves a tail out when the tail is longer than this many times the rest


def edges_for(db: Database, column: ColumnProfile, most: int) -> tuple[float, ...]:
    """At most `most` bins over nearly all of the column: far tails, a hundredth at each end, may lie outside."""
    name = quoted(column.name)
    low, high = db.one(f"SELECT quantile_cont({name}, 0.01), quantile_cont({name}, 0.99) FROM source")
    inner_low, inner_high = float(str(low)), float(str(high))
    width = inner_high - inner_low
    assert column.minimum is not None
    assert column.maximum is not None
    start = inner_low if inner_low - column.minimum > _FAR * width else column.minimum
    end = inner_high if column.maximum - inner_high > _FAR * width else column.maximum
    if end <= start:
        start, end = column.minimum, column.maximum
    return round_edges(start, end, most, whole=column.column.kind == "integer")


def round_edges(start: float, end: float, most: int, whole: bool) -> tuple[float, ...]:
    """Covers start..end in at most `most` equal bins, each as wide as one, two or five times a power of ten."""
    step = _step((end - start) / max(most - 2, 1), whole)
    first, last = floor(start / step), ceil(end / step)
    return tuple(float(f"{i * step:.12g}") for i in range(first, max(last, first + 1) + 1))


def _step(least: float, whole: bool) -> float:
    if least <= 0:
        return 1.0
    power = 10.0 ** floor(log10(least))
    step = next(factor * power for factor in _STEPS if factor * power >= least * (1 - 1e-9))
    return max(step, 1.0) if whole else step
