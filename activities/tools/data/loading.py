"""From a file to a table named `source`, with a kind per column that holds for every cell of it."""

from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from activities.tools.data.claim import MISSING, Column, Kind, Source
from activities.tools.data.delimited import BadTable
from activities.tools.data.headers import names_for
from activities.tools.data.relations import Relation, relation_of
from activities.tools.data.tables import Database, quoted
from activities.tools.tool import ToolError

MOST_COLUMNS = 500
_AT_ONCE = 40  # columns per scan: aggregates over hundreds of columns at once cost more memory than a second scan
_FIRST_ROWS = 2000
_CHUNK = 1 << 20

_WHOLE = "[+-]?(0|[1-9][0-9]{0,17})"
_DECIMAL = r"[+-]?((0|[1-9][0-9]{0,14})(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?"
_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_MOMENT = _DAY + r"[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?( ?Z|[+-][0-9]{2}(:?[0-9]{2})?)?"
_TESTS = {
    Kind.INTEGER: f"regexp_full_match(CELL, '{_WHOLE}')",
    Kind.NUMBER: f"regexp_full_match(CELL, '{_DECIMAL}') AND isfinite(TRY_CAST(CELL AS DOUBLE))",
    Kind.DATE: f"regexp_full_match(CELL, '{_DAY}') AND TRY_CAST(CELL AS DATE) IS NOT NULL",
    Kind.TIMESTAMP: f"regexp_full_match(CELL, '{_MOMENT}') AND TRY_CAST(CELL AS TIMESTAMPTZ) IS NOT NULL",
}
_CASTS = {
    Kind.INTEGER: "TRY_CAST(CELL AS BIGINT)",
    Kind.NUMBER: "TRY_CAST(CELL AS DOUBLE)",
    Kind.DATE: "TRY_CAST(CELL AS DATE)",
    Kind.TIMESTAMP: "CAST(TRY_CAST(CELL AS TIMESTAMPTZ) AS TIMESTAMP)",
    Kind.TEXT: "CELL",
}


def load(db: Database, path: Path, name: str, table: str = "source") -> Source:
    """Makes `table` in the database from the file."""
    relation = relation_of(db, path, name)
    kinds = kinds_of(db, relation, name)
    columns = tuple(
        Column(name=column, header=header, kind=kind)
        for column, header, kind in zip(names_for(relation.headers), relation.headers, kinds, strict=True)
    )
    cells = ", ".join(
        f"{_CASTS[column.kind].replace('CELL', f'k{i}')} AS {quoted(column.name)}" for i, column in enumerate(columns)
    )
    db.run(f"CREATE TABLE {quoted(table)} AS SELECT {cells} FROM ({_cleaned(relation, range(len(columns)))})")
    return Source(file=name, sha256=digest_of(path), delimiter=relation.delimiter, columns=columns)


def kinds_of(db: Database, relation: Relation, name: str) -> tuple[Kind, ...]:
    """The narrowest kind that every cell has that is not missing.

    The first rows say which kinds can be; all rows are then asked only about those.
    """
    width = len(relation.headers)
    if width > MOST_COLUMNS:
        raise BadTable(f"{name} has {width} columns; at most {MOST_COLUMNS} are supported: split it or leave some out")
    try:
        sample = replace(relation, select=f"{relation.select} LIMIT {_FIRST_ROWS}")
        start = dict.fromkeys(range(width), tuple(_TESTS))
        open_kinds = _that_hold(db, sample, start, empty_holds=True)
        kinds = dict.fromkeys(range(width), Kind.TEXT)
        while asked := {position: left[:1] for position, left in open_kinds.items() if left}:
            kept = _that_hold(db, relation, asked)
            kinds |= {position: held[0] for position, held in kept.items() if held}
            open_kinds = {position: open_kinds[position][1:] for position, held in kept.items() if not held}
    except ToolError as error:
        raise BadTable(f"{name} cannot be read: {error}") from error
    return tuple(kinds[position] for position in range(width))


def _that_hold(
    db: Database, relation: Relation, asked: dict[int, tuple[Kind, ...]], empty_holds: bool = False
) -> dict[int, tuple[Kind, ...]]:
    """Per column position, the asked kinds that all filled cells have."""
    held: dict[int, tuple[Kind, ...]] = {}
    positions = list(asked)
    for start in range(0, len(positions), _AT_ONCE):
        batch = positions[start : start + _AT_ONCE]
        counts = iter(
            db.one(f"SELECT {', '.join(_counts(i, asked[i]) for i in batch)} FROM ({_cleaned(relation, batch)})")
        )
        for position in batch:
            filled = next(counts)
            matches = [(kind, next(counts)) for kind in asked[position]]
            held[position] = tuple(kind for kind, count in matches if count == filled and (filled or empty_holds))
    return held


def digest_of(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _cleaned(relation: Relation, positions: Iterable[int]) -> str:
    """A SELECT of cells k0, k1, …: text without surrounding spaces, NULL where it is missing."""
    return f"SELECT {', '.join(_clean(position) for position in positions)} FROM ({relation.select})"


def _clean(position: int) -> str:
    """Not by IN: DuckDB sets a vector aside for each list of words, too much memory for hundreds of columns."""
    trimmed = f"trim(c{position})"
    missing = f"length({trimmed}) <= {max(map(len, MISSING))} AND regexp_full_match({trimmed}, '{'|'.join(MISSING)}')"
    return f"CASE WHEN NOT ({missing}) THEN {trimmed} END AS k{position}"


def _counts(position: int, kinds: tuple[Kind, ...]) -> str:
    tests = (f"count(*) FILTER ({_TESTS[kind].replace('CELL', f'k{position}')})" for kind in kinds)
    return ", ".join([f"count(k{position})", *tests])
