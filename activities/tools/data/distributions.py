"""Distributions: where the values of quantities lie, and which values categories have."""

from activities.tools.data.bins import edges_for
from activities.tools.data.claim import Claim, Measure, Op
from activities.tools.data.finding import Finding, Form, Sentence, label, listing, say
from activities.tools.data.profile import ColumnProfile, Role
from activities.tools.data.study import Study, number, points

_MOST_MEASURES = 8
_MOST_CATEGORIES = 6
_BINS = 32
_BARS = 12
_SKEWED = 0.35  # the mean lies this many interquartile ranges from the median
_DOMINANT = 0.8


def distributions(study: Study) -> list[Finding]:
    measures = study.profile.of(Role.MEASURE)
    categories = tuple(column for column in study.profile.of(Role.CATEGORY) if column.distinct > 1)
    findings = [_quantity(study, column) for column in measures[:_MOST_MEASURES]]
    findings += [_category(study, column) for column in categories[:_MOST_CATEGORIES]]
    left_out = (*measures[_MOST_MEASURES:], *categories[_MOST_CATEGORIES:])
    if left_out:
        findings.append(_others(tuple(column.name for column in left_out)))
    return findings or [Finding(importance=0.1, sentence=say("No column holds quantities or categories to describe."))]


def _quantity(study: Study, column: ColumnProfile) -> Finding:
    name = column.name
    median, mean = study.figure(Op.MEDIAN, name), study.figure(Op.MEAN, name)
    low, high = (study.ledger.tell(Measure(op=Op.QUANTILE, column=name, level=level)) for level in (0.25, 0.75))
    spread = number(high) - number(low)
    lean = (number(mean) - number(median)) / spread if spread else 0.0
    return Finding(
        importance=min(0.3 + abs(lean) / 2, 0.6),
        sentence=say("Half of {} lies between {} and {}, around a median of {}.", label(name), low, high, median),
        more=_lean(study, column, lean, mean),
        charts=_histogram(study, column),
    )


def _lean(study: Study, column: ColumnProfile, lean: float, mean: Claim) -> Sentence:
    highest, lowest = study.figure(Op.MAX, column.name), study.figure(Op.MIN, column.name)
    if lean > _SKEWED:
        return say("A long tail of high values, up to {}, pulls the mean up to {}.", highest, mean)
    if lean < -_SKEWED:
        return say("A long tail of low values, down to {}, pulls the mean down to {}.", lowest, mean)
    return say("The mean is {}; the values range from {} to {}.", mean, lowest, highest)


def _histogram(study: Study, column: ColumnProfile) -> tuple[str, ...]:
    if column.distinct < 3:
        return ()
    edges = edges_for(study.db, column, _BINS)
    series = study.series(Measure(op=Op.HISTOGRAM, column=column.name, edges=edges))
    drawn = sum(int(row[2] or 0) for row in points(series))
    title = f"Distribution of {column.name}" + ("" if drawn == column.filled else " (far tails left out)")
    return (study.draw(Form.HISTOGRAM, series, title, column.name, "rows"),)


def _category(study: Study, column: ColumnProfile) -> Finding:
    name = column.name
    top = study.figure(Op.TOP_VALUE, name)
    share = study.figure(Op.SHARE_OF, name, value=str(top.value))
    dominant = number(share) > _DOMINANT
    words = " makes up nearly all of " if dominant else " is the most frequent value of "
    return Finding(
        importance=0.5 if dominant else 0.35,
        sentence=say(f"{{}}{words}{{}}, in {{}} of the rows that have one.", top, label(name), share),
        more=say("{} has {} different values.", label(name), study.figure(Op.DISTINCT, name)),
        charts=_bars(study, column),
    )


def _bars(study: Study, column: ColumnProfile) -> tuple[str, ...]:
    if column.distinct < 3:
        return ()
    series = study.series(Measure(op=Op.VALUE_COUNTS, column=column.name, limit=_BARS))
    title = f"Rows by {column.name}" + (" (most frequent)" if column.distinct > _BARS else "")
    form = Form.COLUMNS if column.ordinal else Form.BARS
    return (study.draw(form, series, title, "rows" if form is Form.BARS else column.name, "rows"),)


def _others(names: tuple[str, ...]) -> Finding:
    return Finding(importance=0.05, sentence=say("Not described here: {}.", listing(names)))
