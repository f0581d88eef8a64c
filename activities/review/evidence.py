"""Where a figure of a text can come from: the numbers of tables, of JSON and of other texts."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from math import isfinite

from pydantic import JsonValue

from activities.review.artifacts import Unfit, json_of, text_of
from activities.review.figures import Figure, figures_in
from activities.review.intake import TABLES, load_table
from activities.review.prose import document_of
from activities.tools.data.claim import Column
from activities.tools.data.tables import Database, literal, opened, quoted
from activities.tools.tool import Workspace

MOST_ROWS_WITH_CELLS = 5000
_MOST_TEXTS = 50_000  # different cells of a text column that are read for figures
_MOST_NUMBERS = 500_000  # of a JSON artifact
_RECORDS = (".csv", ".tsv", ".parquet", ".xlsx", ".ndjson", ".jsonl")


def unproven(figures: Sequence[Figure], name: str, workspace: Workspace) -> list[Figure]:
    """Those of the figures that the source does not show. Raises Unfit when it cannot be read."""
    suffix = name.lower()
    if suffix.endswith(".json"):
        left = _left(figures, _numbers_of_json(json_of(name, workspace)))
        return _unproven_by_records(left, name, workspace)
    if suffix.endswith(_RECORDS):
        return _unproven_by_table(figures, name, workspace)
    return _left(figures, _numbers_of_text(document_of(text_of(name, workspace), name).words()))


def _left(figures: Iterable[Figure], numbers: Iterable[float]) -> list[Figure]:
    """What no number accounts for. Each different number is looked at once per figure."""
    different = sorted({number for number in numbers if isfinite(number)})
    return [figure for figure in figures if not _any_within(different, figure)]


def _any_within(numbers: Sequence[float], figure: Figure) -> bool:
    for low, high in figure.ranges():
        at = bisect_left(numbers, low)
        if at < len(numbers) and numbers[at] <= high:
            return True
    return False


def _numbers_of_json(root: JsonValue) -> Iterator[float]:
    """Numbers, figures in texts, and how long lists are. Without recursion: it may be nested deeply."""
    return islice(_all_numbers(root), _MOST_NUMBERS)


def _all_numbers(root: JsonValue) -> Iterator[float]:
    waiting = [root]
    while waiting:
        match waiting.pop():
            case bool() | None:
                pass
            case int() | float() as number:
                yield _as_float(number)
            case str() as text:
                yield from _numbers_of_text(text)
            case list() as items:
                yield float(len(items))
                waiting += items
            case dict() as fields:
                waiting += fields.values()


def _as_float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return float("inf")


def _numbers_of_text(text: str) -> Iterator[float]:
    """As they are, and what a per cent stands for is found as a per cent again."""
    return (figure.value for figure in figures_in(text))


def _unproven_by_records(figures: list[Figure], name: str, workspace: Workspace) -> list[Figure]:
    """JSON that is a list of records is also a table, with totals; other JSON is not."""
    try:
        return _unproven_by_table(figures, name, workspace) if figures else figures
    except Unfit:
        return figures


def _unproven_by_table(figures: Sequence[Figure], name: str, workspace: Workspace) -> list[Figure]:
    assert name.lower().endswith(TABLES)
    path = workspace.path(name)
    with opened([path], workspace) as db:
        columns = load_table(db, path, name)
        rows = int(str(db.one("SELECT count(*) FROM source")[0]))
        left = _left(figures, [float(rows), float(len(columns)), *_totals(db, columns)])
        for column in columns if rows <= MOST_ROWS_WITH_CELLS else ():
            if left:
                left = _left(left, _cells(db, column))
    return left


def _totals(db: Database, columns: Sequence[Column]) -> Iterator[float]:
    for column in columns:
        name = quoted(column.name)
        counts = (f"count({name})", f"count(*) - count({name})", f"count(DISTINCT {name})")
        asked = [*counts, f"1 - count({name}) / count(*)"]
        if column.numeric:
            asked += [f"{function}({name})" for function in ("sum", "avg", "median", "min", "max", "stddev_samp")]
        yield from _filled(db.one(f"SELECT {', '.join(asked)} FROM source"))


def _cells(db: Database, column: Column) -> Iterator[float]:
    name = quoted(column.name)
    if column.numeric:
        yield from _filled(value for (value,) in db.rows(f"SELECT DISTINCT {name} FROM source"))
    elif not column.temporal:
        has_digit = f"regexp_matches({name}, {literal('[0-9]')})"
        for (text,) in db.rows(f"SELECT DISTINCT {name} FROM source WHERE {has_digit}", _MOST_TEXTS):
            yield from _numbers_of_text(str(text))


def _filled(values: Iterable[object]) -> Iterator[float]:
    return (float(str(value)) for value in values if value is not None)
