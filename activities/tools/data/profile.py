"""A first look at every column: how filled, how varied, how large; and the part that it can play in an analysis."""

import re
from enum import StrEnum, auto

from activities.tools.data.claim import Column, Frozen, Kind, Source
from activities.tools.data.tables import Database, quoted

_AT_ONCE = 40
_ANSWERS = 7  # per column, to `_questions`
_FEW = 10
_MANY = 200
_EXACT_BELOW = 2000
_CALENDAR = {"year": (1000, 2999), "quarter": (1, 4), "month": (1, 12), "week": (0, 53), "day": (0, 366),
             "weekday": (0, 7), "dow": (0, 7), "hour": (0, 24), "minute": (0, 60), "second": (0, 60)}  # fmt: skip
_CODE_WORDS = {
    "id", "ids", "key", "code", "uuid", "guid", "no", "nr", "num", "number", "zip", "postcode", "postal", "phone",
    "account", "invoice", "ticket", "sku", "isbn", "ssn", "index", "idx", "pk", "token", "hash", "serial", "flight",
    "dir", "direction", "bearing", "lat", "lon", "lng", "latitude", "longitude", "tz", "unnamed",
}  # fmt: skip
_WORDS = re.compile(r"[^\W\d_]+")


class Role(StrEnum):
    MEASURE = auto()  # a quantity: averages mean something
    CATEGORY = auto()  # few values, names or small whole numbers: groups mean something
    CALENDAR = auto()  # a part of a date as a number, such as month
    TIME = auto()
    CODE = auto()  # numbers that are names, places or times of day: neither averages nor groups mean much
    IDENTIFIER = auto()  # another value in (almost) every row
    TEXT = auto()  # many different values
    CONSTANT = auto()
    EMPTY = auto()


class ColumnProfile(Frozen):
    column: Column
    rows: int
    filled: int
    distinct: int  # exact up to about 2,000, and where nearly every row has its own; else about right
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    stddev: float | None = None
    clock: bool = False  # whole numbers that all read as HHMM
    role: Role

    @property
    def name(self) -> str:
        return self.column.name

    @property
    def ordinal(self) -> bool:
        """A category of small whole numbers, whose averages mean something too."""
        return self.role is Role.CATEGORY and self.column.numeric


class Profile(Frozen):
    rows: int
    columns: tuple[ColumnProfile, ...]

    def of(self, *roles: Role) -> tuple[ColumnProfile, ...]:
        return tuple(column for column in self.columns if column.role in roles)


def profile_of(db: Database, source: Source) -> Profile:
    """Reads the table `source` once per 40 columns, and columns with few values a second time."""
    rows = int(str(db.one("SELECT count(*) FROM source")[0]))
    columns: list[ColumnProfile] = []
    for start in range(0, len(source.columns), _AT_ONCE):
        batch = source.columns[start : start + _AT_ONCE]
        answers = iter(db.one(f"SELECT {', '.join(_questions(column) for column in batch)} FROM source"))
        columns += [_profile(db, column, rows, [next(answers) for _ in range(_ANSWERS)]) for column in batch]
    return Profile(rows=rows, columns=tuple(columns))


def _questions(column: Column) -> str:
    name = quoted(column.name)
    if not column.numeric:
        return f"count({name}), approx_count_distinct({name}), NULL, NULL, NULL, NULL, 1"
    return (
        f"count({name}), approx_count_distinct({name}), min({name}), max({name}), avg({name}), stddev_samp({name}), "
        f"count(*) FILTER (WHERE {name} < 0 OR {name} > 2400 OR {name} % 100 >= 60)"
    )


def _profile(db: Database, column: Column, rows: int, answers: list[object]) -> ColumnProfile:
    numbers = [None if answer is None else float(str(answer)) for answer in answers]
    filled, distinct = int(numbers[0] or 0), int(numbers[1] or 0)
    if distinct < _EXACT_BELOW or distinct > 0.8 * filled:
        name = quoted(column.name)
        distinct = int(
            str(db.one(f"SELECT count(*) FROM (SELECT DISTINCT {name} FROM source WHERE {name} IS NOT NULL)")[0])
        )
    bare = ColumnProfile(
        column=column,
        rows=rows,
        filled=filled,
        distinct=distinct,
        minimum=numbers[2],
        maximum=numbers[3],
        mean=numbers[4],
        stddev=numbers[5],
        clock=column.kind is Kind.INTEGER and numbers[6] == 0 and distinct > 60,
        role=Role.TEXT,
    )
    return bare.model_copy(update={"role": _role(bare)})


def _role(column: ColumnProfile) -> Role:
    words = {word.lower() for word in _WORDS.findall(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column.name))}
    if column.filled == 0:
        return Role.EMPTY
    if column.distinct == 1 and column.filled > 1:
        return Role.CONSTANT
    if column.column.temporal:
        return Role.TIME
    if column.column.numeric:
        return _numeric_role(column, words)
    if column.filled >= 20 and column.distinct > 0.9 * column.filled:
        return Role.IDENTIFIER
    return Role.CATEGORY if column.distinct <= _MANY and column.distinct <= column.filled / 2 else Role.TEXT


def _numeric_role(column: ColumnProfile, words: set[str]) -> Role:
    whole = column.column.kind is Kind.INTEGER
    if whole and any(_inside(column, *_CALENDAR[word]) for word in words & _CALENDAR.keys()):
        return Role.CALENDAR
    unique = whole and column.filled >= 20 and column.distinct == column.filled
    if words & _CODE_WORDS:
        return Role.IDENTIFIER if unique else Role.CODE
    if unique and _span(column) < 2 * column.filled:  # a running number
        return Role.IDENTIFIER
    if column.clock:
        return Role.CODE
    return Role.CATEGORY if whole and column.distinct <= _FEW and column.filled > 2 * _FEW else Role.MEASURE


def _inside(column: ColumnProfile, low: int, high: int) -> bool:
    return column.minimum is not None and column.maximum is not None and low <= column.minimum <= column.maximum <= high


def _span(column: ColumnProfile) -> float:
    return (column.maximum or 0) - (column.minimum or 0)
