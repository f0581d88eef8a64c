"""The verifier's formulas against plain Python."""

import math
import statistics
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from activities.review.comparison import same, shows
from activities.review.recompute import figure
from activities.review.recompute_series import series
from activities.review.sources import open_source
from activities.tools.data.claim import Cell, Claim, Measure, Op, Unit
from activities.tools.data.display import shown
from activities.tools.data.loading import load
from activities.tools.data.tables import opened
from tests.fakes.samples import as_csv

_NUMBERS = st.floats(-1e6, 1e6).map(lambda x: round(x, 3))
_ROWS = st.lists(st.tuples(_NUMBERS, _NUMBERS, st.sampled_from("abc"), st.sampled_from("xy")), min_size=5, max_size=40)
_SLOWLY = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def recomputed(rows: list[tuple[object, ...]], *measures: Measure) -> list[Cell]:
    """By the verifier, over a CSV file with the columns a, b (numbers) and g, h (texts)."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        path.write_bytes(as_csv([["a", "b", "g", "h"], *[list(row) for row in rows]]))
        with opened([path]) as db:
            source = load(db, path, path.name)
        with opened([path]) as db:
            open_source(db, path, source, None)
            return [figure(db, measure) for measure in measures]


def ranks(values: list[float]) -> list[float]:
    ordered = sorted(values)
    return [ordered.index(value) + (ordered.count(value) + 1) / 2 for value in values]


def close(found: Cell, expected: float) -> bool:
    return isinstance(found, int | float) and math.isclose(found, expected, rel_tol=1e-6, abs_tol=1e-6)


@_SLOWLY
@given(_ROWS)
@example([(0.0, sign * 0.0, "a", "x") for sign in (1, 1, 1, 1, -1)])
def test_one_column_agrees_with_plain_python(rows: list[tuple[float, float, str, str]]) -> None:
    a = [row[0] for row in rows]
    ops = (Op.MEAN, Op.MEDIAN, Op.STDDEV, Op.MIN, Op.DISTINCT, Op.DUPLICATES, Op.OUTLIERS)
    quartile = Measure(op=Op.QUANTILE, column="a", level=0.25)
    mean, middle, spread, least, distinct, doubles, far, q1 = recomputed(
        list(rows), *(Measure(op=op, column="a") for op in ops), quartile
    )
    low, _, high = statistics.quantiles(a, n=4, method="inclusive")
    assert close(mean, statistics.fmean(a))
    assert close(middle, statistics.median(a))
    assert close(spread, statistics.stdev(a))
    assert close(least, min(a))
    assert close(q1, low)
    assert distinct == len(set(a))
    assert doubles == len(rows) - len(set(rows))
    if abs(high - low) > 1e-6:
        fences = (low - 1.5 * (high - low), high + 1.5 * (high - low))
        assert far == sum(not fences[0] <= value <= fences[1] for value in a)


@_SLOWLY
@given(_ROWS)
def test_two_columns_agree_with_plain_python(rows: list[tuple[float, float, str, str]]) -> None:
    a, b = [row[0] for row in rows], [row[1] for row in rows]
    if min(statistics.pstdev(a), statistics.pstdev(b)) < 1e-3:
        return
    pearson, spearman, ratio = recomputed(
        list(rows),
        Measure(op=Op.CORRELATION, column="a", by="b"),
        Measure(op=Op.RANK_CORRELATION, column="a", by="b"),
        Measure(op=Op.CORRELATION_RATIO, column="a", by="g"),
    )
    groups = [[row[0] for row in rows if row[2] == name] for name in sorted({row[2] for row in rows})]
    mean = statistics.fmean(a)
    between = sum(len(group) * (statistics.fmean(group) - mean) ** 2 for group in groups)
    assert close(pearson, statistics.correlation(a, b))
    assert close(spearman, statistics.correlation(ranks(a), ranks(b)))
    assert close(ratio, between / sum((value - mean) ** 2 for value in a))


def test_cramers_v_agrees_with_plain_python() -> None:
    rows = [(i, i, "abc"[i % 3], "xy"[i % 2 if i % 5 else i % 3 // 2]) for i in range(90)]
    (found,) = recomputed(list(rows), Measure(op=Op.CRAMERS_V, column="g", by="h"))
    cells, n = Counter((g, h) for _, _, g, h in rows), len(rows)
    left, right = Counter(row[2] for row in rows), Counter(row[3] for row in rows)
    chi = sum((cells[g, h] - left[g] * right[h] / n) ** 2 / (left[g] * right[h] / n) for g in left for h in right)
    assert close(found, math.sqrt(chi / n))


def test_histogram_counts_each_value_once_and_includes_the_last_edge(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(as_csv([["a", "b"], *[[x, 1] for x in (0, 0.1, 0.2, 0.2, 0.3, 0.4, 9)]]))
    with opened([path]) as db:
        source = load(db, path, path.name)
    with opened([path]) as db:
        open_source(db, path, source, None)
        rows = series(db, Measure(op=Op.HISTOGRAM, column="a", edges=(0.0, 0.2, 0.4)))
    assert rows == [(0.0, 0.2, 2), (0.2, 0.4, 4)]


@given(st.floats(-1e9, 1e9).filter(lambda x: x == 0 or abs(x) > 1e-5), st.sampled_from([Unit.NUMBER, Unit.SHARE]))
def test_every_display_is_a_fair_rounding(value: float, unit: Unit) -> None:
    display = shown(value, unit)
    claim = Claim(id="c", file="f", measure=Measure(op=Op.MEAN), query="", value=value, display=display, unit=unit)
    assert shows(claim, value)
    assert not shows(claim, value * 1.2 + 1)


@pytest.mark.parametrize(
    ("value", "unit", "display"),
    [
        (336776, Unit.COUNT, "336,776"), (12.639070257, Unit.NUMBER, "12.6"), (-2.0, Unit.NUMBER, "-2"),
        (0.00135, Unit.NUMBER, "0.00135"), (0.0245, Unit.SHARE, "2.5 %"), (0.99966, Unit.SHARE, "99.97 %"),
        (1.0, Unit.SHARE, "100 %"), (2013, Unit.CODE, "2013"),
        (None, Unit.NUMBER, "–"), (1234.56, Unit.NUMBER, "1,235"),
    ],
)  # fmt: skip
def test_shows_values_shortly(value: Cell, unit: Unit, display: str) -> None:
    assert shown(value, unit) == display


def test_counts_compare_exactly_and_floats_within_a_millionth() -> None:
    assert not same(1_000_000, 1_000_001)
    assert same(1.0, 1.0000001)
    assert not same(1.0, 1.00001)
    assert not same("1", 1)
