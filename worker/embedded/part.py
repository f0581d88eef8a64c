"""What the supervisor needs to know of a part; how to keep one running is `keeper`'s business."""

import signal
from abc import ABC, abstractmethod
from typing import ClassVar

from worker.embedded.process import Launch, ProcessId


class Part(ABC):
    name: ClassVar[str]  # of its log
    title: ClassVar[str]  # for people
    stop_signal: ClassVar[int] = signal.SIGTERM
    stop_seconds: ClassVar[float] = 10
    start_seconds: ClassVar[float] = 60  # without being ready: something is wrong with it
    runs_once: ClassVar[bool] = False  # it is done when it has ended well
    tries: ClassVar[int] = 3  # failed starts in a row before we give up
    is_essential: ClassVar[bool] = True  # without it the stack is of no use; otherwise it is tried again later

    @abstractmethod
    def launch(self) -> Launch:
        """Prepares one start; called again before every restart."""

    @abstractmethod
    def is_ready(self, process: ProcessId) -> bool:
        """Asked while it runs, several times a second until the first yes."""
