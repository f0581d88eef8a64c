"""Waiting that a signal cuts short: a wish to stop, or the death of a child."""

import os
import select
import signal
from types import FrameType, TracebackType
from typing import Any, Self

WISHES_TO_STOP = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Signals:
    """Takes the process's signals over while inside; only in the main thread, as Python has it."""

    def __init__(self) -> None:
        self.stop_wished = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)  # as set_wakeup_fd wants it
        self._before_wakeup = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in WISHES_TO_STOP:
            if signal.getsignal(number) is signal.SIG_IGN:  # as nohup does with SIGHUP
                continue
            self._before[number] = signal.signal(number, self._note_wish)
        self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, _nothing)  # without a handler none wakes us
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._before_wakeup)
        os.close(self._reader)
        os.close(self._writer)

    def wait(self, seconds: float) -> None:
        if self.stop_wished:
            return
        ready, _, _ = select.select([self._reader], [], [], seconds)
        if ready:
            os.read(self._reader, 4096)

    def _note_wish(self, number: int, frame: FrameType | None) -> None:
        self.stop_wished = True


def _nothing(number: int, frame: FrameType | None) -> None:
    return None
