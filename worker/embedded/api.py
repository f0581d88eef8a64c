"""The HTTP service in the stack: what it answers is nothing that a command on this machine waits for."""

from collections.abc import Callable
from typing import ClassVar

from config.settings import ApiSettings
from worker.embedded.folder import Folder
from worker.embedded.host import environment
from worker.embedded.part import Part
from worker.embedded.ports import LOOPBACK, Ports
from worker.embedded.process import Launch, ProcessId, listens
from worker.embedded.state import Addresses

EVERYWHERE = ("0.0.0.0", "::")


class Api(Part):
    name: ClassVar[str] = "api"
    title: ClassVar[str] = "The API"
    stop_seconds: ClassVar[float] = 15
    is_essential: ClassVar[bool] = False

    def __init__(
        self,
        folder: Folder,
        numbers: Ports,
        command: tuple[str, ...],
        where: Callable[[], Addresses],
        settings: ApiSettings,
    ) -> None:
        """Where the settings name no port, one is chosen and kept."""
        self._folder = folder
        self._numbers = numbers
        self._command = command
        self._where = where
        self._settings = settings
        self.knows: Addresses | None = None  # the addresses that it was started with

    @property
    def url(self) -> str:
        """Only after the first launch is there a port."""
        scheme = "https" if self._settings.tls_certificate else "http"
        host = LOOPBACK if self._settings.host in EVERYWHERE else self._settings.host
        return f"{scheme}://{host}:{self._numbers.known[self.name]}"

    def launch(self) -> Launch:
        if self._settings.port is not None:
            self._numbers.known[self.name] = self._settings.port
        else:
            self._numbers.keep(self.name)
        self.knows = self._where()
        return Launch(
            self._command,
            self._folder.log(self.name),
            {
                **environment(self._folder, self.knows),
                "BOTTED_API__PORT": str(self._numbers.known[self.name]),
                "BOTTED_API__OWNER_KEY": "true",
            },
            umask=0o077,
        )

    def is_ready(self, process: ProcessId) -> bool:
        """It listens only once it can answer."""
        return listens(process.pid, self._numbers.known[self.name])
