"""The only door to DuckDB: a database in a temporary folder that sees the given files and nothing else."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import BoundedSemaphore

import duckdb

from activities.tools.tool import ToolCancelled, ToolError, Workspace

Row = tuple[object, ...]

_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": 2,
    "memory_limit": "320MB",
    "max_temp_directory_size": "8GB",
    "preserve_insertion_order": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",  # else SQL can read the caller's Python variables
}
# A host runs steps in parallel, and each database may fill its memory limit.
_AT_ONCE = BoundedSemaphore(2)
_LOOK_UP_SECONDS = 0.5
_LONGEST_MESSAGE = 500


class Database:
    """A locked-down DuckDB connection. SQL errors come out as ToolError, an interruption as ToolCancelled."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
        self._connection = connection
        self.folder = folder

    def run(self, sql: str) -> None:
        self.rows(sql)

    def rows(self, sql: str, most: int | None = None) -> list[Row]:
        """All rows, or the first `most`."""
        return self.table(sql, most)[1]

    def one(self, sql: str) -> Row:
        """The first row."""
        return self.rows(sql, 1)[0]

    def table(self, sql: str, most: int | None = None) -> tuple[tuple[str, ...], list[Row]]:
        """Column names and rows."""
        try:
            cursor = self._connection.execute(sql)
            rows = cursor.fetchall() if most is None else cursor.fetchmany(most)
        except duckdb.InterruptException as error:
            raise ToolCancelled("the query was interrupted") from error
        except duckdb.Error as error:
            raise ToolError(_message(error)) from error
        return tuple(str(column[0]) for column in cursor.description or ()), rows

    def is_single_select(self, sql: str) -> bool:
        """Raises ToolError when it is not SQL at all."""
        try:
            statements = self._connection.extract_statements(sql)
        except duckdb.Error as error:
            raise ToolError(_message(error)) from error
        return len(statements) == 1 and statements[0].type == duckdb.StatementType.SELECT


@contextmanager
def opened(files: Sequence[Path], workspace: Workspace | None = None) -> Iterator[Database]:
    """A fresh database that may read `files` and its own temporary folder, which goes with it."""
    _wait_for_a_place(workspace)
    try:
        with TemporaryDirectory(prefix="botted-tables-") as folder:
            connection = _connect(files, Path(folder).resolve())
            try:
                with workspace.interruptible(connection.interrupt) if workspace else nullcontext():
                    yield Database(connection, Path(folder).resolve())
            finally:
                connection.close()
    finally:
        _AT_ONCE.release()


def quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _wait_for_a_place(workspace: Workspace | None) -> None:
    while not _AT_ONCE.acquire(timeout=_LOOK_UP_SECONDS):
        if workspace:
            workspace.progress(0, "waiting for other queries")


def _connect(files: Sequence[Path], folder: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(str(folder / "work.duckdb"), config={**_CONFIG, "temp_directory": str(folder)})
    paths = ", ".join(literal(str(file.resolve())) for file in files)
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"SET allowed_paths = [{paths}]")
    connection.execute(f"SET allowed_directories = [{literal(str(folder) + '/')}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _message(error: duckdb.Error) -> str:
    """DuckDB's own words, without its advice on reader options and without paths of ours."""
    text = str(error).split("\nPossible", 1)[0].split("\n\n  file =", 1)[0].strip()
    return text if len(text) <= _LONGEST_MESSAGE else text[:_LONGEST_MESSAGE] + "…"
