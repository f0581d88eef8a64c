"""Trends: how quantities move over time, by periods that fit the range, and only where they move."""

from dataclasses import dataclass
from statistics import median

from activities.tools.data.claim import Claim, Grain, Measure, Op
from activities.tools.data.finding import Finding, Form, Sentence, label, listing, say
from activities.tools.data.periods import ADJECTIVES, label_of
from activities.tools.data.profile import ColumnProfile, Role
from activities.tools.data.study import Study, number
from activities.tools.data.tables import quoted
from activities.tools.data.variance import explained_by

_MOST_MEASURES = 8
_MOST_TOLD = 6
_ENOUGH, _MOST = 12, 200  # periods
_FEWEST = 4
_PARTIAL = 0.5  # of a usual period's rows
_NOTABLE = 0.01  # of the variance lies between periods
_STEADY = 0.7  # correlation with time, with at least `_FEWEST_FOR_DIRECTION` periods
_FEWEST_FOR_DIRECTION = 6


@dataclass(frozen=True)
class _Calendar:
    time: str
    grain: Grain
    labels: tuple[str, ...]
    trimmed: bool

    def measure(self, op: Op, column: str = "", value: str = "") -> Measure:
        span = (self.labels[0], self.labels[-1])
        return Measure(op=op, column=column, by=self.time, value=value, grain=self.grain, span=span)


def trends(study: Study) -> list[Finding]:
    times = sorted(study.profile.of(Role.TIME), key=lambda column: (column.filled == 0, -column.filled))
    if not times:
        return [_nothing("No column holds dates or times, so nothing can be said about change over time.")]
    calendar = _calendar(study, times[0])
    if calendar is None:
        return [_nothing("The time covered is too short, or too scattered, for a statement about change.")]
    measures = study.profile.of(Role.MEASURE)[:_MOST_MEASURES]
    moving, level = _by_movement(study, calendar, measures)
    findings = [_rows(study, calendar)]
    findings += [_movement(study, calendar, measure, share) for measure, share in moving[:_MOST_TOLD]]
    return findings + _level(level)


def _calendar(study: Study, column: ColumnProfile) -> _Calendar | None:
    """The longest grain that gives enough periods, without first and last ones that are hardly begun."""
    for enough in (_ENOUGH, _FEWEST):
        for grain in (Grain.YEAR, Grain.QUARTER, Grain.MONTH, Grain.WEEK, Grain.DAY, Grain.HOUR):
            rows = _rows_by_period(study, column.name, grain)
            whole = _whole(rows)
            if enough <= len(whole) <= _MOST:
                return _Calendar(column.name, grain, tuple(whole), trimmed=len(whole) < len(rows))
    return None


def _rows_by_period(study: Study, column: str, grain: Grain) -> list[tuple[str, int]]:
    period = label_of(column, grain)
    rows = study.db.rows(
        f"SELECT {period}, count(*) FROM source WHERE {quoted(column)} IS NOT NULL GROUP BY 1 ORDER BY 1", _MOST + 3
    )
    return [(str(row[0]), int(str(row[1]))) for row in rows]


def _whole(rows: list[tuple[str, int]]) -> list[str]:
    if not rows:
        return []
    usual = median(count for _, count in rows)
    first = 1 if rows[0][1] < _PARTIAL * usual else 0
    last = len(rows) - 1 if rows[-1][1] < _PARTIAL * usual else len(rows)
    return [period for period, _ in rows[first:last]]


def _by_movement(
    study: Study, calendar: _Calendar, measures: tuple[ColumnProfile, ...]
) -> tuple[list[tuple[ColumnProfile, float]], list[str]]:
    if not measures:
        return [], []
    names = [measure.name for measure in measures]
    explained = explained_by(study.db, label_of(calendar.time, calendar.grain), names)
    moving = [(measure, explained[measure.name].share) for measure in measures]
    moving = [(measure, share) for measure, share in moving if share >= _NOTABLE]
    moving.sort(key=lambda item: (-item[1], item[0].name))
    told = {measure.name for measure, _ in moving}
    return moving, [name for name in names if name not in told]


