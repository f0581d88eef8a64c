"""Groups: where the average of a quantity differs between the values of a category or a part of the calendar."""

from dataclasses import dataclass

from activities.tools.data.claim import Measure, Op
from activities.tools.data.finding import Finding, Form, label, say
from activities.tools.data.profile import ColumnProfile, Role
from activities.tools.data.study import Study, number
from activities.tools.data.tables import quoted
from activities.tools.data.variance import explained_by

_MOST_MEASURES = 8
_MOST_GROUPINGS = 12
_MOST_FINDINGS = 9
_MOST_PER_MEASURE = 3
_MOST_BARS = 24
_HOURS, _FIRST_YEAR = 24, 1000
_NOTABLE = 0.01  # of the variance
_COMPARED = "By {}, the average {} is highest for {} ({}) and lowest for {} ({}); over all rows it is {}."
_FIXED = 0.9  # above that, the group nearly tells the value: an association rather than a comparison


@dataclass(frozen=True)
class _Pair:
    measure: ColumnProfile
    by: ColumnProfile
    share: float
    interest: float


def groups(study: Study) -> list[Finding]:
    pairs = _telling_pairs(study)
    if pairs:
        return [_comparison(study, pair) for pair in pairs]
    return [
        Finding(
            importance=0.2,
            sentence=say("No average of a quantity differs notably between the values of a category."),
        )
    ]


def _telling_pairs(study: Study) -> list[_Pair]:
    """The strongest groupings of each quantity, the most varied quantities first."""
    measures = study.profile.of(Role.MEASURE)[:_MOST_MEASURES]
    candidates: dict[str, list[_Pair]] = {measure.name: [] for measure in measures}
    for by in _groupings(study)[:_MOST_GROUPINGS] if measures else ():
        for name, explained in explained_by(study.db, quoted(by.name), list(candidates), _least_rows(study)).items():
            measure = next(column for column in measures if column.name == name)
            if _NOTABLE <= explained.share <= _FIXED:
                interest = _variety(measure) + explained.share
                candidates[name].append(_Pair(measure, by, explained.share, interest))
    best = [pair for pairs in candidates.values() for pair in sorted(pairs, key=_strength)[:_MOST_PER_MEASURE]]
    return sorted(best, key=lambda pair: (-pair.interest, pair.measure.name, pair.by.name))[:_MOST_FINDINGS]


def _groupings(study: Study) -> tuple[ColumnProfile, ...]:
    """Days of the month and minutes are left out: averages by them tell of chance, not of the calendar."""
    columns = study.profile.of(Role.CATEGORY, Role.CALENDAR)
    return tuple(c for c in columns if c.distinct > 1 and (c.role is Role.CATEGORY or _is_a_season(c)))


def _is_a_season(column: ColumnProfile) -> bool:
    """Hours, weekdays, months, quarters and years."""
    return column.distinct <= _HOURS or (column.minimum or 0) >= _FIRST_YEAR


def _strength(pair: _Pair) -> tuple[float, str]:
    """Few groups that explain as much as many come first."""
    return (-pair.share / pair.by.distinct**0.25, pair.by.name)


def _variety(column: ColumnProfile) -> float:
    """The coefficient of variation, 0..1: what varies most has most to explain."""
    if not column.mean or column.stddev is None:
        return 0.0
    return min(column.stddev / abs(column.mean), 3) / 3


def _comparison(study: Study, pair: _Pair) -> Finding:
    column, by = pair.measure.name, pair.by.name
    least = _least_rows(study)
    high, low = (
        study.ledger.tell(Measure(op=op, column=column, by=by, least=least))
        for op in (Op.GROUP_HIGHEST, Op.GROUP_LOWEST)
    )
    highest = study.figure(Op.GROUP_MEAN, column, by, str(high.value))
    lowest = study.figure(Op.GROUP_MEAN, column, by, str(low.value))
    ratio = study.figure(Op.CORRELATION_RATIO, column, by)
    return Finding(
        importance=min(0.5 + pair.interest / 4, 0.95),
        sentence=say(_COMPARED, label(by), label(column), high, highest, low, lowest, study.figure(Op.MEAN, column)),
        more=say("{} accounts for {} of the variance of {}.", label(by), ratio, label(column)),
        charts=_chart(study, pair, least),
    )


def _least_rows(study: Study) -> int:
    """Groups with fewer rows are left out: their averages are chance."""
    return max(1, min(30, study.profile.rows // 100))


def _chart(study: Study, pair: _Pair, least: int) -> tuple[str, ...]:
    column, by = pair.measure.name, pair.by.name
    if number(study.figure(Op.DISTINCT, by)) < 3:
        return ()
    measure = Measure(op=Op.GROUP_MEANS, column=column, by=by, least=least, limit=_limit(pair.by))
    title = f"Average {column} by {by}" + (" (largest groups)" if pair.by.distinct > _limit(pair.by) else "")
    if pair.by.role is Role.CALENDAR or pair.by.ordinal:
        return (study.draw(Form.COLUMNS, study.series(measure), title, by, f"average {column}"),)
    return (study.draw(Form.BARS, study.series(measure), title, f"average {column}", by),)


def _limit(by: ColumnProfile) -> int:
    return 60 if by.role is Role.CALENDAR else _MOST_BARS
