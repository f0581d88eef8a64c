"""Overview: how large the file is, what time it covers, and what its columns are."""

from activities.tools.data.claim import Measure, Op, Unit
from activities.tools.data.finding import Finding, Piece, Table, cell, label, say
from activities.tools.data.profile import ColumnProfile, Role
from activities.tools.data.study import Study

_MOST_COLUMNS = 40
_WORDS = {
    Role.MEASURE: "quantity",
    Role.CATEGORY: "category",
    Role.CALENDAR: "calendar number",
    Role.TIME: "time",
    Role.CODE: "code",
    Role.IDENTIFIER: "identifier",
    Role.TEXT: "text",
    Role.CONSTANT: "constant",
    Role.EMPTY: "empty",
}


def overview(study: Study) -> list[Finding]:
    findings = [_size(study)]
    findings += [_period(study, column) for column in study.profile.of(Role.TIME)[:1]]
    findings.append(_columns(study))
    return findings


def _size(study: Study) -> Finding:
    rows, columns = study.figure(Op.ROWS), study.figure(Op.COLUMNS)
    return Finding(
        importance=0.5,
        sentence=say("{} has {} rows and {} columns.", label(study.source.file), rows, columns),
        more=say("{} of all cells are missing.", study.figure(Op.MISSING_CELLS_SHARE)),
    )


def _period(study: Study, column: ColumnProfile) -> Finding:
    first, last = study.figure(Op.MIN, column.name), study.figure(Op.MAX, column.name)
    return Finding(importance=0.4, sentence=say("By {}, it covers {} to {}.", label(column.name), first, last))


def _columns(study: Study) -> Finding:
    shown = study.profile.columns[:_MOST_COLUMNS]
    rest = len(study.profile.columns) - len(shown)
    return Finding(
        importance=0.1,
        sentence=say("What each column holds, as far as its values tell:"),
        more=say("Only the first columns are listed; the others are counted above.") if rest else (),
        table=Table(
            head=("Column", "Reads as", "Missing", "Different values", "Lowest or first", "Highest or last"),
            rows=tuple(_row(study, column) for column in shown),
        ),
    )


def _row(study: Study, column: ColumnProfile) -> tuple[Piece, ...]:
    distinct = study.figure(Op.DISTINCT, column.name)
    missing = study.figure(Op.MISSING_SHARE, column.name)
    return (label(column.name), Piece(text=_WORDS[column.role]), cell(missing), cell(distinct), *_range(study, column))


def _range(study: Study, column: ColumnProfile) -> tuple[Piece, Piece]:
    if column.filled == 0 or not (column.column.numeric or column.column.temporal):
        return Piece(text="–"), Piece(text="–")
    names = column.role in (Role.CALENDAR, Role.CODE, Role.IDENTIFIER, Role.CONSTANT)
    unit = Unit.CODE if names and column.column.numeric else None
    lowest, highest = (study.ledger.tell(Measure(op=op, column=column.name), unit=unit) for op in (Op.MIN, Op.MAX))
    return cell(lowest), cell(highest)
