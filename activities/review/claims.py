"""claims.hold: every claim is recomputed from its source file, by a way of the verifier's own."""

from collections.abc import Iterator, Sequence
from itertools import islice
from math import isfinite

from pydantic import Field, ValidationError

from activities.review.check import Check
from activities.review.comparison import same, shows
from activities.review.recompute import best_labels, figure, group_means
from activities.review.recompute_series import SERIES, series
from activities.review.recompute_time import period_values
from activities.review.report import ReportFigures
from activities.review.sources import SourceDiffers, open_source, rows_of_text
from activities.tools.data.claim import Claim, Claims, Op, Source
from activities.tools.data.tables import Database, opened
from activities.tools.tool import ToolError, ToolInput, Workspace

Rows = Sequence[tuple[object, ...]]

_MOST_FAULTS = 20
_MOST_ROWS = 1000
_WHOLE_FILE = {Op.COLUMNS, Op.DUPLICATES, Op.MISSING_CELLS_SHARE}
_EXTREMES = {
    Op.GROUP_HIGHEST: True,
    Op.GROUP_LOWEST: False,
    Op.PERIOD_HIGHEST: True,
    Op.PERIOD_LOWEST: False,
}


class ClaimsHoldInput(ToolInput):
    claims: str = Field(description="name of a claims.json by document.render, or of an artifact of data.findings")


class ClaimsHold(Check):
    name = "claims.hold"
    description = "Recomputes every claim of an artifact (claims.json, or the findings of a part) from its source file."
    input_model = ClaimsHoldInput

    def run(self, arguments: ToolInput, workspace: Workspace) -> tuple[str, ...]:
        assert isinstance(arguments, ClaimsHoldInput)
        try:
            told = Claims.model_validate_json(workspace.read(arguments.claims))
        except ValidationError as error:
            return (f"{arguments.claims} is not a list of claims: {error.error_count()} fields do not fit",)
        return tuple(islice(_faults(told, workspace), _MOST_FAULTS))


def _faults(told: Claims, workspace: Workspace) -> Iterator[str]:
    sources = {source.file: source for source in told.sources}
    for claim in told.claims:
        if claim.file not in sources:
            yield f"{claim.id} is about {claim.file!r}, which is not among the sources"
    for number, source in enumerate(told.sources):
        workspace.progress(number / len(told.sources), f"recomputing the figures of {source.file}")
        yield from _faults_of_file(source, [claim for claim in told.claims if claim.file == source.file], workspace)


def _faults_of_file(source: Source, claims: list[Claim], workspace: Workspace) -> Iterator[str]:
    whole = any(claim.measure.op in _WHOLE_FILE for claim in claims)
    needed = set[str]().union(*(claim.measure.names() for claim in claims))
    unknown = needed - {column.name for column in source.columns}
    if unknown:
        yield f"{source.file} has no column {sorted(unknown)[0]!r}, which a claim is about"
        return
    try:
        path = workspace.path(source.file)
        with opened([path], workspace) as db:
            open_source(db, path, source, None if whole else needed)
            for claim in claims:
                yield from _faults_of_claim(db, claim, _text_rows(claim, source, workspace))
    except SourceDiffers as error:
        yield str(error)


def _text_rows(claim: Claim, source: Source, workspace: Workspace) -> int | None:
    """For the count of rows of a CSV file: by a second reader."""
    if claim.measure.op is not Op.ROWS or not source.delimiter:
        return None
    return rows_of_text(workspace.path(source.file), source)


def _faults_of_claim(db: Database, claim: Claim, text_rows: int | None) -> Iterator[str]:
    if claim.measure.op in SERIES:
        yield from _faults_of_series(db, claim)
    elif claim.measure.op in _EXTREMES:
        yield from _faults_of_extreme(db, claim)
    else:
        found = figure(db, claim.measure) if text_rows is None else text_rows
        if not same(claim.value, found):
            yield f"{claim.id}: the report's value is {claim.value!r}, the source says {found!r} ({_meaning(claim)})"
        elif not shows(claim, found):
            yield f"{claim.id}: the report shows {claim.display!r} for {found!r} ({_meaning(claim)})"
        yield from _faults_of_query(db, claim, found)


