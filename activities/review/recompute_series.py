"""What the rows of a chart ought to be, from the verifier's table `cells`."""

from collections.abc import Callable
from itertools import pairwise

from activities.review.recompute import figure, group_means
from activities.review.recompute_time import by_period
from activities.tools.data.claim import Cell, Measure, Op
from activities.tools.data.tables import Database, quoted

Rows = list[tuple[Cell, ...]]


def series(db: Database, measure: Measure) -> Rows:
    """Raises KeyError for an operation that is no series."""
    return SERIES[measure.op](db, measure)


def _missing_by_column(db: Database, m: Measure) -> Rows:
    return [(name, figure(db, Measure(op=Op.MISSING_SHARE, column=name))) for name in m.columns]


def _counts(db: Database, column: str, kept: str = "true") -> list[tuple[str, int]]:
    """Values with their rows, most frequent first, ties by name."""
    x = quoted(column)
    rows = db.rows(f"SELECT {x}::VARCHAR AS v, sum(1) FROM cells WHERE {x} IS NOT NULL AND {kept} GROUP BY v")
    return sorted(((str(value), int(str(n))) for value, n in rows), key=lambda row: (-row[1], row[0].encode()))


def _value_counts(db: Database, m: Measure) -> Rows:
    return list(_counts(db, m.column)[: m.limit])


def _histogram(db: Database, m: Measure) -> Rows:
    """By differences of how many lie below each edge."""
    x = quoted(m.column)
    below = ", ".join(f"count_if({x} < {edge!r})" for edge in m.edges[:-1])
    counts = [int(str(n)) for n in db.one(f"SELECT {below}, count_if({x} <= {m.edges[-1]!r}) FROM cells")]
    return [(low, high, b - a) for (low, high), (a, b) in zip(pairwise(m.edges), pairwise(counts), strict=True)]


def _group_means(db: Database, m: Measure) -> Rows:
    means = dict(group_means(db, m))
    largest = [row for row in _counts(db, m.by, f"{quoted(m.column)} IS NOT NULL") if row[0] in means][: m.limit]
    return sorted(((name, n, means[name]) for name, n in largest), key=lambda row: str(row[0]).encode())


def _period_series(db: Database, m: Measure) -> Rows:
    return list(by_period(db, m))


def _correlations(db: Database, m: Measure) -> Rows:
    known: dict[frozenset[str], Cell] = {}
    for a in m.columns:
        for b in m.columns:
            if frozenset((a, b)) not in known:
                known[frozenset((a, b))] = figure(db, Measure(op=Op.CORRELATION, column=a, by=b))
    return [(a, b, known[frozenset((a, b))]) for a in m.columns for b in m.columns]


def _grid(db: Database, m: Measure) -> Rows:
    """By how many edges lie at or below a cell."""
    x, y = quoted(m.column), quoted(m.by)
    rows = db.rows(
        f"SELECT {_edges_below(x, m.edges)} AS i, {_edges_below(y, m.by_edges)} AS j, count(*) FROM cells "
        f"WHERE {x} BETWEEN {m.edges[0]!r} AND {m.edges[-1]!r} "
        f"AND {y} BETWEEN {m.by_edges[0]!r} AND {m.by_edges[-1]!r} GROUP BY i, j ORDER BY i, j"
    )
    xs, ys = list(pairwise(m.edges)), list(pairwise(m.by_edges))
    return [(*xs[int(str(i))], *ys[int(str(j))], int(str(n))) for i, j, n in rows]


def _edges_below(column: str, edges: tuple[float, ...]) -> str:
    return " + ".join(f"({column} >= {edge!r})::INTEGER" for edge in edges[1:-1]) or "0"


SERIES: dict[Op, Callable[[Database, Measure], Rows]] = {
    Op.MISSING_BY_COLUMN: _missing_by_column,
    Op.VALUE_COUNTS: _value_counts,
    Op.HISTOGRAM: _histogram,
    Op.GROUP_MEANS: _group_means,
    Op.PERIOD_SERIES: _period_series,
    Op.CORRELATIONS: _correlations,
    Op.GRID: _grid,
}
