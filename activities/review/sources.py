"""The verifier's own way into a source file: text first, then its own casts. Shares no loading code with the tools."""

import csv
import json
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from hashlib import file_digest
from pathlib import Path

from activities.tools.data.claim import MISSING, Column, Kind, Source
from activities.tools.data.tables import Database, literal, quoted

_CHUNK = 1 << 20
_TYPES = {Kind.INTEGER: "BIGINT", Kind.NUMBER: "DOUBLE", Kind.DATE: "DATE", Kind.TIMESTAMP: "TIMESTAMPTZ"}


class SourceDiffers(Exception):
    """The file is not what the claims say that it is; the message says how."""


def open_source(db: Database, path: Path, source: Source, needed: set[str] | None) -> None:
    """Makes the tables `cells` and `source` with the needed columns (all, if None). Raises SourceDiffers."""
    if _digest(path) != source.sha256:
        raise SourceDiffers(f"{source.file} is not the file that the claims were made from: its SHA-256 differs")
    text, headers = text_of(db, path, source.delimiter, [column.header for column in source.columns])
    if headers != [column.header for column in source.columns]:
        raise SourceDiffers(f"{source.file} has other columns than the claims say")
    kept = [(i, column) for i, column in enumerate(source.columns) if needed is None or column.name in needed]
    cells = f"SELECT {', '.join(known(i) for i, _ in kept) or '1'} FROM ({text})"
    _require_kinds(db, cells, source.file, kept)
    columns = ", ".join(f"{value_of(i, column.kind)} AS {quoted(column.name)}" for i, column in kept)
    db.run(f"CREATE TABLE cells AS SELECT {columns or '1 AS nothing'} FROM ({cells})")
    db.run("CREATE VIEW source AS SELECT * FROM cells")


def rows_of_text(path: Path, source: Source) -> int:
    """The rows of a CSV file, by Python's reader instead of the database's."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = csv.reader(stream, delimiter=source.delimiter)
        next(rows)
        single = len(source.columns) == 1
        return sum(1 for row in rows if row or single)


def text_of(db: Database, path: Path, delimiter: str, headers: list[str]) -> tuple[str, list[str]]:
    """A SELECT of text columns t0, t1, … and the headers in the file; of JSON, the `headers` asked for."""
    match path.suffix.lower():
        case ".csv" | ".tsv":
            with path.open(encoding="utf-8-sig", newline="") as stream:
                there = next(csv.reader(stream, delimiter=delimiter))
            return _csv(path, len(there), delimiter), there
        case ".parquet":
            return _parquet(db, path)
        case ".xlsx":
            return _copied(db, _excel_rows(path))
        case _:
            return _copied(db, _json_rows(path, headers))


def _csv(path: Path, width: int, delimiter: str) -> str:
    columns = ", ".join(f"t{i}: VARCHAR" for i in range(width))
    return (
        f"SELECT * FROM read_csv({literal(str(path.resolve()))}, delim = {literal(delimiter)}, header = true, "
        f"quote = '\"', escape = '\"', auto_detect = false, columns = {{{columns}}})"
    )


def _parquet(db: Database, path: Path) -> tuple[str, list[str]]:
    reader = f"read_parquet({literal(str(path.resolve()))})"
    headers = [str(row[0]) for row in db.rows(f"SELECT column_name FROM (DESCRIBE FROM {reader})")]
    cells = ", ".join(f"{quoted(header)}::VARCHAR AS t{i}" for i, header in enumerate(headers))
    return f"SELECT {cells} FROM {reader}", headers


def _copied(db: Database, rows: Iterable[list[str]]) -> tuple[str, list[str]]:
    """Rows of text as CSV in the database's own folder; the first row has the headers."""
    copy = db.folder / "verified.csv"
    headers: list[str] = []
    with copy.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, quoting=csv.QUOTE_ALL)
        for row in rows:
            headers = headers or row
            writer.writerow([*row, *[""] * (len(headers) - len(row))][: len(headers)])
    return _csv(copy, len(headers), ","), headers


def _excel_rows(path: Path) -> Iterator[list[str]]:
    import openpyxl  # here, because it takes long and few files need it

    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    try:
        for row in book.worksheets[0].iter_rows():
            cells = [_plain(cell.value) for cell in row]
            while cells and not cells[-1]:
                cells.pop()
            if cells:
                yield cells
    finally:
        book.close()


def _json_rows(path: Path, headers: list[str]) -> Iterator[list[str]]:
    yield headers
    for record in records_of(path):
        yield [_plain(record.get(header)) for header in headers]


def records_of(path: Path) -> Iterator[dict[str, object]]:
    with path.open(encoding="utf-8-sig") as stream:
        if path.suffix.lower() == ".json" and stream.read(_CHUNK).lstrip().startswith("["):
            stream.seek(0)
            yield from json.load(stream)
            return
        stream.seek(0)
        yield from (json.loads(line) for line in stream if line.strip())


def _plain(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime() | date():
            return value.isoformat()
        case float() if value.is_integer():
            return str(int(value))
        case dict() | list():
            return json.dumps(value)
        case _:
            return str(value)


def known(position: int) -> str:
    """The cell's text as k0, k1, …, or NULL when it is missing. (NULLIF nine times over would double nine times.)"""
    bare = f"ltrim(rtrim(t{position}))"
    missing = f"length({bare}) <= {max(map(len, MISSING))} AND regexp_matches({bare}, '^({'|'.join(MISSING)})$')"
    return f"if({missing}, NULL, {bare}) AS k{position}"


def value_of(position: int, kind: Kind) -> str:
    if kind is Kind.TEXT:
        return f"k{position}"
    cast = f"TRY_CAST(k{position} AS {_TYPES[kind]})"
    return f"{cast}::TIMESTAMP" if kind is Kind.TIMESTAMP else cast


def _require_kinds(db: Database, cells: str, file: str, columns: list[tuple[int, Column]]) -> None:
    """Every cell of a column must be of the kind that the claims say."""
    typed = [(i, column) for i, column in columns if column.kind is not Kind.TEXT]
    if not typed:
        return
    misfits = ", ".join(f"count(k{i}) - count({value_of(i, column.kind)})" for i, column in typed)
    for (_, column), count in zip(typed, db.one(f"SELECT {misfits} FROM ({cells})"), strict=True):
        if count:
            raise SourceDiffers(f"{file}: {count} cells of {column.name!r} are not of the kind {column.kind}")


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()
