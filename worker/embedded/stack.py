"""The door to the embedded stack: have it running, hold it up, find it, stop it, be its supervisor."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pydantic import BaseModel, ConfigDict

from config.settings import Settings
from worker.embedded import locks, state
from worker.embedded.errors import FolderError, ModelFileError, StackError
from worker.embedded.folder import Folder, last_lines, rotate
from worker.embedded.host import Commands
from worker.embedded.local_model import LocalModel
from worker.embedded.process import ProcessId, spawn_detached
from worker.embedded.state import Addresses, Phase, StackState, sqlalchemy_url
from worker.embedded.supervisor import Supervisor, sole_supervisor

__all__ = [
    "Addresses",
    "Commands",
    "FolderError",
    "ModelFileError",
    "StackError",
    "StackState",
    "api",
    "ensure",
    "find",
    "lease",
    "stop",
    "supervise",
]

ORDER_VARIABLE = "BOTTED_SUPERVISOR_ORDER"
SPAWNS = 3  # a supervisor that ends without a word is started again so often
POLL = 0.05  # seconds


class Order(BaseModel):
    """What a detached supervisor is told, through its environment."""

    model_config = ConfigDict(frozen=True)

    settings: Settings
    commands: Commands


def ensure(
    settings: Settings,
    *,
    report: Callable[[str], None] = lambda line: None,
    timeout: float = 60,
    commands: Commands | None = None,
) -> Addresses:
    """The running stack's addresses; starts it, detached, when it does not run.

    Raises StackError when it cannot be started, or is not ready within `timeout` seconds.
    """
    if external := _external(settings):
        return external
    with lease(settings):
        return _Summons(settings, commands or Commands(), report).wait(timeout)


@contextmanager
def lease(settings: Settings) -> Iterator[None]:
    """Nobody stops the stack for idleness meanwhile. Take it before `ensure` to have no gap."""
    if _external(settings):
        yield
        return
    folder = Folder(settings.folder)
    folder.prepare()
    with locks.shared(folder.clients_lock):
        yield


def find(settings: Settings) -> StackState | None:
    """What runs now; starts nothing."""
    found = state.read(Folder(settings.folder))
    return found if found and found.runs else None


def api(settings: Settings, *, timeout: float = 60) -> str:
    """Where the API of the running stack answers, as a base URL; it comes some seconds after everything else.

    Raises StackError when no stack runs, or the API does not answer within `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    while found := find(settings):
        if found.addresses and found.addresses.api:
            return found.addresses.api
        if time.monotonic() > deadline:
            log = Folder(settings.folder).log("api")
            raise StackError(f"The API does not answer after {timeout:.0f} s. The end of {log}:\n{last_lines(log)}")
        time.sleep(POLL)
    raise StackError(
        f"No stack runs in {settings.folder}, and so no API. `botted up` starts both; "
        "with a Temporal and a Postgres of your own, run `python -m api`."
    )


def stop(settings: Settings, timeout: float = 60) -> bool:
    """Whether something ran and has stopped; raises StackError when it does not stop in time."""
    found = find(settings)
    if not found:
        return False
    found.supervisor.send(signal.SIGTERM)
    deadline = time.monotonic() + timeout
    while (now := find(settings)) and now.supervisor == found.supervisor:
        if time.monotonic() > deadline:
            raise StackError(
                f"The stack in {settings.folder} has not stopped within {timeout:.0f} s "
                f"(supervisor: process {found.supervisor.pid}). See {Folder(settings.folder).log('supervisor')}."
            )
        time.sleep(POLL)
    return True


def supervise(
    settings: Settings,
    *,
    idle_stop: bool,
    report: Callable[[str], None] = lambda line: None,
    commands: Commands | None = None,
) -> None:
    """Keeps the stack running until a signal, or idleness if asked, ends it. Blocks; main thread only.

    Raises StackError when the stack runs already or cannot be kept running.
    """
    folder = Folder(settings.folder)
    folder.prepare()
    _require_model(settings)
    with sole_supervisor(folder):
        Supervisor(settings, commands or Commands(), report).run(idle_stop=idle_stop)


def _external(settings: Settings) -> Addresses | None:
    if not (settings.temporal.address and settings.database.url):
        return None
    return Addresses(
        temporal_address=settings.temporal.address,
        temporal_namespace=settings.temporal.namespace,
        web_ui=None,
        database_url=sqlalchemy_url(settings.database.url),
        local_model=settings.local.url,
    )


def _require_model(settings: Settings) -> None:
    """Before anything starts: a model that cannot be served is refused."""
    if model := LocalModel.asked_for(settings.local):
        model.require_servable()


class _Summons:
    """One wait for the stack: whoever calls first starts it, everybody waits for the same one."""

    def __init__(self, settings: Settings, commands: Commands, report: Callable[[str], None]) -> None:
        self._settings = settings
        self._commands = commands
        self._report = report
        self._folder = Folder(settings.folder)
        self._model = LocalModel.asked_for(settings.local)
        self._before = state.read(self._folder)
        self._spawned: ProcessId | None = None
        self._spawns = 0
        self._said = ""

    def wait(self, timeout: float) -> Addresses:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if addresses := self._look():
                return addresses
            time.sleep(POLL)
        raise StackError(
            f"The stack in {self._folder.path} was not ready within {timeout:.0f} s; it was at: {self._said or '–'}. "
            f"It goes on starting; the logs are in {self._folder.log('supervisor').parent}."
        )

    def _look(self) -> Addresses | None:
        now = state.read(self._folder)
        if now and now.runs:
            self._require_same_model(now)
            if now.phase is not Phase.READY or self._said:  # of a stack that was ready all along there is no news
                self._pass_on(now.message)
            return now.addresses if now.phase is Phase.READY else None
        if now and now.phase is Phase.FAILED and now != self._before:
            raise StackError(now.message)
        if not (self._spawned and self._spawned.is_alive()):
            self._spawn()
        return None

    def _require_same_model(self, now: StackState) -> None:
        """A running stack keeps its model; whoever asks for none takes it as it is."""
        if now.phase is Phase.STOPPING or self._model is None or self._model == now.serves:
            return
        present = f"with the local model {now.serves}" if now.serves else "without a local model"
        raise StackError(
            f"The stack in {self._folder.path} runs {present}, and you ask for {self._model}. "
            "Run `botted down`, then try again."
        )

    def _pass_on(self, message: str) -> None:
        if message != self._said:
            self._report(message)
        self._said = message

    def _spawn(self) -> None:
        log = self._folder.log("supervisor")
        if self._spawns == SPAWNS:
            raise StackError(f"The supervisor of the stack does not start. The end of {log}:\n{last_lines(log)}")
        self._folder.require_room()
        _require_model(self._settings)
        rotate(log)
        order = Order(settings=self._settings, commands=self._commands)
        self._spawned = spawn_detached(
            (sys.executable, "-m", "worker.embedded"),
            {ORDER_VARIABLE: order.model_dump_json(), "BOTTED_DATA_DIR": str(self._folder.path)},
            log,
        )
        self._spawns += 1


def order_given() -> Order | None:
    """Read once, and not passed on to the parts."""
    text = os.environ.pop(ORDER_VARIABLE, None)
    return Order.model_validate_json(text) if text else None
