"""Keeps one part running: starts it, sees when it is ready, restarts it when it dies, gives up when that is no use."""

import signal
import time
from collections.abc import Callable
from enum import Enum, auto

from worker.embedded.errors import StackError
from worker.embedded.folder import last_lines, rotate
from worker.embedded.part import Part
from worker.embedded.process import Child, Launch, ProcessId

HEALTHY_SECONDS = 10.0  # up that long after being ready: earlier failures no longer count
KILLS = 4  # so many deaths by a signal, or soon after being ready, count like one start that failed by itself
LONGEST_PAUSE = 5.0
RESIGNED_PAUSE = 60.0  # before a part that the others can do without is tried again


class Condition(Enum):
    DOWN = auto()
    STARTING = auto()
    READY = auto()
    DONE = auto()


class Keeper:
    def __init__(self, part: Part, report: Callable[[str], None]) -> None:
        self.part = part
        self.condition = Condition.DOWN
        self._report = report
        self._child: Child | None = None
        self._launch: Launch | None = None
        self._since = 0.0  # when the present condition began, on the monotonic clock
        self._pause_until = 0.0
        self._strikes = 0.0  # 1 is a failed start; less, a death by a signal or soon after being ready

    @property
    def is_ready(self) -> bool:
        return self.condition in {Condition.READY, Condition.DONE}

    @property
    def process(self) -> ProcessId | None:
        return self._child.id if self._child else None

    def advance(self) -> None:
        """One look at the part and one step forward; raises StackError when it gives up."""
        match self.condition:
            case Condition.DOWN:
                self._start_when_due()
            case Condition.STARTING:
                self._look_whether_ready()
            case Condition.READY:
                self._look_whether_alive()
            case Condition.DONE:
                return

    def stop(self) -> None:
        if self._child:
            self._child.end(self.part.stop_signal, self.part.stop_seconds)
        self._child = None
        self.condition = Condition.DOWN

    def _start_when_due(self) -> None:
        if time.monotonic() < self._pause_until:
            return
        self._launch = self.part.launch()
        rotate(self._launch.log)
        self._child = Child(self._launch)
        self._become(Condition.STARTING)

    def _look_whether_ready(self) -> None:
        assert self._child
        code = self._child.exit_code()
        if code == 0 and self.part.runs_once:
            self._child = None
            return self._become(Condition.DONE)
        if code is not None:
            return self._count_death(1.0 if code > 0 else 1 / KILLS, f"ended with exit code {code} before it was ready")
        if self.part.is_ready(self._child.id):
            return self._become(Condition.READY)
        if self._age() > self.part.start_seconds:
            self._child.end(signal.SIGKILL, 0)
            self._count_death(1.0, f"was not ready within {self.part.start_seconds:.0f} s")
        return None

    def _look_whether_alive(self) -> None:
        assert self._child
        code = self._child.exit_code()
        if code is None:
            return
        if self._age() > HEALTHY_SECONDS:
            self._strikes = 0
        self._count_death(1 / KILLS, f"ended with exit code {code}")

    def _count_death(self, strike: float, what: str) -> None:
        self._child = None
        self._strikes += strike
        if self._strikes >= self.part.tries:
            pause = self._give_up(what)
        else:
            self._report(f"{self.part.title} {what}; starting it again")
            pause = min(LONGEST_PAUSE, 0.1 * 2.0**self._strikes)
        self._pause_until = time.monotonic() + pause
        self._become(Condition.DOWN)

    def _give_up(self, what: str) -> float:
        """For good, or for so many seconds where the stack can do without."""
        if self.part.is_essential:
            raise StackError(self._farewell(what))
        self._report(f"{self._farewell(what)}\nIt is tried again in {RESIGNED_PAUSE:.0f} s.")
        self._strikes = 0
        return RESIGNED_PAUSE

    def _farewell(self, what: str) -> str:
        assert self._launch
        log = self._launch.log
        return f"{self.part.title} {what}, again and again. The end of its log {log}:\n{last_lines(log)}"

    def _become(self, condition: Condition) -> None:
        self.condition = condition
        self._since = time.monotonic()

    def _age(self) -> float:
        return time.monotonic() - self._since
