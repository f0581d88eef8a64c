"""Any table as the verifier reads it, when no claim says what it should hold: names and kinds are found here anew."""

import csv
import unicodedata
from itertools import islice
from pathlib import Path
from zipfile import BadZipFile

from activities.review.artifacts import Unfit
from activities.review.sources import known, records_of, text_of, value_of
from activities.tools.data.claim import Column, Kind
from activities.tools.data.tables import Database, quoted
from activities.tools.tool import ToolError

TABLES = (".csv", ".tsv", ".parquet", ".json", ".ndjson", ".jsonl", ".xlsx")
_SEPARATORS = {".tsv": "\t,;|"}
_LOOK_AT_ROWS = 30
_CHUNK = 1 << 20
_RECORDS_FOR_HEADERS = 1000
_MOST_COLUMNS = 500
_LONGEST_NAME = 60
_AT_ONCE = 40
# What a cell must look like besides being castable: '007', '1_000' and '2024' are no number, number and date.
_LOOKS = {
    Kind.INTEGER: "^[+-]?(0|[1-9][0-9]{0,17})$",
    Kind.NUMBER: r"^[+-]?((0|[1-9][0-9]{0,14})(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$",
    Kind.DATE: "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    Kind.TIMESTAMP: "^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}",
}


def load_table(db: Database, path: Path, name: str, table: str = "source") -> tuple[Column, ...]:
    """Makes `table` from the file, its columns called as data.query calls them. Raises Unfit."""
    if path.suffix.lower() not in TABLES:
        raise Unfit(f"{name} is no table: its name must end in {', '.join(TABLES)}")
    try:
        _require_no_nul(path)
        text, headers = text_of(db, path, _delimiter(path), _keys(path))
        if not 0 < len(headers) <= _MOST_COLUMNS:
            raise Unfit(f"{name} has {len(headers)} columns; 1 to {_MOST_COLUMNS} can be read")
        return _make(db, table, text, headers)
    except StopIteration as error:
        raise Unfit(f"{name} is empty; a table needs a header and rows") from error
    except (ToolError, csv.Error, ValueError, KeyError, IndexError, AttributeError, EOFError, BadZipFile) as error:
        said = str(error).partition("\nLINE ")[0].replace(str(path.resolve()), name)
        raise Unfit(f"{name} cannot be read as a table: {said[:300]}") from error
    except RecursionError as error:
        raise Unfit(f"{name} cannot be read as a table: it is nested too deeply") from error


def _require_no_nul(path: Path) -> None:
    if path.suffix.lower() in (".parquet", ".xlsx"):
        return
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            if b"\0" in chunk:
                raise ValueError("it is binary")


def _make(db: Database, table: str, text: str, headers: list[str]) -> tuple[Column, ...]:
    cells = f"SELECT {', '.join(known(i) for i in range(len(headers)))} FROM ({text})"
    kinds = _kinds(db, cells, len(headers))
    columns = tuple(
        Column(name=name, header=header, kind=kind)
        for name, header, kind in zip(_names(headers), headers, kinds, strict=True)
    )
    typed = ", ".join(f"{value_of(i, column.kind)} AS {quoted(column.name)}" for i, column in enumerate(columns))
    db.run(f"CREATE TABLE {quoted(table)} AS SELECT {typed} FROM ({cells})")
    return columns


def _kinds(db: Database, cells: str, width: int) -> list[Kind]:
    """Per column the first kind that all its filled cells have."""
    kinds: list[Kind] = []
    for start in range(0, width, _AT_ONCE):
        batch = range(start, min(start + _AT_ONCE, width))
        counts = ", ".join(f"count(k{i}), {', '.join(_count(i, kind) for kind in _LOOKS)}" for i in batch)
        answers = iter(db.one(f"SELECT {counts} FROM ({cells})"))
        for _ in batch:
            filled = next(answers)
            fits = [kind for kind in _LOOKS if next(answers) == filled]
            kinds.append(fits[0] if fits and filled else Kind.TEXT)
    return kinds


def _count(position: int, kind: Kind) -> str:
    looks = f"regexp_matches(k{position}, '{_LOOKS[kind]}')"
    finite = f" AND isfinite({value_of(position, kind)})" if kind is Kind.NUMBER else ""
    return f"count(*) FILTER ({looks} AND {value_of(position, kind)} IS NOT NULL{finite})"


def _delimiter(path: Path) -> str:
    """The separator that gives the first rows the same number of fields, and most of them."""
    if path.suffix.lower() not in (".csv", ".tsv"):
        return ""
    best, most = ",", 1
    for separator in _SEPARATORS.get(path.suffix.lower(), ",;\t|"):
        with path.open(encoding="utf-8-sig", newline="") as stream:
            widths = [len(row) for row in islice(csv.reader(stream, delimiter=separator), _LOOK_AT_ROWS) if row]
        if widths and len(set(widths)) == 1 and widths[0] > most:
            best, most = separator, widths[0]
    return best


def _keys(path: Path) -> list[str]:
    """Of the first JSON records, all of them in the order in which they turn up."""
    if path.suffix.lower() not in (".json", ".ndjson", ".jsonl"):
        return []
    keys: dict[str, None] = {}
    for record in islice(records_of(path), _RECORDS_FOR_HEADERS):
        if not isinstance(record, dict):
            raise ValueError("it is not a list of JSON objects")
        keys.update(dict.fromkeys(record))
    return list(keys)


def _names(headers: list[str]) -> list[str]:
    """On one line, at most 60 characters, unique without regard to case."""
    names: list[str] = []
    for position, header in enumerate(headers, start=1):
        plain = "".join(" " if unicodedata.category(letter).startswith("C") else letter for letter in header)
        name = " ".join(plain.split()) or f"column_{position}"
        name = name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
        names.append(_unique(name, {other.casefold() for other in names}))
    return names


def _unique(name: str, taken: set[str]) -> str:
    number, candidate = 2, name
    while candidate.casefold() in taken:
        ending = f"_{number}"
        number, candidate = number + 1, name[: _LONGEST_NAME - len(ending)] + ending
    return candidate
