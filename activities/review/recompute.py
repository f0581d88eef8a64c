"""What a figure ought to be, from the verifier's table `cells`, by other formulas than those that told it."""

from collections.abc import Callable
from math import isfinite

from activities.review.recompute_time import TIME
from activities.tools.data.claim import Cell, Measure, Op
from activities.tools.data.tables import Database, literal, quoted

Recompute = Callable[[Database, Measure], Cell]


def figure(db: Database, measure: Measure) -> Cell:
    """Raises KeyError for an operation that is no single figure."""
    return _FIGURES[measure.op](db, measure)


def best_labels(rows: list[tuple[str, float]], highest: bool) -> frozenset[str]:
    """All labels whose value is the extreme one, as far as floats can tell."""
    if not rows:
        return frozenset()
    extreme = (max if highest else min)(value for _, value in rows)
    return frozenset(name for name, value in rows if abs(value - extreme) <= 1e-9 * max(1.0, abs(extreme)))


def group_means(db: Database, m: Measure) -> list[tuple[str, float]]:
    """Of groups with at least `least` rows."""
    x, g = quoted(m.column), quoted(m.by)
    rows = db.rows(
        f"SELECT {g}::VARCHAR, sum({x}::DOUBLE) / sum(1) FROM cells WHERE {g} IS NOT NULL AND {x} IS NOT NULL "
        f"GROUP BY {g}::VARCHAR HAVING sum(1) >= {m.least}"
    )
    return [(str(name), float(str(mean))) for name, mean in rows]


def quantile(db: Database, column: str, level: float) -> float | None:
    """By ordering: between the two cells around the place level * (n - 1)."""
    x = quoted(column)
    count = int(str(db.one(f"SELECT count({x}) FROM cells")[0]))
    if count == 0:
        return None
    place = level * (count - 1)
    around = db.rows(f"SELECT {x}::DOUBLE FROM cells WHERE {x} IS NOT NULL ORDER BY {x} LIMIT 2 OFFSET {int(place)}")
    low, high = float(str(around[0][0])), float(str(around[-1][0]))
    return low + (high - low) * (place - int(place))


def _cell(db: Database, sql: str) -> Cell:
    value = db.one(sql)[0]
    if isinstance(value, float) and not isfinite(value):
        return None
    return value if value is None or isinstance(value, int | float | str) else str(value)


def _ask(sql: str) -> Recompute:
    """A query with {x} for the column, {y} for the other one and {v} for the value."""
    return lambda db, m: _cell(db, sql.format(x=quoted(m.column), y=quoted(m.by), v=literal(m.value)))


def _missing_cells_share(db: Database, m: Measure) -> Cell:
    del m
    columns = [quoted(str(row[0])) for row in db.rows("SELECT column_name FROM (DESCRIBE cells)")]
    gaps = sum(int(str(db.one(f"SELECT count(*) FROM cells WHERE {column} IS NULL")[0])) for column in columns)
    rows = int(str(db.one("SELECT count(*) FROM cells")[0]))
    return gaps / (rows * len(columns))


def _duplicates(db: Database, m: Measure) -> Cell:
    """Rows less different rows, told apart by a 128-bit hash of their text."""
    del m
    described = db.rows("SELECT column_name, column_type FROM (DESCRIBE cells)")
    # -0.0 and 0.0 are one number with two texts.
    columns = [quoted(str(name)) + (" + 0.0" if kind in ("DOUBLE", "FLOAT") else "") for name, kind in described]
    text = " || ".join(f"coalesce(length(({c})::VARCHAR) || ':' || ({c})::VARCHAR, '-')" for c in columns)
    return _cell(db, f"SELECT sum(n - 1)::BIGINT FROM (SELECT count(*) AS n FROM cells GROUP BY md5_number({text}))")


def _fence(side: int) -> Recompute:
    def fence(db: Database, m: Measure) -> Cell:
        q1, q3 = quantile(db, m.column, 0.25), quantile(db, m.column, 0.75)
        if q1 is None or q3 is None:
            return None
        return (q1 if side < 0 else q3) + side * 1.5 * (q3 - q1)

    return fence


def _outliers(db: Database, m: Measure) -> Cell:
    low, high = _fence(-1)(db, m), _fence(1)(db, m)
    return _cell(
        db, f"SELECT count(*) FROM cells WHERE NOT {quoted(m.column)} BETWEEN {low!r}::DOUBLE AND {high!r}::DOUBLE"
    )


def _outlier_share(db: Database, m: Measure) -> Cell:
    filled = _cell(db, f"SELECT count(*) FROM cells WHERE {quoted(m.column)} IS NOT NULL")
    return float(str(_outliers(db, m))) / float(str(filled))


