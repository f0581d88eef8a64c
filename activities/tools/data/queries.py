"""The SQL that gives a measure its value, over the table `source`."""

from collections.abc import Callable

from activities.tools.data.claim import Measure, Op, Source
from activities.tools.data.periods import label_of, periods
from activities.tools.data.series import SERIES
from activities.tools.data.tables import literal, quoted

Query = Callable[[Measure, Source], str]


def query_for(measure: Measure, source: Source) -> str:
    """One SELECT: of one row and one column, but for a series."""
    if measure.op in SERIES:
        return SERIES[measure.op](measure, source)
    return _FIGURES[measure.op](measure, source)


def _of_column(expression: str) -> Query:
    """A figure over the column, which the expression calls {c}."""
    return lambda m, _: f"SELECT {expression.format(c=quoted(m.column))} FROM source"


def _of_pair(expression: str) -> Query:
    """A figure over two columns, {c} and {b}."""
    return lambda m, _: f"SELECT {expression.format(c=quoted(m.column), b=quoted(m.by))} FROM source"


def _of_fences(figure: str) -> Query:
    """A figure over the column and its quartiles, with x for the cell and lower and upper for the fences."""

    def query(m: Measure, source: Source) -> str:
        del source
        column = quoted(m.column)
        return (
            f"WITH quartiles AS (SELECT quantile_cont({column}, 0.25) AS q1, quantile_cont({column}, 0.75) AS q3 "
            "FROM source), fences AS (SELECT q1 - 1.5 * (q3 - q1) AS lower, q3 + 1.5 * (q3 - q1) AS upper "
            f"FROM quartiles) SELECT {figure} FROM (SELECT {column} AS x FROM source), fences"
        )

    return query


def _of_periods(figure: str) -> Query:
    return lambda m, _: f"SELECT {figure} FROM ({periods(m)})"


def _missing_cells_share(m: Measure, source: Source) -> str:
    del m
    filled = " + ".join(f"count({quoted(column.name)})" for column in source.columns)
    return f"SELECT 1 - ({filled}) / (count(*) * {len(source.columns)}.0) FROM source"


def _duplicates(m: Measure, source: Source) -> str:
    del m, source
    return "SELECT count(*) - (SELECT count(*) FROM (SELECT DISTINCT * FROM source)) FROM source"


def _distinct(m: Measure, source: Source) -> str:
    del source
    column = quoted(m.column)
    return f"SELECT count(*) FROM (SELECT DISTINCT {column} FROM source WHERE {column} IS NOT NULL)"


def _top_value(m: Measure, source: Source) -> str:
    del source
    column = quoted(m.column)
    return (
        f"SELECT CAST({column} AS VARCHAR) FROM source WHERE {column} IS NOT NULL "
        f"GROUP BY {column} ORDER BY count(*) DESC, CAST({column} AS VARCHAR) LIMIT 1"
    )


def _count_of(m: Measure, source: Source) -> str:
    del source
    return f"SELECT count(*) FROM source WHERE CAST({quoted(m.column)} AS VARCHAR) = {literal(m.value)}"


def _share_of(m: Measure, source: Source) -> str:
    del source
    column = quoted(m.column)
    matching = f"count(*) FILTER (WHERE CAST({column} AS VARCHAR) = {literal(m.value)})"
    return f"SELECT {matching} / count({column}) FROM source"


def _group_mean(m: Measure, source: Source) -> str:
    del source
    return f"SELECT avg({quoted(m.column)}) FROM source WHERE CAST({quoted(m.by)} AS VARCHAR) = {literal(m.value)}"


def _group_extreme(direction: str) -> Query:
    def query(m: Measure, source: Source) -> str:
        del source
        column, by = quoted(m.column), quoted(m.by)
        return (
            f"SELECT CAST({by} AS VARCHAR) FROM source WHERE {by} IS NOT NULL AND {column} IS NOT NULL GROUP BY {by} "
            f"HAVING count(*) >= {m.least} ORDER BY avg({column}) {direction}, CAST({by} AS VARCHAR) LIMIT 1"
        )

    return query


def _rank_correlation(m: Measure, source: Source) -> str:
    del source
    x, y = quoted(m.column), quoted(m.by)
    rank = "sum(count(*)) OVER (ORDER BY {v}) - (count(*) - 1) / 2.0 AS r FROM pairs GROUP BY {v}"
    return (
        f"WITH pairs AS (SELECT {x} AS x, {y} AS y FROM source WHERE {x} IS NOT NULL AND {y} IS NOT NULL), "
        f"xs AS (SELECT x, {rank.format(v='x')}), ys AS (SELECT y, {rank.format(v='y')}) "
        "SELECT corr(xs.r, ys.r) FROM pairs JOIN xs USING (x) JOIN ys USING (y)"
    )


