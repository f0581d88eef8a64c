"""A table's profile in full, as data.profile writes it."""

from pathlib import Path

from activities.tools.data.claim import Cell, Column, Frozen, Kind, Source
from activities.tools.data.display import settled
from activities.tools.data.loading import load
from activities.tools.data.profile import ColumnProfile, Role, profile_of
from activities.tools.data.tables import Database, opened, quoted
from activities.tools.tool import Workspace

_LEVELS = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_TOP = 10


class Numbers(Frozen):
    mean: Cell
    stddev: Cell
    quantiles: dict[str, Cell]


class ColumnDescription(Frozen):
    name: str
    header: str
    kind: Kind
    role: Role
    missing: int
    distinct: int
    minimum: Cell = None  # of numbers, dates and times
    maximum: Cell = None
    numbers: Numbers | None = None
    top: tuple[tuple[Cell, int], ...] = ()  # value as text, rows


class Description(Frozen):
    file: str
    sha256: str
    rows: int
    duplicate_rows: int
    columns: tuple[ColumnDescription, ...]


def describe(path: Path, name: str, workspace: Workspace) -> Description:
    with opened([path], workspace) as db:
        source = load(db, path, name)
        profile = profile_of(db, source)
        columns = []
        for number, column in enumerate(profile.columns):
            workspace.progress(number / len(profile.columns), column.name)
            columns.append(_column(db, column))
        distinct = int(str(db.one("SELECT count(*) FROM (SELECT DISTINCT * FROM source)")[0]))
    return _description(source, profile.rows, distinct, columns)


def _description(source: Source, rows: int, distinct: int, columns: list[ColumnDescription]) -> Description:
    return Description(
        file=source.file, sha256=source.sha256, rows=rows, duplicate_rows=rows - distinct, columns=tuple(columns)
    )


def _column(db: Database, profile: ColumnProfile) -> ColumnDescription:
    column = profile.column
    name = quoted(column.name)
    ordered = column.numeric or column.temporal
    distinct, low, high = db.one(
        f"SELECT (SELECT count(*) FROM (SELECT DISTINCT {name} FROM source WHERE {name} IS NOT NULL)), "
        f"min({name}), max({name}) FROM source"
    )
    return ColumnDescription(
        name=column.name,
        header=column.header,
        kind=column.kind,
        role=profile.role,
        missing=profile.rows - profile.filled,
        distinct=int(str(distinct)),
        minimum=settled(low) if ordered else None,
        maximum=settled(high) if ordered else None,
        numbers=_numbers(db, column) if column.numeric else None,
        top=() if profile.role is Role.IDENTIFIER else _top(db, column),
    )


def _numbers(db: Database, column: Column) -> Numbers:
    name = quoted(column.name)
    quantiles = ", ".join(f"quantile_cont({name}, {level})" for level in _LEVELS)
    mean, stddev, *rest = db.one(f"SELECT avg({name}), stddev_samp({name}), {quantiles} FROM source")
    return Numbers(
        mean=settled(mean),
        stddev=settled(stddev),
        quantiles={str(level): settled(value) for level, value in zip(_LEVELS, rest, strict=True)},
    )


def _top(db: Database, column: Column) -> tuple[tuple[Cell, int], ...]:
    name = quoted(column.name)
    rows = db.rows(
        f"SELECT CAST({name} AS VARCHAR) AS value, count(*) AS n FROM source WHERE {name} IS NOT NULL "
        f"GROUP BY {name} ORDER BY n DESC, value LIMIT {_TOP}"
    )
    return tuple((settled(value), int(str(n))) for value, n in rows)
