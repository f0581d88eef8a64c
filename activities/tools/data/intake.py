"""What a file is before any work is done on it, and one clear sentence when it is not a table."""

from pathlib import Path

from pydantic import Field

from activities.tools.data.claim import Frozen
from activities.tools.data.delimited import BadTable, count_rows, dialect_of, one_column, require_text
from activities.tools.data.headers import cleaned, names_for, warnings_for
from activities.tools.data.loading import kinds_of
from activities.tools.data.relations import DELIMITED, SUPPORTED, Relation, relation_of
from activities.tools.data.tables import opened


class TableFacts(Frozen):
    name: str
    rows: int
    columns: tuple[tuple[str, str], ...] = Field(description="name and kind of each")
    warnings: tuple[str, ...] = ()


def inspect_table(path: Path, name: str, single_column: bool = False) -> TableFacts:
    """Reads the whole file, streaming. Raises BadTable with what is wrong, where, and what to do."""
    _require_file(path, name)
    counted = _require_rows_of_text(path, name, single_column) if path.suffix.lower() in DELIMITED else None
    with opened([path]) as db:
        relation = relation_of(db, path, name)
        _require_columns(relation, name, single_column)
        kinds = kinds_of(db, relation, name)
        rows = int(str(db.one(f"SELECT count(*) FROM ({relation.select})")[0]))
    if rows == 0 or counted == 0:
        raise BadTable(f"{name} has a header but no rows")
    if counted not in (None, rows):
        raise BadTable(f"{name} reads as {rows} rows by one reader and {counted} by another; put its texts in quotes")
    names = names_for(relation.headers)
    return TableFacts(
        name=name,
        rows=rows,
        columns=tuple((column, str(kind)) for column, kind in zip(names, kinds, strict=True)),
        warnings=warnings_for(relation.headers, names),
    )


def _require_file(path: Path, name: str) -> None:
    if path.is_dir():
        raise BadTable(f"{name} is a folder; name the files in it instead")
    if not path.exists():
        raise BadTable(f"{name} does not exist; look at the spelling of the path")
    if path.suffix.lower() not in SUPPORTED:
        raise BadTable(f"{name} ends in {path.suffix!r}; supported are {', '.join(SUPPORTED)}")
    if path.stat().st_size == 0:
        raise BadTable(f"{name} is empty; it needs a header line and at least one row")


def _require_rows_of_text(path: Path, name: str, single_column: bool) -> int:
    """How many there are, by a reader of our own."""
    require_text(path, name)
    dialect = dialect_of(path, name)
    if len(dialect.headers) == 1 and not single_column:
        raise one_column(name, cleaned(dialect.headers[0]), path)
    return count_rows(path, name, dialect)


def _require_columns(relation: Relation, name: str, single_column: bool) -> None:
    if len(relation.headers) == 1 and not single_column:
        only = cleaned(relation.headers[0])
        raise BadTable(f"{name} has a single column, {only!r}; if that is right, add --input single_column=true")
