"""The SQL of series: the rows that a chart draws, over the table `source`, always in one order."""

from collections.abc import Callable
from itertools import pairwise

from activities.tools.data.claim import Measure, Op, Source
from activities.tools.data.periods import periods
from activities.tools.data.tables import literal, quoted


def _missing_by_column(m: Measure, source: Source) -> str:
    del source
    shares = ", ".join(f"1 - count({quoted(name)}) / count(*)" for name in m.columns)
    names = ", ".join(literal(name) for name in m.columns)
    return f"SELECT unnest([{names}]) AS name, unnest([{shares}]) AS share FROM source"


def _value_counts(m: Measure, source: Source) -> str:
    del source
    column = quoted(m.column)
    return (
        f"SELECT CAST({column} AS VARCHAR) AS value, count(*) AS n FROM source WHERE {column} IS NOT NULL "
        f"GROUP BY {column} ORDER BY n DESC, value LIMIT {m.limit}"
    )


def _histogram(m: Measure, source: Source) -> str:
    del source
    bins = ", ".join(f"({low!r}::DOUBLE, {high!r}::DOUBLE, {i})" for i, (low, high) in enumerate(pairwise(m.edges)))
    return (
        f"SELECT low, high, count(place) AS n FROM (VALUES {bins}) AS bins(low, high, i) "
        f"LEFT JOIN (SELECT {_bin(m.column, m.edges)} AS place FROM source) ON place = i "
        "GROUP BY low, high ORDER BY low"
    )


def _group_means(m: Measure, source: Source) -> str:
    del source
    column, by = quoted(m.column), quoted(m.by)
    return (
        f"SELECT * FROM (SELECT CAST({by} AS VARCHAR) AS value, count(*) AS n, avg({column}) AS mean FROM source "
        f"WHERE {by} IS NOT NULL AND {column} IS NOT NULL GROUP BY {by} HAVING count(*) >= {m.least} "
        f"ORDER BY n DESC, value LIMIT {m.limit}) ORDER BY value"
    )


def _period_series(m: Measure, source: Source) -> str:
    del source
    return f"SELECT period, n, mean FROM ({periods(m)}) ORDER BY period"


def _correlations(m: Measure, source: Source) -> str:
    del source
    pairs = [(a, b) for a in m.columns for b in m.columns]
    left = ", ".join(literal(a) for a, _ in pairs)
    right = ", ".join(literal(b) for _, b in pairs)
    values = ", ".join(f"corr({quoted(a)}, {quoted(b)})" for a, b in pairs)
    return f"SELECT unnest([{left}]) AS a, unnest([{right}]) AS b, unnest([{values}]) AS r FROM source"


def _grid(m: Measure, source: Source) -> str:
    del source
    x_bins = ", ".join(f"({i}, {low!r}::DOUBLE, {high!r}::DOUBLE)" for i, (low, high) in enumerate(pairwise(m.edges)))
    y_bins = ", ".join(
        f"({i}, {low!r}::DOUBLE, {high!r}::DOUBLE)" for i, (low, high) in enumerate(pairwise(m.by_edges))
    )
    return (
        f"WITH cells AS (SELECT {_bin(m.column, m.edges)} AS i, {_bin(m.by, m.by_edges)} AS j, count(*) AS n "
        f"FROM source GROUP BY 1, 2) SELECT xs.low, xs.high, ys.low, ys.high, n FROM cells "
        f"JOIN (VALUES {x_bins}) AS xs(i, low, high) USING (i) JOIN (VALUES {y_bins}) AS ys(j, low, high) USING (j) "
        "ORDER BY 1, 3"
    )


def _bin(column: str, edges: tuple[float, ...]) -> str:
    """The number of the cell's bin, from 0; NULL outside. The last bin includes its end."""
    cell = quoted(column)
    last = len(edges) - 2
    steps = " ".join(f"WHEN {cell} < {edge!r} THEN {i}" for i, edge in enumerate(edges[1:-1]))
    return f"CASE WHEN {cell} < {edges[0]!r} THEN NULL {steps} WHEN {cell} <= {edges[-1]!r} THEN {last} END"


SERIES: dict[Op, Callable[[Measure, Source], str]] = {
    Op.MISSING_BY_COLUMN: _missing_by_column,
    Op.VALUE_COUNTS: _value_counts,
    Op.HISTOGRAM: _histogram,
    Op.GROUP_MEANS: _group_means,
    Op.PERIOD_SERIES: _period_series,
    Op.CORRELATIONS: _correlations,
    Op.GRID: _grid,
}
