"""Quality: what is missing, repeated, constant or of two minds."""

from activities.tools.data.claim import Kind, Measure, Op
from activities.tools.data.finding import Finding, Form, Table, cell, label, listing, say
from activities.tools.data.profile import ColumnProfile, Role
from activities.tools.data.study import Study, named, number
from activities.tools.data.tables import quoted

_MOST_ROWS = 12
_MOST_NAMED = 8
_MOST_COLUMNS = 200  # looked at for text that is nearly all numbers
_NOTABLE_MISSING = 0.05
_NEARLY = 0.9
_NEARLY_NUMBERS = "{} of the cells of {} are numbers, the others are not, so the column counts as text."


def quality(study: Study) -> list[Finding]:
    findings = [_missing(study), *_together(study), _duplicates(study), *_empty(study), *_constant(study)]
    return findings + _nearly_numbers(study)


def _missing(study: Study) -> Finding:
    gaps = sorted(
        (column for column in study.profile.columns if 0 < column.filled < column.rows),
        key=lambda column: (column.filled, column.name),
    )
    if not gaps:
        return Finding(importance=0.3, sentence=say("No column has gaps: a cell is missing nowhere, or everywhere."))
    worst = gaps[0]
    share = study.figure(Op.MISSING_SHARE, worst.name)
    return Finding(
        importance=0.75 if number(share) > _NOTABLE_MISSING else 0.35,
        sentence=say("Most is missing in {}: {} of its cells.", label(worst.name), share),
        table=Table(
            head=("Column", "Missing cells", "Share"),
            rows=tuple(
                (label(c.name), cell(study.figure(Op.MISSING, c.name)), cell(study.figure(Op.MISSING_SHARE, c.name)))
                for c in gaps[:_MOST_ROWS]
            ),
        ),
        charts=_missing_chart(study, gaps[:_MOST_ROWS]),
    )


def _missing_chart(study: Study, gaps: list[ColumnProfile]) -> tuple[str, ...]:
    if len(gaps) < 3:
        return ()
    series = study.series(Measure(op=Op.MISSING_BY_COLUMN, columns=tuple(column.name for column in gaps)))
    return (study.draw(Form.BARS, series, "Missing cells by column", "share of rows", "", percent=True),)


def _together(study: Study) -> list[Finding]:
    """Columns whose gaps lie in exactly the same rows: the largest such set."""
    sets: dict[int, list[ColumnProfile]] = {}
    for column in study.profile.columns:
        if 0 < column.filled < column.rows:
            sets.setdefault(column.filled, []).append(column)
    for columns in sorted(sets.values(), key=lambda columns: (-len(columns), columns[0].filled)):
        same = _same_gaps(study, columns[:_MOST_NAMED])
        if len(same) > 1:
            rows = study.figure(Op.BOTH_MISSING, same[1], same[0])
            words = "{} are missing in the same {} rows, so one cause is likely."
            return [Finding(importance=0.45, sentence=say(words, listing(same), rows))]
    return []


def _same_gaps(study: Study, columns: list[ColumnProfile]) -> tuple[str, ...]:
    """The first column, and those that are missing where it is, of columns with as many gaps."""
    first, *rest = columns
    missing = first.rows - first.filled
    both = {c.name: study.ledger.look(Measure(op=Op.BOTH_MISSING, column=c.name, by=first.name)) for c in rest}
    return (first.name, *(name for name, count in both.items() if count == missing))


def _duplicates(study: Study) -> Finding:
    count = study.figure(Op.DUPLICATES)
    if number(count) == 0:
        return Finding(importance=0.2, sentence=say("No row repeats another one in every column."))
    verb = named(int(number(count)), "row repeats", "rows repeat")
    return Finding(
        importance=0.7,
        sentence=say(f"{{}} {verb} an earlier row in every column.", count),
        more=say("Totals and averages count repeated rows each time."),
    )


def _empty(study: Study) -> list[Finding]:
    names = tuple(column.name for column in study.profile.of(Role.EMPTY))
    if not names:
        return []
    verb = named(len(names), "is", "are")
    return [Finding(importance=0.5, sentence=say(f"{{}} {verb} empty in every row.", listing(names, _MOST_NAMED)))]


def _constant(study: Study) -> list[Finding]:
    names = tuple(column.name for column in study.profile.of(Role.CONSTANT))
    if not names:
        return []
    verb = named(len(names), "has", "have")
    return [
        Finding(
            importance=0.3,
            sentence=say(f"{{}} {verb} one value throughout, and can tell no rows apart.", listing(names, _MOST_NAMED)),
        )
    ]


def _nearly_numbers(study: Study) -> list[Finding]:
    """Text columns in which a few cells keep the rest from being read as numbers."""
    findings = []
    for column in study.profile.columns[:_MOST_COLUMNS]:
        if column.column.kind is not Kind.TEXT or column.filled == 0 or column.role is Role.CONSTANT:
            continue
        name = quoted(column.name)
        share = study.db.one(f"SELECT count(TRY_CAST({name} AS DOUBLE)) / count({name}) FROM source")[0]
        if isinstance(share, float) and _NEARLY < share < 1:
            findings.append(_nearly_number(study, column))
    return findings


def _nearly_number(study: Study, column: ColumnProfile) -> Finding:
    return Finding(
        importance=0.65,
        sentence=say(_NEARLY_NUMBERS, study.figure(Op.NUMERIC_SHARE, column.name), label(column.name)),
        more=say("Correct the odd cells, or mark them as missing, to have it analysed as a quantity."),
    )
