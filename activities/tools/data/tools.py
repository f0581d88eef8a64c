"""The data tools: data.profile, data.findings and data.query."""

import csv
import io
import json
from collections.abc import Mapping

from pydantic import Field, model_validator

from activities.tools.data.analysis import findings_of
from activities.tools.data.claim import Source
from activities.tools.data.description import describe
from activities.tools.data.display import settled
from activities.tools.data.excerpts import excerpt_of_description, excerpt_of_findings, excerpt_of_rows
from activities.tools.data.finding import Aspect
from activities.tools.data.loading import load
from activities.tools.data.tables import Database, Row, opened, quoted
from activities.tools.excerpts import shortened
from activities.tools.tool import Effect, Tool, ToolError, ToolInput, ToolResult, Workspace

_FILE = (
    "name of a table as file.list shows it; ends in .csv, .tsv, .parquet, .json, .ndjson, .jsonl or .xlsx (first sheet)"
)
_MOST_TABLES_SAID = 1000  # characters


class ProfileInput(ToolInput):
    file: str = Field(description=_FILE)
    artifact: str = Field(description="where the profile goes: a relative path ending in .json")


class DataProfile(Tool):
    name = "data.profile"
    description = (
        "Describes every column of a table: kind (integer, number, date, timestamp, text), missing cells, different "
        "values, range, mean, median, most frequent values. Call it before writing a query over an unknown file."
    )
    input_model = ProfileInput
    effect = Effect.WRITE

    def run(self, arguments: ToolInput, workspace: Workspace) -> ToolResult:
        assert isinstance(arguments, ProfileInput)
        description = describe(workspace.path(arguments.file), arguments.file, workspace)
        workspace.write(arguments.artifact, description.model_dump_json(indent=1).encode(), "application/json")
        return ToolResult(
            summary=f"profiled {arguments.file}: {description.rows:,} rows, {len(description.columns)} columns"[:300],
            content=excerpt_of_description(description, arguments.artifact),
        )


class FindingsInput(ToolInput):
    file: str = Field(description=_FILE)
    aspect: Aspect = Field(
        description="overview: size and columns; quality: missing and repeated data; distributions: of numbers and "
        "categories; groups: means by category; trends: over time, if there is a date column; associations: "
        "correlations; outliers: values far from the rest"
    )
    artifact: str = Field(description="where the findings go: a relative path ending in .json")


class DataFindings(Tool):
    name = "data.findings"
    description = (
        "Computes what matters in one aspect of a table and writes it down as sentences and charts, with a "
        "recomputable claim for every figure. chart.render draws its charts, document.render makes a report of several."
    )
    input_model = FindingsInput
    effect = Effect.WRITE

    def run(self, arguments: ToolInput, workspace: Workspace) -> ToolResult:
        assert isinstance(arguments, FindingsInput)
        found = findings_of(workspace.path(arguments.file), arguments.file, arguments.aspect, workspace)
        workspace.write(arguments.artifact, found.model_dump_json(indent=1).encode(), "application/json")
        counts = f"{len(found.findings)} findings, {len(found.claims)} claims, {len(found.charts)} charts"
        return ToolResult(
            summary=f"{arguments.aspect} of {arguments.file}: {counts}"[:300],
            content=excerpt_of_findings(found, arguments.artifact),
        )


