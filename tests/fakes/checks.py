"""Checks whose behaviour tests choose."""

import threading
from typing import ClassVar

from typing_extensions import override

from activities.review import basic
from activities.review.check import Check
from activities.tools.tool import ToolCancelled, ToolInput, Workspace


class NoInput(ToolInput):
    pass


class Broken(Check):
    name: ClassVar[str] = "fake.broken"
    description: ClassVar[str] = "Cannot run."
    input_model: ClassVar[type[ToolInput]] = NoInput

    @override
    def run(self, arguments: ToolInput, workspace: Workspace) -> tuple[str, ...]:
        raise ZeroDivisionError("a bug in the check")


class Slow(Check):
    """Thinks for a minute unless it is cancelled."""

    name: ClassVar[str] = "fake.slow"
    description: ClassVar[str] = "Thinks for long."
    input_model: ClassVar[type[ToolInput]] = NoInput
    begun: ClassVar[threading.Event] = threading.Event()
    cancelled: ClassVar[threading.Event] = threading.Event()

    @override
    def run(self, arguments: ToolInput, workspace: Workspace) -> tuple[str, ...]:
        woken = threading.Event()
        with workspace.interruptible(woken.set):
            Slow.begun.set()
            if woken.wait(60):
                Slow.cancelled.set()
                raise ToolCancelled
        return ()


CHECKS: tuple[type[Check], ...] = (*basic.CHECKS, Broken, Slow)