def _faults_of_extreme(db: Database, claim: Claim) -> Iterator[str]:
    m = claim.measure
    rows = group_means(db, m) if m.op in (Op.GROUP_HIGHEST, Op.GROUP_LOWEST) else period_values(db, m)
    best = best_labels(rows, highest=_EXTREMES[m.op])
    if claim.value not in best:
        yield f"{claim.id}: the report says {claim.value!r}, the source says {_any(best)!r} ({_meaning(claim)})"
        return
    if not shows(claim, claim.value):
        yield f"{claim.id}: the report shows {claim.display!r} for {claim.value!r} ({_meaning(claim)})"
    answer = _answer(db, claim)
    if isinstance(answer, str):
        yield answer
    elif len(answer) != 1 or answer[0][0] not in best:
        yield f"{claim.id}: its query gives {_short(answer)}, not {claim.value!r}"


def _faults_of_series(db: Database, claim: Claim) -> Iterator[str]:
    told = claim.value if isinstance(claim.value, tuple) else ()
    found = series(db, claim.measure)
    if claim.display:
        yield f"{claim.id}: a chart's data has no display, but the report gives {claim.display!r}"
    if len(told) != len(found):
        yield f"{claim.id}: the chart has {len(told)} points, the source gives {len(found)} ({_meaning(claim)})"
    else:
        yield from islice(_points_apart(claim, told, found), 1)
    answer = _answer(db, claim)
    if isinstance(answer, str):
        yield answer
    elif not _same_rows(answer, found):
        yield f"{claim.id}: its query does not give the chart's data ({_meaning(claim)})"


def _points_apart(claim: Claim, told: Rows, found: Rows) -> Iterator[str]:
    for ours, theirs in zip(told, found, strict=True):
        if not _same_rows([ours], [theirs]):
            yield f"{claim.id}: the chart has the point {ours!r}, the source says {theirs!r} ({_meaning(claim)})"


def _faults_of_query(db: Database, claim: Claim, found: object) -> Iterator[str]:
    answer = _answer(db, claim)
    if isinstance(answer, str):
        yield answer
    elif len(answer) != 1 or len(answer[0]) != 1 or not same(_plain(answer[0][0]), found):
        yield f"{claim.id}: its query gives {_short(answer)}, the source says {found!r} ({_meaning(claim)})"


def _answer(db: Database, claim: Claim) -> list[tuple[object, ...]] | str:
    """What the recorded query gives, or why it cannot be run."""
    try:
        if not db.is_single_select(claim.query) or "source" not in claim.query:
            return f"{claim.id}: its query is not one SELECT over the source"
        return db.rows(claim.query, _MOST_ROWS)
    except ToolError as error:
        return f"{claim.id}: its query fails: {error}"


def _same_rows(ours: Rows, theirs: Rows) -> bool:
    if len(ours) != len(theirs):
        return False
    return all(
        len(a) == len(b) and all(same(_plain(x), _plain(y)) for x, y in zip(a, b, strict=True))
        for a, b in zip(ours, theirs, strict=True)
    )


def _plain(value: object) -> object:
    if isinstance(value, float) and not isfinite(value):
        return None
    return value if value is None or isinstance(value, int | float | str) else str(value)


def _meaning(claim: Claim) -> str:
    m = claim.measure
    parts = [
        m.op.replace("_", " "),
        *(f"of {name}" for name in (m.column,) if name),
        *(f"by {n}" for n in (m.by,) if n),
    ]
    return " ".join([*parts, *([f"at {m.value}"] if m.value else []), f"in {claim.file}"])


def _short(answer: list[tuple[object, ...]]) -> str:
    text = repr(_plain(answer[0][0])) if len(answer) == 1 and answer[0] else f"{len(answer)} rows"
    return text if len(text) <= 80 else text[:80] + "…"


def _any(best: frozenset[str]) -> str | None:
    return min(best, default=None)


CHECKS: tuple[type[Check], ...] = (ClaimsHold, ReportFigures)