class QueryInput(ToolInput):
    file: str = Field(default="", description=f"{_FILE}. The query calls its table `source`. Either this or `files`")
    files: dict[str, str] = Field(
        default={},
        description="for a query over several tables: an object from the name that the query uses to the file, such as "
        '{"sales": "sales.csv", "shops": "shops.xlsx"}',
    )
    sql: str = Field(
        max_length=20_000,
        description="one SELECT (or WITH … SELECT) in DuckDB's dialect, over `source` or the names in `files`, such as "
        "SELECT region, avg(price) AS mean_price FROM source GROUP BY region ORDER BY region. Put names with spaces "
        "or signs in double quotes, texts in single quotes; give every computed column a name with AS",
    )
    artifact: str = Field(
        default="",
        description="keeps the rows under this name: a relative path ending in .csv or .json; empty: nothing is kept",
    )
    limit: int = Field(default=10_000, ge=1, le=1_000_000, description="how many rows to take and keep at most")

    @model_validator(mode="after")
    def _some_file(self) -> "QueryInput":
        if bool(self.file) == bool(self.files):
            raise ValueError("give either file, or files")
        if self.artifact and not self.artifact.endswith((".csv", ".json")):
            raise ValueError("the artifact's name must end in .csv or .json")
        return self


class DataQuery(Tool):
    name = "data.query"
    description = (
        "Runs one SELECT in DuckDB's dialect over CSV, TSV, Parquet, JSON or Excel files, shows the first 50 rows and, "
        "if `artifact` is given, keeps all rows as CSV or JSON. Columns are called as in the file's header and are "
        "BIGINT, DOUBLE, DATE, TIMESTAMP or VARCHAR; empty cells and NA are NULL. Nothing else can be read."
    )
    input_model = QueryInput
    effect = Effect.WRITE

    def run(self, arguments: ToolInput, workspace: Workspace) -> ToolResult:
        assert isinstance(arguments, QueryInput)
        tables = arguments.files or {"source": arguments.file}
        paths = {table: workspace.path(file) for table, file in tables.items()}
        with opened(list(paths.values()), workspace) as db:
            sources = {table: load(db, path, tables[table], table) for table, path in paths.items()}
            names, rows = _answer(db, arguments, sources)
        return _result(arguments, names, rows, workspace)


def _answer(db: Database, arguments: QueryInput, sources: Mapping[str, Source]) -> tuple[tuple[str, ...], list[Row]]:
    try:
        if db.is_single_select(arguments.sql):
            return db.table(arguments.sql, arguments.limit + 1)
    except ToolError as error:
        raise ToolError(f"{error}\n\n{_tables_said(sources)}") from error
    raise ToolError(
        "the query must be one SELECT statement (it may begin with WITH): nothing can be changed, loaded or set; "
        "ask one question per call"
    )


def _tables_said(sources: Mapping[str, Source]) -> str:
    """What there is to query, for whoever got a name wrong."""
    tables = (
        f"{quoted(table)} ({', '.join(f'{quoted(column.name)} {column.kind}' for column in source.columns)})"
        for table, source in sources.items()
    )
    return shortened(f"The tables and their columns are: {'; '.join(tables)}", _MOST_TABLES_SAID)


def _result(arguments: QueryInput, names: tuple[str, ...], rows: list[Row], workspace: Workspace) -> ToolResult:
    kept = rows[: arguments.limit]
    _keep(arguments.artifact, names, kept, workspace)
    where = f" in {arguments.artifact}" if arguments.artifact else ""
    more = "; the query has more, which are left out" if len(rows) > len(kept) else ""
    return ToolResult(
        summary=f"{len(kept):,} rows{where}{more}"[:300],
        content=excerpt_of_rows(names, kept, more=len(rows) > len(kept)),
    )


def _keep(artifact: str, names: tuple[str, ...], rows: list[Row], workspace: Workspace) -> None:
    if artifact.endswith(".csv"):
        workspace.write(artifact, _as_csv(names, rows), "text/csv")
    elif artifact:
        workspace.write(artifact, _as_json(names, rows), "application/json")


def _as_csv(names: tuple[str, ...], rows: list[Row]) -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    return stream.getvalue().encode()


def _as_json(names: tuple[str, ...], rows: list[Row]) -> bytes:
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ToolError(f"two columns are called {twice!r}; give one of them another name with AS")
    records = [dict(zip(names, map(settled, row), strict=True)) for row in rows]
    return json.dumps(records, ensure_ascii=False, indent=1, allow_nan=False).encode()
