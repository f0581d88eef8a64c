"""Figures over periods, recomputed: labels cut out of a time's own text, values by month, week and so on."""

from collections.abc import Callable
from math import sqrt

from activities.tools.data.claim import Cell, Grain, Measure, Op
from activities.tools.data.tables import Database, quoted


def by_period(db: Database, m: Measure) -> list[tuple[str, int, float | None]]:
    """Period, rows, mean of the column (None without a column); in order, inside the span."""
    assert m.grain
    mean = f"sum({quoted(m.column)}::DOUBLE) / count(*)" if m.column else "NULL"
    filled = f"{quoted(m.column)} IS NOT NULL" if m.column else "true"
    rows = db.rows(
        f"SELECT {_label(quoted(m.by), m.grain)} AS label, count(*), {mean} FROM cells "
        f"WHERE {quoted(m.by)} IS NOT NULL AND {filled} GROUP BY label"
    )
    found = [(str(label), int(str(n)), None if mean is None else float(str(mean))) for label, n, mean in rows]
    return sorted(row for row in found if m.span[0] <= row[0] <= m.span[1])


def period_values(db: Database, m: Measure) -> list[tuple[str, float]]:
    """Per period the mean of the column, or the rows if there is no column."""
    return [(label, float(n) if mean is None else mean) for label, n, mean in by_period(db, m)]


def _label(time: str, grain: Grain) -> str:
    text = f"({time}::TIMESTAMP::VARCHAR)"
    match grain:
        case Grain.HOUR:
            return f"{text}[1:13] || ':00'"
        case Grain.DAY:
            return f"{text}[1:10]"
        case Grain.WEEK:
            return f"({time}::DATE - (isodow({time}) - 1)::INTEGER)::VARCHAR"
        case Grain.MONTH:
            return f"{text}[1:7]"
        case Grain.QUARTER:
            return f"{text}[1:4] || '-Q' || ((month({time}) + 2) // 3)"
        case Grain.YEAR:
            return f"{text}[1:4]"


def _rows(db: Database, m: Measure) -> Cell:
    whole = m.model_copy(update={"column": "", "span": (m.value, m.value)})
    return sum(n for _, n, _ in by_period(db, whole))


def _mean(db: Database, m: Measure) -> Cell:
    rows = by_period(db, m.model_copy(update={"span": (m.value, m.value)}))
    return rows[0][2] if rows else None


def _correlation(db: Database, m: Measure) -> Cell:
    values = [value for _, value in period_values(db, m)]
    if len(values) < 2:
        return None
    mean, middle = sum(values) / len(values), (len(values) - 1) / 2
    across = sum((i - middle) * (value - mean) for i, value in enumerate(values))
    spread = sum((i - middle) ** 2 for i in range(len(values))) * sum((value - mean) ** 2 for value in values)
    return across / sqrt(spread) if spread else None


TIME: dict[Op, Callable[[Database, Measure], Cell]] = {
    Op.PERIODS: lambda db, m: len(by_period(db, m)),
    Op.PERIOD_ROWS: _rows,
    Op.PERIOD_MEAN: _mean,
    Op.PERIOD_CORRELATION: _correlation,
}