def _rows(study: Study, calendar: _Calendar) -> Finding:
    rows = [study.ledger.tell(calendar.measure(op)) for op in (Op.PERIOD_HIGHEST, Op.PERIOD_LOWEST)]
    high, low = rows
    most, fewest = (study.ledger.tell(calendar.measure(Op.PERIOD_ROWS, value=str(period.value))) for period in rows)
    words = (
        f"By {{}}, the {ADJECTIVES[calendar.grain]} number of rows is highest in {{}} ({{}}) and lowest in {{}} ({{}})."
    )
    series = study.series(calendar.measure(Op.PERIOD_SERIES))
    trimmed = " Periods at the ends that are hardly begun are left out." if calendar.trimmed else ""
    return Finding(
        importance=0.4,
        sentence=say(words, label(calendar.time), high, most, low, fewest),
        more=(*_direction(study, calendar, "", "The number of rows"), *say(trimmed)),
        charts=(study.draw(Form.LINE, series, f"Rows by {calendar.grain}", calendar.time, "rows"),),
    )


def _movement(study: Study, calendar: _Calendar, column: ColumnProfile, share: float) -> Finding:
    periods = [study.ledger.tell(calendar.measure(op, column.name)) for op in (Op.PERIOD_HIGHEST, Op.PERIOD_LOWEST)]
    high, low = periods
    peak, bottom = (_mean(study, calendar, column.name, str(period.value)) for period in periods)
    series = study.series(calendar.measure(Op.PERIOD_SERIES, column.name))
    words = f"The {ADJECTIVES[calendar.grain]} average of {{}} peaks at {{}} in {{}} and is lowest in {{}}, at {{}}."
    title = f"Average {column.name} by {calendar.grain}"
    return Finding(
        importance=min(0.6 + share / 2, 0.9),
        sentence=say(words, label(column.name), peak, high, low, bottom),
        more=_direction(study, calendar, column.name, "It"),
        charts=(study.draw(Form.LINE, series, title, calendar.time, f"average {column.name}"),),
    )


def _direction(study: Study, calendar: _Calendar, column: str, subject: str) -> Sentence:
    """A trend only where the values follow time closely."""
    if len(calendar.labels) < _FEWEST_FOR_DIRECTION:
        return ()
    correlation = study.ledger.tell(calendar.measure(Op.PERIOD_CORRELATION, column))
    if abs(number(correlation)) < _STEADY:
        return say(f"{subject} shows no steady rise or fall over the whole time.")
    verb = "rises" if number(correlation) > 0 else "falls"
    first, last = (_at(study, calendar, column, period) for period in (calendar.labels[0], calendar.labels[-1]))
    words = f"{subject} {verb} over the whole time, from {{}} in {{}} to {{}} in {{}} (correlation with time: {{}})."
    return say(words, first, label(calendar.labels[0]), last, label(calendar.labels[-1]), correlation)


def _at(study: Study, calendar: _Calendar, column: str, period: str) -> Claim:
    if column:
        return _mean(study, calendar, column, period)
    return study.ledger.tell(calendar.measure(Op.PERIOD_ROWS, value=period))


def _mean(study: Study, calendar: _Calendar, column: str, period: str) -> Claim:
    return study.ledger.tell(calendar.measure(Op.PERIOD_MEAN, column, period))


def _level(names: list[str]) -> list[Finding]:
    if not names:
        return []
    verb = "stays" if len(names) == 1 else "stay"
    words = f"{{}} {verb} about level from period to period."
    return [Finding(importance=0.2, sentence=say(words, listing(tuple(names))))]


def _nothing(text: str) -> Finding:
    return Finding(importance=0.1, sentence=say(text))