def _correlation_ratio(m: Measure, source: Source) -> str:
    del source
    x, g = quoted(m.column), quoted(m.by)
    return (
        f"WITH pairs AS (SELECT {x} AS x, {g} AS g FROM source WHERE {x} IS NOT NULL AND {g} IS NOT NULL), "
        "groups AS (SELECT count(*) AS n, avg(x) AS mean FROM pairs GROUP BY g), "
        "whole AS (SELECT avg(x) AS mean, var_pop(x) * count(*) AS total FROM pairs) "
        "SELECT sum(n * (groups.mean - whole.mean) ** 2) / any_value(total) FROM groups, whole"
    )


def _cramers_v(m: Measure, source: Source) -> str:
    del source
    a, b = quoted(m.column), quoted(m.by)
    return (
        f"WITH cells AS (SELECT {a} AS a, {b} AS b, count(*) AS n FROM source "
        f"WHERE {a} IS NOT NULL AND {b} IS NOT NULL GROUP BY 1, 2), "
        "rows AS (SELECT a, sum(n) AS n FROM cells GROUP BY a), cols AS (SELECT b, sum(n) AS n FROM cells GROUP BY b) "
        "SELECT sqrt((sum(cells.n * cells.n / (rows.n * cols.n)) - 1) / "
        "(least((SELECT count(*) FROM rows), (SELECT count(*) FROM cols)) - 1)) "
        "FROM cells JOIN rows USING (a) JOIN cols USING (b)"
    )


def _period_of(figure: str) -> Query:
    def query(m: Measure, source: Source) -> str:
        del source
        assert m.grain
        inside = f"{label_of(m.by, m.grain)} = {literal(m.value)}"
        return f"SELECT {figure.format(c=quoted(m.column))} FROM source WHERE {inside}"

    return query


def _period_extreme(direction: str) -> Query:
    return lambda m, _: (
        f"SELECT period FROM ({periods(m)}) ORDER BY {'mean' if m.column else 'n'} {direction}, period LIMIT 1"
    )


def _period_correlation(m: Measure, source: Source) -> str:
    del source
    value = "mean" if m.column else "n"
    placed = f"SELECT row_number() OVER (ORDER BY period) AS place, * FROM ({periods(m)})"
    return f"SELECT corr(place, {value}) FROM ({placed})"


_FIGURES: dict[Op, Query] = {
    Op.ROWS: lambda *_: "SELECT count(*) FROM source",
    Op.COLUMNS: lambda *_: "SELECT count(*) FROM duckdb_columns() WHERE table_name = 'source'",
    Op.DUPLICATES: _duplicates,
    Op.MISSING_CELLS_SHARE: _missing_cells_share,
    Op.MISSING: _of_column("count(*) - count({c})"),
    Op.MISSING_SHARE: _of_column("1 - count({c}) / count(*)"),
    Op.BOTH_MISSING: _of_pair("count(*) FILTER (WHERE {c} IS NULL AND {b} IS NULL)"),
    Op.DISTINCT: _distinct,
    Op.TOP_VALUE: _top_value,
    Op.COUNT_OF: _count_of,
    Op.SHARE_OF: _share_of,
    Op.NUMERIC_SHARE: _of_column("count(TRY_CAST({c} AS DOUBLE)) / count({c})"),
    Op.MEAN: _of_column("avg({c})"),
    Op.MEDIAN: _of_column("median({c})"),
    Op.QUANTILE: lambda m, _: f"SELECT quantile_cont({quoted(m.column)}, {m.level!r}) FROM source",
    Op.MIN: _of_column("min({c})"),
    Op.MAX: _of_column("max({c})"),
    Op.STDDEV: _of_column("stddev_samp({c})"),
    Op.LOWER_FENCE: _of_fences("any_value(lower)"),
    Op.UPPER_FENCE: _of_fences("any_value(upper)"),
    Op.OUTLIERS: _of_fences("count(*) FILTER (WHERE x < lower OR x > upper)"),
    Op.OUTLIER_SHARE: _of_fences("count(*) FILTER (WHERE x < lower OR x > upper) / count(x)"),
    Op.GROUP_MEAN: _group_mean,
    Op.GROUP_HIGHEST: _group_extreme("DESC"),
    Op.GROUP_LOWEST: _group_extreme("ASC"),
    Op.CORRELATION: _of_pair("corr({c}, {b})"),
    Op.RANK_CORRELATION: _rank_correlation,
    Op.CORRELATION_RATIO: _correlation_ratio,
    Op.CRAMERS_V: _cramers_v,
    Op.PERIODS: _of_periods("count(*)"),
    Op.PERIOD_ROWS: _period_of("count(*)"),
    Op.PERIOD_MEAN: _period_of("avg({c})"),
    Op.PERIOD_HIGHEST: _period_extreme("DESC"),
    Op.PERIOD_LOWEST: _period_extreme("ASC"),
    Op.PERIOD_CORRELATION: _period_correlation,
}
