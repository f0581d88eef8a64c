"""Our own programs in the stack: the migrations, run once per start, and the host."""

import sys
from collections.abc import Callable, Mapping
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from worker.embedded.folder import Folder
from worker.embedded.part import Part
from worker.embedded.process import Launch, ProcessId
from worker.embedded.state import Addresses


class Commands(BaseModel):
    """What to run; stand-ins in tests."""

    model_config = ConfigDict(frozen=True)

    migrate: tuple[str, ...] = (sys.executable, "-m", "worker", "migrate")
    host: tuple[str, ...] = (sys.executable, "-m", "worker")
    api: tuple[str, ...] = (sys.executable, "-m", "api")
    """By its name only: it builds on us, not we on it. Empty: none."""


class Migration(Part):
    name: ClassVar[str] = "migrate"
    title: ClassVar[str] = "The migration of the database"
    start_seconds: ClassVar[float] = 600
    runs_once: ClassVar[bool] = True
    tries: ClassVar[int] = 2

    def __init__(self, folder: Folder, command: tuple[str, ...], where: Callable[[], Addresses]) -> None:
        self._folder = folder
        self._command = command
        self._where = where

    def launch(self) -> Launch:
        return Launch(self._command, self._folder.log(self.name), environment(self._folder, self._where()))

    def is_ready(self, process: ProcessId) -> bool:
        return False


class Host(Part):
    name: ClassVar[str] = "host"
    title: ClassVar[str] = "The host"
    stop_seconds: ClassVar[float] = 20
    start_seconds: ClassVar[float] = 90

    def __init__(self, folder: Folder, command: tuple[str, ...], where: Callable[[], Addresses]) -> None:
        self._folder = folder
        self._command = command
        self._where = where
        self.knows: Addresses | None = None  # the addresses that it was started with

    def launch(self) -> Launch:
        self._folder.host_ready.unlink(missing_ok=True)
        self.knows = self._where()
        return Launch(
            self._command,
            self._folder.log(self.name),
            {**environment(self._folder, self.knows), "BOTTED_READY_FILE": str(self._folder.host_ready)},
            death_signal=Host.stop_signal,
        )

    def is_ready(self, process: ProcessId) -> bool:
        return self._folder.host_ready.exists()


def environment(folder: Folder, addresses: Addresses) -> Mapping[str, str]:
    model = {"BOTTED_LOCAL__URL": addresses.local_model} if addresses.local_model else {}
    return {
        "BOTTED_DATA_DIR": str(folder.path),
        "BOTTED_TEMPORAL__ADDRESS": addresses.temporal_address,
        "BOTTED_TEMPORAL__NAMESPACE": addresses.temporal_namespace,
        "BOTTED_DATABASE__URL": addresses.database_url,
        **model,
    }
