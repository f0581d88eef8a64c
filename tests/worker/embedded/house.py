"""A stack of its own for a test, with stand-ins for our two programs."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from config.settings import DatabaseSettings, Settings, StackSettings, TemporalSettings
from worker.embedded import stack, state
from worker.embedded.folder import Folder
from worker.embedded.process import ProcessId
from worker.embedded.state import Addresses, StackState, libpq_url
from worker.embedded.temporal_server import find_binary

PYTHON = (sys.executable, "-I", "-S")
STAND_IN = stack.Commands(
    migrate=(*PYTHON, "-c", ""),
    host=(*PYTHON, str(Path(__file__).with_name("stand_in_host.py"))),
    api=(),
)

ELSEWHERE = "temporal.example:7233"  # with Temporal there a house has Postgres only, and is quicker to start and stop


class House:
    def __init__(
        self,
        path: Path,
        linger: float = 600,
        commands: stack.Commands = STAND_IN,
        temporal: str | None = None,
        database: str | None = None,
    ) -> None:
        self.settings = Settings(
            data_dir=path,
            stack=StackSettings(linger_seconds=linger),
            temporal=TemporalSettings(address=temporal),
            database=DatabaseSettings(url=database),
        )
        self.folder = Folder(path)
        self.commands = commands
        self.said: list[str] = []

    def ensure(self) -> Addresses:
        return stack.ensure(self.settings, report=self.said.append, timeout=30, commands=self.commands)

    def running(self) -> StackState:
        found = stack.find(self.settings)
        assert found, "the stack does not run"
        return found

    def kill(self, name: str) -> StackState:
        """What ran before part `name` (or `supervisor`) was killed."""
        before = self.running()
        self.process(name, before).send(signal.SIGKILL)
        assert self.process(name, before).wait(5)
        return before

    @staticmethod
    def process(name: str, found: StackState) -> ProcessId:
        return found.supervisor if name == "supervisor" else found.parts[name]

    def is_back(self, name: str, before: StackState) -> bool:
        now = stack.find(self.settings)
        return bool(now and now.phase == "ready" and now.parts.get(name, before.parts[name]) != before.parts[name])

    def close(self) -> None:
        """Whatever happened: nothing that was started here is left. Not a clean stop, as that takes a second more."""
        left = state.read(self.folder)
        if not left or left.supervisor.pid == os.getpid():
            return
        left.supervisor.end(signal.SIGKILL, 5)
        for process in left.parts.values():  # they go by themselves; Postgres takes its shared memory with it
            if not process.wait(5):
                process.end(signal.SIGKILL, 5)


def until(condition: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def note_down(addresses: Addresses) -> None:
    """Leaves something in Postgres and in Temporal."""
    with psycopg.connect(libpq_url(addresses.database_url)) as connection:
        connection.execute("create table if not exists notes (text text)")
        connection.execute("insert into notes values ('kept')")
    temporal(addresses, "start", "--type", "Anything", "--task-queue", "nobodys", "--workflow-id", "kept")


def both_kept(addresses: Addresses) -> bool:
    with psycopg.connect(libpq_url(addresses.database_url)) as connection:
        rows = connection.execute("select text from notes").fetchall()
    return rows == [("kept",)] and '"kept"' in temporal(addresses, "describe", "--workflow-id", "kept", "-o", "json")


def temporal(addresses: Addresses, *words: str) -> str:
    command = [str(find_binary()), "workflow", *words, "--address", addresses.temporal_address]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout
