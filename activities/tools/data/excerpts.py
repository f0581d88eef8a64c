"""Rows, profiles and findings as a model that called the tool sees them."""

import csv
import io
from collections.abc import Iterator, Sequence

from activities.tools.data.claim import Cell, Claim
from activities.tools.data.description import ColumnDescription, Description
from activities.tools.data.display import settled
from activities.tools.data.finding import Finding, Findings, Piece, Table
from activities.tools.data.tables import Row
from activities.tools.excerpts import excerpt, lines_that_fit, shortened

_MOST_ROWS = 50
_LONGEST_CELL = 300
_TOP = 5
_LONGEST_VALUE = 40
_TABLE_ROWS = 12


def excerpt_of_rows(names: Sequence[str], rows: Sequence[Row], more: bool) -> str:
    """Header and first rows as CSV, and how many rows there are; `more`: the query gave more than were kept."""
    lines = [_csv_line(names), *(_csv_line(map(_cell, row)) for row in rows[:_MOST_ROWS])]
    kept = lines_that_fit(lines)
    shown = max(len(kept) - 1, 0)
    total = f"the first {len(rows):,} rows of more (see `limit`)" if more else f"{len(rows):,} rows"
    part = "" if shown == len(rows) else f", of which the first {shown} are shown"
    return "\n".join([*kept, f"[{total}{part}; an empty cell is NULL]"])


def excerpt_of_description(description: Description, artifact: str) -> str:
    head = f"{description.file}: {description.rows:,} rows, {description.duplicate_rows:,} of them repeat another row"
    lines = [head, *map(_column_line, description.columns)]
    return excerpt(lines, f"all columns are in {artifact}")


def excerpt_of_findings(found: Findings, artifact: str) -> str:
    claims = {claim.id: claim for claim in found.claims}
    lines = [line for finding in found.findings for line in _finding_lines(finding, claims)]
    charts = [f"chart {chart.id}: {chart.title} ({chart.y_title} by {chart.x_title})" for chart in found.charts]
    return excerpt([f"{found.heading}: {found.file}", *lines, *charts], f"all of it is in {artifact}")


def _csv_line(cells: Sequence[str] | Iterator[str]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="").writerow(cells)
    return stream.getvalue()


def _cell(value: object) -> str:
    kept = settled(value)
    return "" if kept is None else shortened(str(kept), _LONGEST_CELL)


def _column_line(column: ColumnDescription) -> str:
    parts = [f"{column.missing:,} missing, {column.distinct:,} different"]
    if column.minimum is not None:
        parts.append(f"from {_value(column.minimum)} to {_value(column.maximum)}")
    if column.numbers:
        median = _value(column.numbers.quantiles.get("0.5"))
        parts.append(f"mean {_value(column.numbers.mean)}, median {median}")
    if column.top:
        often = ", ".join(f"{_value(value)} ({count:,})" for value, count in column.top[:_TOP])
        parts.append(f"most often {often}")
    return f"{column.name} ({column.kind}, {column.role}): {'; '.join(parts)}"


def _value(value: Cell) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return "–" if value is None else shortened(str(value), _LONGEST_VALUE)


def _finding_lines(finding: Finding, claims: dict[str, Claim]) -> Iterator[str]:
    yield "- " + " ".join(filter(None, (_said(finding.sentence, claims), _said(finding.more, claims))))
    if finding.table:
        yield from _table_lines(finding.table, claims)


def _table_lines(table: Table, claims: dict[str, Claim]) -> Iterator[str]:
    yield "  " + _csv_line(table.head)
    for row in table.rows[:_TABLE_ROWS]:
        yield "  " + _csv_line([_said((piece,), claims) for piece in row])
    if len(table.rows) > _TABLE_ROWS:
        yield f"  [{len(table.rows) - _TABLE_ROWS:,} more rows]"


def _said(pieces: Sequence[Piece], claims: dict[str, Claim]) -> str:
    return "".join(claims[piece.claim].display if piece.claim else piece.label or piece.text for piece in pieces)
