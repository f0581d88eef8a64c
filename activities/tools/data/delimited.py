"""CSV and TSV files: which separator, which header, and whether every row has as many fields as the header."""

import codecs
import csv
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from activities.tools.tool import ToolError

_SEPARATORS = (",", ";", "\t", "|")
_UNUSUAL_SEPARATORS = " :^~#"
_LOOK_AT_ROWS = 50
_CHUNK = 1 << 20
_BINARY_STARTS = (b"PK\x03\x04", b"\x1f\x8b", b"\x89PNG", b"%PDF", b"PAR1", b"\xd0\xcf\x11\xe0", b"BZh", b"7z\xbc\xaf")


class BadTable(ToolError):
    """The file cannot be used as a table; says where it fails and what to do."""


@dataclass(frozen=True)
class Dialect:
    separator: str
    headers: tuple[str, ...]


def dialect_of(path: Path, name: str) -> Dialect:
    """From the first rows alone. Raises BadTable for a file without text."""
    with _rows(path, name, ",") as rows:
        if not any(any(field.strip() for field in row) for row in islice(rows, _LOOK_AT_ROWS)):
            raise BadTable(f"{name} is empty; it needs a header line and at least one row")
    preferred = ("\t", *_SEPARATORS) if path.suffix.lower() == ".tsv" else _SEPARATORS
    looks = [_Look.at(path, name, separator) for separator in preferred]
    best = max(looks, key=lambda look: (look.even and look.width > 1, look.width))
    return Dialect(separator=best.separator, headers=best.headers)


def require_text(path: Path, name: str) -> None:
    """Reads all bytes once: binary content, NUL bytes and bytes that are not UTF-8 raise BadTable."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    offset, line = 0, 1
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            if offset == 0:
                _require_text_start(chunk, name)
            if (nul := chunk.find(b"\0")) >= 0:
                at = line + chunk.count(b"\n", 0, nul)
                raise BadTable(f"{name} has a NUL byte at byte {offset + nul} (line {at}); it is not a text file")
            pending = len(decoder.getstate()[0])
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                at = line + chunk.count(b"\n", 0, max(error.start - pending, 0))
                raise _not_utf8(name, offset - pending + error.start, at) from error
            offset, line = offset + len(chunk), line + chunk.count(b"\n")
    if decoder.getstate()[0]:
        raise _not_utf8(name, offset - len(decoder.getstate()[0]), line)


def count_rows(path: Path, name: str, dialect: Dialect) -> int:
    """Rows after the header. Raises BadTable at the first row that has another number of fields."""
    expected, count = len(dialect.headers), 0
    with _rows(path, name, dialect.separator) as rows:
        next(rows)
        for row in rows:
            if len(row) != expected:
                if not row and expected > 1:
                    continue
                if row:
                    raise _ragged(name, rows.line, len(row), dialect)
            count += 1
    return count


def one_column(name: str, header: str, path: Path) -> BadTable:
    """Why a file with a single column is refused."""
    with path.open(encoding="utf-8-sig", errors="replace") as stream:
        lines = [line for line in islice(stream, _LOOK_AT_ROWS) if line.strip()]
    seen = [sign for sign in _UNUSUAL_SEPARATORS if lines and all(sign in line.strip() for line in lines)]
    guess = f"; perhaps the separator is {seen[0]!r}" if seen else ""
    return BadTable(
        f"{name} has a single column, {header!r}, when read with comma, semicolon, tab or bar{guess}. "
        "Save it with commas, or, if one column is right, add --input single_column=true"
    )


class _Rows:
    """Rows of a csv.reader, that know the line in the file."""

    def __init__(self, lines: Iterator[str], name: str, separator: str) -> None:
        self._reader = csv.reader(lines, delimiter=separator, strict=True)
        self._name = name

    @property
    def line(self) -> int:
        return self._reader.line_num

    def __iter__(self) -> Iterator[list[str]]:
        return self

    def __next__(self) -> list[str]:
        try:
            return next(self._reader)
        except csv.Error as error:
            raise BadTable(
                f"{self._name}, line {self.line}: {error}; look for a double quote that is not closed or not doubled"
            ) from error


@contextmanager
def _rows(path: Path, name: str, separator: str) -> Iterator[_Rows]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
        yield _Rows(iter(stream), name, separator)


@dataclass(frozen=True)
class _Look:
    separator: str
    headers: tuple[str, ...]
    even: bool

    @property
    def width(self) -> int:
        return len(self.headers)

    @staticmethod
    def at(path: Path, name: str, separator: str) -> "_Look":
        """A row that cannot be read ends the look; whoever reads all rows will say where and why."""
        seen: list[list[str]] = []
        with _rows(path, name, separator) as rows, suppress(BadTable):
            seen.extend(row for row in islice(rows, _LOOK_AT_ROWS) if row)
        header = seen[0] if seen else [""]
        return _Look(separator, tuple(header), even=all(len(row) == len(header) for row in seen))


def _require_text_start(chunk: bytes, name: str) -> None:
    if chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise BadTable(f"{name} is UTF-16, not UTF-8; convert it: iconv -f utf-16 -t utf-8 {name} > converted.csv")
    if chunk.startswith(_BINARY_STARTS):
        raise BadTable(f"{name} is a binary file, not text; unpack it or export it as CSV")


def _not_utf8(name: str, offset: int, line: int) -> BadTable:
    return BadTable(
        f"{name} is not UTF-8: byte {offset} (line {line}) does not fit; "
        f"convert it: iconv -f latin1 -t utf-8 {name} > converted.csv"
    )


def _ragged(name: str, line: int, found: int, dialect: Dialect) -> BadTable:
    separator = "tab" if dialect.separator == "\t" else dialect.separator
    return BadTable(
        f"{name}, line {line}: {found} fields where the header has {len(dialect.headers)} (separator: {separator}); "
        "correct the row, or put fields that contain the separator in double quotes"
    )
