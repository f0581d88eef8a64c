"""The connection to Postgres and its migrations."""

from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, text

MIGRATIONS = Path(__file__).parent / "migrations"
_MIGRATION_LOCK = 4_207_101
"""Advisory lock key: of several processes that start at once, one migrates and the others wait."""


class NewerDatabase(Exception):
    """The database was migrated by a newer botted than this one."""


def connect(
    url: str,
    *,
    pool_size: int = 10,
    ping: bool = False,
    patience: float | None = None,
    statement_seconds: float | None = None,
) -> Engine:
    """An engine for a `postgresql://` or `postgresql+psycopg://` URL.

    `ping` asks before each use whether a connection still lives. Hosts do without: a lost one fails an activity once,
    and Temporal tries it again with a new one. `patience` in seconds is for getting a connection, `statement_seconds`
    for each statement; hosts wait as long as it takes.
    """
    arguments: dict[str, object] = {}
    if patience is not None:
        arguments["connect_timeout"] = max(2, round(patience))  # libpq knows no shorter one
    if statement_seconds is not None:
        arguments["options"] = f"-c statement_timeout={round(statement_seconds * 1000)}"
    return create_engine(
        with_driver(url),
        pool_size=pool_size,
        max_overflow=10,
        pool_pre_ping=ping,
        pool_timeout=30 if patience is None else patience,
        connect_args=arguments,
    )


def reading(engine: Engine) -> Engine:
    """The same connections for single reads, without the round trips of a transaction around each."""
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def with_driver(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return f"postgresql+psycopg://{rest}" if separator and scheme in ("postgresql", "postgres") else url


def migrate(engine: Engine) -> None:
    """Brings the schema up to date. Raises NewerDatabase when it is from a newer botted."""
    if is_current(engine):  # nearly always; what follows takes half a second only to import
        return
    from alembic import command
    from alembic.config import Config

    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _MIGRATION_LOCK})
        try:
            _refuse_newer(connection)
            config = Config()
            config.set_main_option("script_location", str(MIGRATIONS))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _MIGRATION_LOCK})
            connection.commit()


def is_current(engine: Engine) -> bool:
    """Whether there is nothing to migrate. Migrations' files begin with their revision."""
    newest = max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
    with engine.connect() as connection:
        is_migrated = connection.execute(text("SELECT to_regclass('alembic_version') IS NOT NULL")).scalar_one()
        if not is_migrated:
            return False
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [newest]


def _refuse_newer(connection: Connection) -> None:
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    current = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
    if current is not None and current not in known:
        raise NewerDatabase(
            f"the database was written by a newer botted (schema {current}); "
            "upgrade botted, or point BOTTED_DATABASE__URL or BOTTED_DATA_DIR at another place"
        )
    connection.rollback()
