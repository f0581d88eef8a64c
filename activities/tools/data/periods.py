"""Lengths of time in SQL: the label of the period that a time column falls into."""

from activities.tools.data.claim import Grain, Measure
from activities.tools.data.tables import literal, quoted

ADJECTIVES = {
    Grain.HOUR: "hourly",
    Grain.DAY: "daily",
    Grain.WEEK: "weekly",
    Grain.MONTH: "monthly",
    Grain.QUARTER: "quarterly",
    Grain.YEAR: "yearly",
}
_FORMATS = {
    Grain.HOUR: "%Y-%m-%d %H:00",
    Grain.DAY: "%Y-%m-%d",
    Grain.WEEK: "%Y-%m-%d",
    Grain.MONTH: "%Y-%m",
    Grain.YEAR: "%Y",
}


def label_of(column: str, grain: Grain) -> str:
    """SQL for the period's label; labels sort as their periods do."""
    time = quoted(column)
    match grain:
        case Grain.QUARTER:
            return f"strftime({time}, '%Y-Q') || quarter({time})"
        case Grain.WEEK:
            return f"strftime(date_trunc('week', {time}), '{_FORMATS[grain]}')"
        case _:
            return f"strftime({time}, '{_FORMATS[grain]}')"


def periods(m: Measure) -> str:
    """A sub-query with a row per period in the span: period, rows, mean of the column (NULL if there is none)."""
    assert m.grain
    mean = f"avg({quoted(m.column)})" if m.column else "CAST(NULL AS DOUBLE)"
    kept = f" AND {quoted(m.column)} IS NOT NULL" if m.column else ""
    first, last = m.span
    return (
        f"SELECT {label_of(m.by, m.grain)} AS period, count(*) AS n, {mean} AS mean FROM source "
        f"WHERE {quoted(m.by)} IS NOT NULL{kept} GROUP BY 1 "
        f"HAVING period BETWEEN {literal(first)} AND {literal(last)}"
    )
