"""The supervisor: one per data folder, alive exactly as long as the stack."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

from config.settings import Settings
from worker.embedded import state
from worker.embedded.api import Api
from worker.embedded.errors import StackError
from worker.embedded.folder import Folder
from worker.embedded.host import Commands, Host, Migration
from worker.embedded.idleness import Idleness
from worker.embedded.keeper import Condition, Keeper
from worker.embedded.llama import LlamaServer
from worker.embedded.local_model import LocalModel
from worker.embedded.locks import FileLock
from worker.embedded.ports import Ports
from worker.embedded.postgres import Postgres
from worker.embedded.process import ProcessId
from worker.embedded.signals import Signals
from worker.embedded.state import Addresses, Phase, StackState
from worker.embedded.temporal_server import TemporalServer

LOCK_PATIENCE = 1.0  # seconds: a supervisor that has just stopped lets go in a moment
BUSY_PAUSE = 0.03  # seconds between two looks while something starts
API_PAUSE = 0.2  # while nothing but the API starts
QUIET_PAUSE = 1.0


@contextmanager
def sole_supervisor(folder: Folder) -> Iterator[None]:
    """The kernel sees to it that there is one per folder, and that a killed one counts no more."""
    with closing(FileLock(folder.supervisor_lock)) as lock:
        _take(lock, folder)
        yield


def _take(lock: FileLock, folder: Folder) -> None:
    """Waits for one that is stopping, never for one that runs: its death is its own client's business."""
    deadline = time.monotonic() + LOCK_PATIENCE
    while not lock.take_alone():
        now = state.read(folder)
        stays = now is not None and now.runs and now.phase is not Phase.STOPPING
        if stays or time.monotonic() > deadline:
            raise StackError(f"Another supervisor already keeps the stack in {folder.path} running.")
        time.sleep(BUSY_PAUSE)


