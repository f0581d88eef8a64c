"""The data tools: data.profile, data.findings and data.query."""

import csv
import io
import json

from pydantic import Field, model_validator

from activities.tools.data.analysis import findings_of
from activities.tools.data.description import describe
from activities.tools.data.display import settled
from activities.tools.data.finding import Aspect
from activities.tools.data.loading import load
from activities.tools.data.tables import Row, opened
from activities.tools.tool import Effect, Tool, ToolError, ToolInput, ToolResult, Workspace


class ProfileInput(ToolInput):
    file: str
    artifact: str = Field(description="the profile's name, ending in .json")


class DataProfile(Tool):
    name = "data.profile"
    description = "Describes every column of a table: kind, gaps, different values, quantiles, most frequent values."
    input_model = ProfileInput
    effect = Effect.WRITE

    def run(self, arguments: ToolInput, workspace: Workspace) -> ToolResult:
        assert isinstance(arguments, ProfileInput)
        description = describe(workspace.path(arguments.file), arguments.file, workspace)
        workspace.write(arguments.artifact, description.model_dump_json(indent=1).encode(), "application/json")
        return ToolResult(
            summary=f"profiled {arguments.file}: {description.rows:,} rows, {len(description.columns)} columns"[:300]
        )


class FindingsInput(ToolInput):
    file: str
    aspect: Aspect
    artifact: str = Field(description="the findings' name, ending in .json")


class DataFindings(Tool):
    name = "data.findings"
    description = "Finds what matters in one aspect of a table and writes it down, with a claim for every figure."
    input_model = FindingsInput
    effect = Effect.WRITE

    def run(self, arguments: ToolInput, workspace: Workspace) -> ToolResult:
        assert isinstance(arguments, FindingsInput)
        found = findings_of(workspace.path(arguments.file), arguments.file, arguments.aspect, workspace)
        workspace.write(arguments.artifact, found.model_dump_json(indent=1).encode(), "application/json")
        counts = f"{len(found.findings)} findings, {len(found.claims)} claims, {len(found.charts)} charts"
        return ToolResult(summary=f"{arguments.aspect} of {arguments.file}: {counts}"[:300])


class QueryInput(ToolInput):
    file: str = Field(default="", description="a file, which the query calls source")
    files: dict[str, str] = Field(default={}, description="table name → file, for a query over several")
    sql: str = Field(max_length=20_000, description="one SELECT, in DuckDB's dialect")
    artifact: str = Field(description="where the rows go: a name that ends in .csv or .json")
    limit: int = Field(default=10_000, ge=1, le=1_000_000, description="rows at most")

    @model_validator(mode="after")
    def _some_file(self) -> "QueryInput":
        if bool(self.file) == bool(self.files):
            raise ValueError("give either file, or files")
        if not self.artifact.endswith((".csv", ".json")):
            raise ValueError("the artifact's name must end in .csv or .json")
        return self


class DataQuery(Tool):
    name = "data.query"
    description = "Runs one SELECT over CSV, TSV, Parquet, JSON or Excel files and writes the rows as CSV or JSON."
    input_model = QueryInput
    effect = Effect.WRITE

    def run(self, arguments: ToolInput, workspace: Workspace) -> ToolResult:
        assert isinstance(arguments, QueryInput)
        tables = arguments.files or {"source": arguments.file}
        paths = {table: workspace.path(file) for table, file in tables.items()}
        with opened(list(paths.values()), workspace) as db:
            for table, path in paths.items():
                load(db, path, tables[table], table)
            if not db.is_single_select(arguments.sql):
                raise ToolError("the query must be one SELECT statement")
            names, rows = db.table(arguments.sql, arguments.limit + 1)
        return _keep(arguments, names, rows, workspace)


def _keep(arguments: QueryInput, names: tuple[str, ...], rows: list[Row], workspace: Workspace) -> ToolResult:
    kept = rows[: arguments.limit]
    if arguments.artifact.endswith(".csv"):
        workspace.write(arguments.artifact, _as_csv(names, kept), "text/csv")
    else:
        workspace.write(arguments.artifact, _as_json(names, kept), "application/json")
    more = "; the query has more, which are left out" if len(rows) > len(kept) else ""
    return ToolResult(summary=f"{len(kept):,} rows in {arguments.artifact}{more}"[:300])


def _as_csv(names: tuple[str, ...], rows: list[Row]) -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    return stream.getvalue().encode()


def _as_json(names: tuple[str, ...], rows: list[Row]) -> bytes:
    records = [dict(zip(names, map(settled, row), strict=True)) for row in rows]
    return json.dumps(records, ensure_ascii=False, indent=1, allow_nan=False).encode()
