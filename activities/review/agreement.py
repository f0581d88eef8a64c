"""query.agrees: what a query over the source files gives stands in the text."""

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from math import isfinite

from pydantic import Field, field_validator, model_validator

from activities.review.artifacts import Unfit, text_of
from activities.review.check import Check
from activities.review.figures import Figure, figures_in
from activities.review.intake import load_table
from activities.review.prose import document_of
from activities.tools.data.tables import Row, opened
from activities.tools.tool import ToolError, ToolInput, Workspace

_MOST_ROWS = 20
_MOST_FAULTS = 20
_TABLE = re.compile(r"[A-Za-z_]\w{0,60}")


class QueryAgreesInput(ToolInput):
    artifact: str = Field(description="name of the Markdown, HTML or text artifact that must state the values")
    file: str = Field(default="", description="the source table, called `source` in the query. Either this or `tables`")
    tables: tuple[str, ...] = Field(
        default=(), description="for a query over several tables: name=file for each, such as sales=sales.csv"
    )
    sql: str = Field(
        max_length=20_000,
        description="one SELECT in DuckDB's dialect that gives 1 to 20 rows, every value of which must stand in the "
        "text, such as SELECT round(avg(price), 2) FROM source. Select only what the text is told to state; no NULL",
    )
    tolerance: float = Field(
        default=0.0,
        ge=0,
        le=0.5,
        description="by which share a number may be off besides rounding; 0.01: one per cent",
    )

    @field_validator("tables")
    @classmethod
    def _are_tables(cls, tables: tuple[str, ...]) -> tuple[str, ...]:
        for item in tables:
            table, _, file = item.partition("=")
            if not _TABLE.fullmatch(table.strip()) or not file.strip():
                raise ValueError(f"{item!r} is not name=file, such as sales=sales.csv")
        return tables

    @model_validator(mode="after")
    def _some_file(self) -> "QueryAgreesInput":
        if bool(self.file) == bool(self.tables):
            raise ValueError("give either file, or tables")
        return self

    def sources(self) -> dict[str, str]:
        if self.file:
            return {"source": self.file}
        pairs = (item.partition("=") for item in self.tables)
        return {table.strip(): file.strip() for table, _, file in pairs}


class QueryAgrees(Check):
    name = "query.agrees"
    description = (
        "Runs one SELECT over the source files, read anew, and requires that every value of its 1 to 20 rows stands in "
        "the artifact's text: numbers as figures, rounded to the digits shown there, a share also as a per cent; texts "
        "without regard to case; dates as 2024-01-31 or 31 January 2024. It does not check which value stands where."
    )
    input_model = QueryAgreesInput

    def run(self, arguments: ToolInput, workspace: Workspace) -> tuple[str, ...]:
        assert isinstance(arguments, QueryAgreesInput)
        try:
            text = document_of(text_of(arguments.artifact, workspace), arguments.artifact).words()
            names, rows = _answer(arguments, workspace)
        except (Unfit, ToolError) as error:
            return (str(error),)
        told = _Told(arguments.artifact, text, arguments.tolerance)
        faults = (fault for row in rows for fault in told.faults(names, row, several=len(rows) > 1))
        return tuple(islice(faults, _MOST_FAULTS))


def _answer(asked: QueryAgreesInput, workspace: Workspace) -> tuple[tuple[str, ...], list[Row]]:
    """Raises Unfit for a query that cannot be used."""
    paths = {table: workspace.path(file) for table, file in asked.sources().items()}
    with opened(list(paths.values()), workspace) as db:
        for table, file in asked.sources().items():
            load_table(db, paths[table], file, table)
        try:
            if not db.is_single_select(asked.sql):
                raise Unfit("the check's query is not one SELECT")
            names, rows = db.table(asked.sql, _MOST_ROWS + 1)
        except ToolError as error:
            raise Unfit(f"the check's query fails: {error}") from error
    if not rows:
        raise Unfit("the check's query gives no row, so there is nothing to compare")
    if len(rows) > _MOST_ROWS:
        raise Unfit(f"the check's query gives more than {_MOST_ROWS} rows; select fewer")
    return names, rows


class _Told:
    """What the text says."""

    def __init__(self, artifact: str, text: str, tolerance: float) -> None:
        self._artifact = artifact
        self._text = " ".join(text.split()).casefold()
        self._figures = list(figures_in(text))
        self._tolerance = tolerance

    def faults(self, names: Sequence[str], row: Row, several: bool) -> Iterator[str]:
        about = ", ".join(str(value) for value in row if isinstance(value, str))[:100]
        where = f" (row of {about})" if several and about else ""
        for name, value in zip(names, row, strict=True):
            if value is None or (isinstance(value, float) and not isfinite(value)):
                yield f"the check's query gives no value for {name!r}{where}; it must not give NULL"
            elif not self._says(value):
                yield f"{self._artifact} does not say {_shown(value)}, which the source gives for {name[:100]!r}{where}"

    def _says(self, value: object) -> bool:
        match value:
            case bool():
                return self._has(str(value))
            case int() | float() | Decimal():
                return any(_is_shown(figure, float(value), self._tolerance) for figure in self._figures)
            case datetime() if (value.hour, value.minute, value.second) != (0, 0, 0):
                return self._has(f"{value:%Y-%m-%d %H:%M}") or self._has(f"{value:%Y-%m-%dT%H:%M}")
            case date():
                return any(map(self._has, _dates(value)))
            case _:
                return self._has(str(value))

    def _has(self, words: str) -> bool:
        wanted = re.escape(" ".join(words.split()).casefold())
        return re.search(rf"(?<!\w){wanted}(?!\w)", self._text) is not None


def _is_shown(figure: Figure, value: float, tolerance: float) -> bool:
    """A lone digit and a nought must be exact: any text has some that are near."""
    if figure.small or figure.value == 0:
        return abs(figure.value - value) <= max(1e-9, tolerance * abs(value))
    return figure.shows(value, tolerance)


def _dates(day: date) -> tuple[str, ...]:
    month, short = f"{day:%B}", f"{day:%b}"
    forms = (f"{day.day} {month} {day.year}", f"{month} {day.day}, {day.year}")
    return (f"{day:%Y-%m-%d}", *forms, *(form.replace(month, short) for form in forms))


def _shown(value: object) -> str:
    if isinstance(value, float | Decimal):
        return f"{value:.10g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else repr(str(value)[:100])


CHECKS: tuple[type[Check], ...] = (QueryAgrees,)