class Supervisor:
    """Starts what is missing, in order; restarts what dies; stops all of it in the reverse order."""

    def __init__(self, settings: Settings, commands: Commands, report: Callable[[str], None]) -> None:
        self._settings = settings
        self._folder = Folder(settings.folder)
        self._report = report
        self._home = state.home(self._folder)
        self._written: StackState | None = None
        self._before = state.read(self._folder)
        self._ports = Ports(self._before.ports if self._before else {}, report)
        self._postgres = None if settings.database.url else Postgres(self._folder, self._ports)
        self._temporal = (
            None
            if settings.temporal.address
            else TemporalServer(self._folder, self._ports, settings.temporal.namespace)
        )
        self._model = LocalModel.asked_for(settings.local)
        self._llama = LlamaServer(self._folder, self._ports, self._model) if self._model else None
        self._host = Host(self._folder, commands.host, self._addresses)
        # Postgres last: the others boot while it may still be making its cluster.
        self._servers = [Keeper(part, report) for part in (self._temporal, self._llama, self._postgres) if part]
        self._migration = Keeper(Migration(self._folder, commands.migrate, self._addresses), report)
        self._host_keeper = Keeper(self._host, report)
        self._api = (
            Api(self._folder, self._ports, commands.api, self._addresses, settings.api) if commands.api else None
        )
        self._api_keeper = Keeper(self._api, report) if self._api else None

    def run(self, *, idle_stop: bool) -> None:
        """Until a signal or, if asked, idleness stops it; raises StackError when a part cannot be kept up.

        Only for the sole supervisor of the folder.
        """
        idleness = Idleness(self._folder, self._settings.stack.linger_seconds, self._database_url)
        with closing(idleness), Signals() as signals:
            try:
                self._folder.require_room()
                self._finish_leftovers_off()
                self._keep(signals, idleness if idle_stop else None)
            except (StackError, OSError) as error:
                self._stop(Phase.FAILED, str(error))
                raise StackError(str(error)) from error
            except BaseException as error:
                self._stop(Phase.FAILED, f"The supervisor failed: {error!r}")
                raise
            self._stop(Phase.STOPPED, "Stopped")

    def _finish_leftovers_off(self) -> None:
        """Ends what a killed supervisor left; on Linux it is ending by itself already."""
        left = list(self._before.parts.items()) if self._before else []
        self._write(Phase.STARTING, "Starting")
        signals = {keeper.part.name: keeper.part.stop_signal for keeper in self._keepers}
        for name, process in reversed(left):
            if process.is_alive():
                self._report(f"Ending what a killed supervisor left: {name}")
                process.end(signals.get(name, signal.SIGTERM), patience=5)

    def _keep(self, signals: Signals, idleness: Idleness | None) -> None:
        while not signals.stop_wished:
            self._advance()
            ready = self._host_keeper.is_ready and all(keeper.is_ready for keeper in self._servers)
            self._advance_api(ready)
            self._write(Phase.READY if ready else Phase.STARTING, self._ready() if ready else self._doing())
            if ready and idleness and idleness.has_lasted():
                self._report(f"Nobody has used the stack for {self._settings.stack.linger_seconds:.0f} s")
                return
            signals.wait(self._pause() if ready else BUSY_PAUSE)

    def _advance(self) -> None:
        for keeper in self._servers:
            keeper.advance()
        if self._host_keeper.condition is not Condition.DOWN or all(keeper.is_ready for keeper in self._servers):
            self._advance_ours()

    def _advance_ours(self) -> None:
        """The migration, once; then the host, which needs every server to start but not to live."""
        if self._migration.condition is not Condition.DONE:
            self._migration.advance()
            return
        if self._host_keeper.process and self._host.knows != self._addresses():
            self._host_keeper.stop()  # a server had to move to another port
        self._host_keeper.advance()

    def _advance_api(self, ready: bool) -> None:
        """Only once the rest is ready: on a small machine it would take the host's time to start."""
        if self._api is None or self._api_keeper is None:
            return
        if self._api_keeper.process and self._api.knows != self._addresses():
            self._api_keeper.stop()
        if ready or self._api_keeper.condition is not Condition.DOWN:
            self._api_keeper.advance()

    def _pause(self) -> float:
        starts = self._api_keeper is not None and self._api_keeper.condition is Condition.STARTING
        return API_PAUSE if starts else QUIET_PAUSE

    def _ready(self) -> str:
        return f"Ready, with the API at {self._api_url()}" if self._api_url() else "Ready"

    def _api_url(self) -> str | None:
        return self._api.url if self._api and self._api_keeper and self._api_keeper.is_ready else None

    def _doing(self) -> str:
        waiting = [keeper.part.title for keeper in self._servers if not keeper.is_ready]
        if waiting:
            return f"Starting {' and '.join(waiting)}"
        return "Starting the host" if self._migration.is_ready else "Migrating the database"

    def _stop(self, phase: Phase, message: str) -> None:
        """Stops everything, also where there is no room, or no folder any more, to say so."""
        with suppress(OSError, StackError):
            self._write(Phase.STOPPING, "Stopping")
        for keeper in reversed(self._keepers):
            keeper.stop()
        with suppress(OSError, StackError):
            self._write(phase, message)

    @property
    def _keepers(self) -> list[Keeper]:
        """In the order of starting; Postgres first here, so that it stops last."""
        api = [self._api_keeper] if self._api_keeper else []
        return [*reversed(self._servers), self._migration, self._host_keeper, *api]

    def _addresses(self) -> Addresses:
        """What our own programs are told. Only once every server has been launched."""
        return Addresses(
            temporal_address=self._temporal.address if self._temporal else str(self._settings.temporal.address),
            temporal_namespace=self._settings.temporal.namespace,
            web_ui=self._temporal.web_ui if self._temporal else None,
            database_url=state.sqlalchemy_url(self._database_url()),
            local_model=self._llama.url if self._llama else self._settings.local.url,
        )

    def _database_url(self) -> str:
        return self._postgres.url if self._postgres else state.libpq_url(str(self._settings.database.url))

    def _write(self, phase: Phase, message: str) -> None:
        """To stack.json and to whoever listens, when something has changed."""
        self._require_our_folder()
        launched = all(keeper.condition is not Condition.DOWN for keeper in self._servers)
        now = StackState(
            home=self._home,
            supervisor=ProcessId.of(os.getpid()),
            phase=phase,
            message=message,
            ports=self._ports.known,
            parts={keeper.part.name: keeper.process for keeper in self._keepers if keeper.process},
            addresses=self._addresses().model_copy(update={"api": self._api_url()}) if launched else None,
            serves=self._model,
        )
        if now == self._written:
            return
        state.write(self._folder, now)
        if self._written is None or self._written.message != message:
            self._report(message)
        self._written = now

    def _require_our_folder(self) -> None:
        """Somebody may delete it, and the next client make a new one: that is not ours to write in."""
        try:
            still_ours = state.home(self._folder) == self._home
        except OSError:
            still_ours = False
        if not still_ours:
            raise StackError(f"The data folder {self._folder.path} is not there any more, or is another one.")
