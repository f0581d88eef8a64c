"""How much of the variance of quantities lies between groups: what decides which groupings are worth telling."""

from collections.abc import Sequence
from dataclasses import dataclass

from activities.tools.data.tables import Database, quoted


@dataclass(frozen=True)
class Explained:
    """Of one quantity, by one grouping."""

    share: float  # eta squared, corrected for the number of groups; 0..1
    groups: int


def explained_by(db: Database, group: str, quantities: Sequence[str], least: int = 1) -> dict[str, Explained]:
    """`group` is a SQL expression over `source`; rows where it is NULL, and groups of less rows, do not count.

    Reads the table once.
    """
    sums = ", ".join(f"count({c}), avg({c}), var_pop({c})" for c in map(quoted, quantities))
    rows = db.rows(f"SELECT {sums} FROM source WHERE {group} IS NOT NULL GROUP BY {group} ORDER BY {group}")
    return {
        name: _explained([tuple(float(str(cell or 0)) for cell in row[3 * i : 3 * i + 3]) for row in rows], least)
        for i, name in enumerate(quantities)
    }


def _explained(groups: list[tuple[float, ...]], least: int) -> Explained:
    """From count, mean and variance of each group."""
    filled = [group for group in groups if group[0] >= least]
    rows = sum(count for count, _, _ in filled)
    if rows <= len(filled) or len(filled) < 2:
        return Explained(0.0, len(filled))
    mean = sum(count * average for count, average, _ in filled) / rows
    between = sum(count * (average - mean) ** 2 for count, average, _ in filled)
    within = sum(count * variance for count, _, variance in filled)
    if between + within == 0:
        return Explained(0.0, len(filled))
    share = 1 - (within / (rows - len(filled))) / ((between + within) / (rows - 1))
    return Explained(min(max(share, 0.0), 1.0), len(filled))
