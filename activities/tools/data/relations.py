"""Every supported file as rows of text: a SELECT whose columns are c0, c1, … in the file's order."""

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from zipfile import BadZipFile

from activities.tools.data.delimited import BadTable, dialect_of
from activities.tools.data.tables import Database, literal, quoted
from activities.tools.tool import ToolError

DELIMITED = (".csv", ".tsv")
JSON = (".json", ".ndjson", ".jsonl")
SUPPORTED = (*DELIMITED, ".parquet", *JSON, ".xlsx")


@dataclass(frozen=True)
class Relation:
    select: str
    headers: tuple[str, ...]
    delimiter: str = ""


def relation_of(db: Database, path: Path, name: str) -> Relation:
    """Raises BadTable when the file cannot be read at all."""
    match path.suffix.lower():
        case ".csv" | ".tsv":
            dialect = dialect_of(path, name)
            return Relation(
                _from_csv(path, len(dialect.headers), dialect.separator), dialect.headers, dialect.separator
            )
        case ".parquet":
            return _typed(db, f"read_parquet({literal(str(path.resolve()))})", name, "a Parquet file")
        case ".json" | ".ndjson" | ".jsonl":
            return _typed(db, f"read_json({literal(str(path.resolve()))}, sample_size = -1)", name, "JSON records")
        case ".xlsx":
            return _from_excel(db, path, name)
        case suffix:
            raise BadTable(f"{name} ends in {suffix!r}; supported are {', '.join(SUPPORTED)}")


def _from_csv(path: Path, width: int, separator: str) -> str:
    columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(width))
    return (
        f"SELECT * FROM read_csv({literal(str(path.resolve()))}, auto_detect = false, header = true, "
        f"delim = {literal(separator)}, quote = '\"', escape = '\"', columns = {{{columns}}})"
    )


def _typed(db: Database, reader: str, name: str, what: str) -> Relation:
    try:
        columns = db.rows(f"DESCRIBE SELECT * FROM {reader}")
    except ToolError as error:
        raise BadTable(f"{name} cannot be read as {what}; it may be truncated or of another format: {error}") from error
    headers = tuple(str(column[0]) for column in columns)
    cells = ", ".join(
        f"{_as_text(header, str(column[1]))} AS c{i}"
        for i, (header, column) in enumerate(zip(headers, columns, strict=True))
    )
    return Relation(f"SELECT {cells} FROM {reader}", headers)


def _as_text(header: str, kind: str) -> str:
    if kind == "JSON":
        return f"json_extract_string({quoted(header)}, '$')"
    return f"CAST({quoted(header)} AS VARCHAR)"


def _from_excel(db: Database, path: Path, name: str) -> Relation:
    """The first sheet, turned into CSV in the database's own folder."""
    import openpyxl  # here, because it takes long and few files need it

    copy = db.folder / "sheet.csv"
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        try:
            headers = _write_rows(copy, book.worksheets[0].iter_rows(values_only=True))
        finally:
            book.close()
    except (BadZipFile, KeyError, ValueError, EOFError, OSError, IndexError) as error:
        raise BadTable(f"{name} cannot be read as an Excel file (.xlsx); save it again or export it as CSV") from error
    if not headers:
        raise BadTable(f"{name} is empty: its first sheet has no rows")
    return Relation(_from_csv(copy, len(headers), ","), headers)


def _write_rows(target: Path, rows: Iterable[tuple[object, ...]]) -> tuple[str, ...]:
    headers: tuple[str, ...] = ()
    with target.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, quoting=csv.QUOTE_ALL)
        for row in rows:
            if not headers:
                headers = _header(row)
                writer.writerow(headers)
            elif any(value is not None for value in row):
                writer.writerow([_text(value) for value in (*row, *[None] * len(headers))[: len(headers)]])
    return headers


def _header(row: tuple[object, ...]) -> tuple[str, ...]:
    """Up to the last cell with a name."""
    names = [_text(value) for value in row]
    while names and not names[-1]:
        names.pop()
    return tuple(names)


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return json.dumps(value)
        case datetime() | date():
            return value.isoformat()
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return str(value)
