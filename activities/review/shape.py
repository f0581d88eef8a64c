"""json.shape and table.shape: whether data has the fields, columns and rows that it should."""

import re
from collections.abc import Iterator
from itertools import islice

from pydantic import Field, JsonValue, field_validator

from activities.review.artifacts import Unfit, json_of
from activities.review.check import Check
from activities.review.intake import load_table
from activities.tools.data.tables import opened, quoted
from activities.tools.tool import ToolError, ToolInput, Workspace

_MOST_FAULTS = 20
_MOST_ITEMS = 100_000  # looked at per path
_STEP = re.compile(r"\[\]|[^.\[\]]+")
_PATH = re.compile(r"(\[\]|[^.\[\]=]+)(\[\]|\.[^.\[\]=]+)*")
_TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "list": (list,),
    "object": (dict,),
}


class JsonShapeInput(ToolInput):
    artifact: str = Field(description="name of a JSON artifact")
    required: tuple[str, ...] = Field(
        default=(),
        description="paths that must be there: names joined by dots, [] for every element of a list, such as title, "
        "totals.sales, regions[].name, or [].name if the whole is a list. A list that [] goes through must not be "
        "empty; name the list alone (regions) if it may be",
    )
    types: tuple[str, ...] = Field(
        default=(),
        description="path=type for values that must be of a type: text, number, integer, boolean, list or object, such "
        "as regions[].sales=number. A path named here must be there too; null is of no type",
    )

    @field_validator("required")
    @classmethod
    def _are_paths(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        for path in paths:
            if not _PATH.fullmatch(path):
                raise ValueError(f"{path!r} is no path; paths look like totals.sales or regions[].name")
        return paths

    @field_validator("types")
    @classmethod
    def _are_typed_paths(cls, types: tuple[str, ...]) -> tuple[str, ...]:
        for item in types:
            path, _, kind = item.partition("=")
            if not _PATH.fullmatch(path) or kind not in _TYPES:
                raise ValueError(f"{item!r} is not path=type; types are {', '.join(_TYPES)}")
        return types


class JsonShape(Check):
    name = "json.shape"
    description = (
        "The artifact is valid JSON, has all required fields, and these are of the types given. "
        "Says which field is missing where; does not judge values."
    )
    input_model = JsonShapeInput

    def run(self, arguments: ToolInput, workspace: Workspace) -> tuple[str, ...]:
        assert isinstance(arguments, JsonShapeInput)
        try:
            value = json_of(arguments.artifact, workspace)
        except Unfit as error:
            return (str(error),)
        wanted = {path: "" for path in arguments.required}
        wanted |= {path: kind for path, _, kind in (item.partition("=") for item in arguments.types)}
        faults = (fault for path, kind in wanted.items() for fault in islice(_faults_of_path(value, path, kind), 3))
        return tuple(f"{arguments.artifact}: {fault}" for fault in islice(faults, _MOST_FAULTS))


def _faults_of_path(root: JsonValue, path: str, kind: str) -> Iterator[str]:
    """One per place at which the path breaks off or its value is of another type."""
    here: list[tuple[str, JsonValue]] = [("", root)]
    for step in _STEP.findall(path):
        following: list[tuple[str, JsonValue]] = []
        for place, value in here:
            fault = _missing(step, place, value)
            if fault:
                yield f"{path} is missing: {fault}"
            else:
                following += islice(_inside(step, place, value), _MOST_ITEMS - len(following))
        here = following
    for place, value in here:
        if kind and not _is_a(kind, value):
            yield f"{place or 'the whole'} is {_kind_of(value)}, {kind} was expected"


def _missing(step: str, place: str, value: JsonValue) -> str:
    where = place or "the whole"
    if step == "[]":
        if not isinstance(value, list):
            return f"{where} is {_kind_of(value)}, not a list"
        return "" if value else f"{where} is an empty list"
    if not isinstance(value, dict):
        return f"{where} is {_kind_of(value)}, not an object"
    there = ", ".join(islice(value, 10)) or "nothing"
    return "" if step in value else f"{where} has no {step!r}; it has {there[:200]}"


def _inside(step: str, place: str, value: JsonValue) -> Iterator[tuple[str, JsonValue]]:
    if isinstance(value, list):
        yield from ((f"{place}[{i}]", item) for i, item in enumerate(value))
    elif isinstance(value, dict):
        yield (f"{place}.{step}" if place else step), value[step]


def _is_a(kind: str, value: JsonValue) -> bool:
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _kind_of(value: JsonValue) -> str:
    if value is None:
        return "null"
    return next(kind for kind in ("boolean", "text", "integer", "number", "list", "object") if _is_a(kind, value))


class TableShapeInput(ToolInput):
    artifact: str = Field(description="name of a table: .csv, .tsv, .json or .ndjson (records), .parquet or .xlsx")
    columns: tuple[str, ...] = Field(
        default=(),
        description="columns that must be there, as the header names them, without regard to case; in CSV and TSV "
        "in this order. The table may have others besides",
    )
    min_rows: int = Field(default=1, ge=0, description="the fewest rows, not counting the header")
    max_rows: int = Field(default=0, ge=0, description="the most rows; 0: as many as there are")
    no_missing: tuple[str, ...] = Field(default=(), description="columns in which no cell may be empty, NA or null")


class TableShape(Check):
    name = "table.shape"
    description = (
        "The artifact can be read as a table, has these columns and so many rows, and no missing cells where there may "
        "be none. Does not judge values."
    )
    input_model = TableShapeInput

    def run(self, arguments: ToolInput, workspace: Workspace) -> tuple[str, ...]:
        assert isinstance(arguments, TableShapeInput)
        try:
            return tuple(f"{arguments.artifact}: {fault}" for fault in _faults_of_table(arguments, workspace))
        except (Unfit, ToolError) as error:
            return (str(error),)


def _faults_of_table(asked: TableShapeInput, workspace: Workspace) -> Iterator[str]:
    path = workspace.path(asked.artifact)
    with opened([path], workspace) as db:
        columns = {column.name.casefold(): column.name for column in load_table(db, path, asked.artifact)}
        rows = int(str(db.one("SELECT count(*) FROM source")[0]))
        yield from _faults_of_columns(asked, columns)
        if rows < asked.min_rows:
            yield f"has {rows:,} rows, at least {asked.min_rows:,} were asked for"
        if asked.max_rows and rows > asked.max_rows:
            yield f"has {rows:,} rows, at most {asked.max_rows:,} were asked for"
        for name in asked.no_missing:
            column = columns.get(_plain(name))
            if column is None:
                yield f"has no column {name!r}, in which nothing may be missing"
                continue
            missing = int(str(db.one(f"SELECT count(*) - count({quoted(column)}) FROM source")[0]))
            if missing:
                yield f"{missing:,} of {rows:,} cells of {column!r} are missing"


def _faults_of_columns(asked: TableShapeInput, columns: dict[str, str]) -> Iterator[str]:
    missing = [name for name in asked.columns if _plain(name) not in columns]
    if missing:
        there = ", ".join(columns.values())[:300]
        yield from (f"has no column {name!r}; it has {there}" for name in missing[:_MOST_FAULTS])
        return
    wanted = [_plain(name) for name in asked.columns]
    order = [name for name in columns if name in wanted]
    if asked.artifact.lower().endswith((".csv", ".tsv")) and order != list(dict.fromkeys(wanted)):
        yield f"has the columns in the order {', '.join(order)}; {', '.join(asked.columns)} was asked for"


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()


CHECKS: tuple[type[Check], ...] = (JsonShape, TableShape)