# Deviations from the mean, in a second pass: sums of squares of large numbers lose their last digits.
_PAIRS = "p AS (SELECT {x}::DOUBLE AS a, {y}::DOUBLE AS b FROM cells WHERE {x} IS NOT NULL AND {y} IS NOT NULL)"
_PEARSON = (
    "SELECT sum((a - ma) * (b - mb)) / sqrt(sum((a - ma) * (a - ma)) * sum((b - mb) * (b - mb))) "
    "FROM {t}, (SELECT sum(a) / count(*) AS ma, sum(b) / count(*) AS mb FROM {t})"
)
_RANKS = (
    "r AS (SELECT rank() OVER (ORDER BY a) + (count(*) OVER (PARTITION BY a) - 1) / 2.0 AS a, "
    "rank() OVER (ORDER BY b) + (count(*) OVER (PARTITION BY b) - 1) / 2.0 AS b FROM p)"
)
_RATIO = (
    "WITH p AS (SELECT {x}::DOUBLE AS a, {y}::VARCHAR AS g FROM cells WHERE {x} IS NOT NULL AND {y} IS NOT NULL), "
    "means AS (SELECT g, sum(a) / count(*) AS m FROM p GROUP BY g), whole AS (SELECT sum(a) / count(*) AS w FROM p) "
    "SELECT 1 - sum((a - m) * (a - m)) / sum((a - w) * (a - w)) FROM p JOIN means USING (g), whole"
)
_CRAMER = (
    "WITH p AS (SELECT {x}::VARCHAR AS a, {y}::VARCHAR AS b FROM cells WHERE {x} IS NOT NULL AND {y} IS NOT NULL), "
    "n AS (SELECT count(*)::DOUBLE AS n FROM p), r AS (SELECT a, count(*) AS ra FROM p GROUP BY a), "
    "c AS (SELECT b, count(*) AS cb FROM p GROUP BY b), o AS (SELECT a, b, count(*) AS ob FROM p GROUP BY a, b), "
    "e AS (SELECT ra * cb / n AS expected, coalesce(ob, 0) AS observed "
    "FROM r CROSS JOIN c CROSS JOIN n LEFT JOIN o ON o.a = r.a AND o.b = c.b) "
    "SELECT sqrt(sum((observed - expected) ** 2 / expected) / ((SELECT n FROM n) * "
    "(least((SELECT count(*) FROM r), (SELECT count(*) FROM c)) - 1))) FROM e"
)

_FIGURES: dict[Op, Recompute] = {
    Op.ROWS: _ask("SELECT sum(1)::BIGINT FROM cells"),
    Op.COLUMNS: _ask("SELECT count(*) FROM (DESCRIBE cells)"),
    Op.DUPLICATES: _duplicates,
    Op.MISSING_CELLS_SHARE: _missing_cells_share,
    Op.MISSING: _ask("SELECT count(*) FROM cells WHERE {x} IS NULL"),
    Op.MISSING_SHARE: _ask("SELECT avg(if({x} IS NULL, 1.0, 0.0)) FROM cells"),
    Op.BOTH_MISSING: _ask("SELECT count(*) FROM cells WHERE coalesce({x}::VARCHAR, {y}::VARCHAR) IS NULL"),
    Op.DISTINCT: _ask("SELECT count(*) FROM (SELECT {x} FROM cells GROUP BY {x} HAVING {x} IS NOT NULL)"),
    Op.TOP_VALUE: _ask(
        "WITH c AS (SELECT {x}::VARCHAR AS v, count(*) AS n FROM cells WHERE {x} IS NOT NULL GROUP BY v) "
        "SELECT min(v) FROM c WHERE n = (SELECT max(n) FROM c)"
    ),
    Op.COUNT_OF: _ask("SELECT count_if({x}::VARCHAR = {v}) FROM cells"),
    Op.SHARE_OF: _ask("SELECT avg(({x}::VARCHAR = {v})::INT) FROM cells WHERE {x} IS NOT NULL"),
    Op.NUMERIC_SHARE: _ask("SELECT avg((TRY_CAST({x} AS DOUBLE) IS NOT NULL)::INT) FROM cells WHERE {x} IS NOT NULL"),
    Op.MEAN: _ask("SELECT sum({x}::DOUBLE) / count({x}) FROM cells"),
    Op.MEDIAN: lambda db, m: quantile(db, m.column, 0.5),
    Op.QUANTILE: lambda db, m: quantile(db, m.column, m.level),
    Op.MIN: _ask("SELECT {x} FROM cells WHERE {x} IS NOT NULL ORDER BY {x} LIMIT 1"),
    Op.MAX: _ask("SELECT {x} FROM cells WHERE {x} IS NOT NULL ORDER BY {x} DESC LIMIT 1"),
    Op.STDDEV: _ask(
        "SELECT sqrt(sum(({x} - m) * ({x} - m)) / (count({x}) - 1)) FROM cells, "
        "(SELECT sum({x}::DOUBLE) / count({x}) AS m FROM cells)"
    ),
    Op.LOWER_FENCE: _fence(-1),
    Op.UPPER_FENCE: _fence(1),
    Op.OUTLIERS: _outliers,
    Op.OUTLIER_SHARE: _outlier_share,
    Op.GROUP_MEAN: _ask("SELECT sum({x}::DOUBLE) / count({x}) FROM cells WHERE {y}::VARCHAR = {v}"),
    Op.CORRELATION: _ask(f"WITH {_PAIRS} {_PEARSON.format(t='p')}"),
    Op.RANK_CORRELATION: _ask(f"WITH {_PAIRS}, {_RANKS} {_PEARSON.format(t='r')}"),
    Op.CORRELATION_RATIO: _ask(_RATIO),
    Op.CRAMERS_V: _ask(_CRAMER),
    **TIME,
}
