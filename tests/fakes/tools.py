"""Tools whose behaviour tests choose."""

import threading
from typing import ClassVar

from typing_extensions import override

from activities.tools.tool import Effect, Tool, ToolCancelled, ToolError, ToolInput, ToolResult, Workspace


class NoInput(ToolInput):
    pass


class NoOp(Tool):
    name: ClassVar[str] = "fake.noop"
    description: ClassVar[str] = "Does nothing."
    input_model: ClassVar[type[ToolInput]] = NoInput

    @override
    def run(self, arguments: ToolInput, workspace: Workspace) -> ToolResult:
        return ToolResult(summary="nothing")


class NapInput(ToolInput):
    seconds: float


class Nap(Tool):
    """Sleeps until its time is over or its step is cancelled, and counts how often it was begun."""

    name: ClassVar[str] = "fake.nap"
    description: ClassVar[str] = "Sleeps."
    input_model: ClassVar[type[ToolInput]] = NapInput
    begun: ClassVar[int] = 0
    cancelled: ClassVar[int] = 0

    @override
    def run(self, arguments: ToolInput, workspace: Workspace) -> ToolResult:
        assert isinstance(arguments, NapInput)
        Nap.begun += 1
        woken = threading.Event()
        with workspace.interruptible(woken.set):
            if woken.wait(arguments.seconds):
                Nap.cancelled += 1
                raise ToolCancelled
        return ToolResult(summary=f"slept {arguments.seconds} s")


class WriteInput(ToolInput):
    name: str
    content: str


class Write(Tool):
    name: ClassVar[str] = "fake.write"
    description: ClassVar[str] = "Writes a text artifact."
    input_model: ClassVar[type[ToolInput]] = WriteInput
    effect: ClassVar[Effect] = Effect.WRITE

    @override
    def run(self, arguments: ToolInput, workspace: Workspace) -> ToolResult:
        assert isinstance(arguments, WriteInput)
        workspace.write(arguments.name, arguments.content.encode(), "text/plain")
        return ToolResult(summary=f"wrote {arguments.name}")


class FailInput(ToolInput):
    message: str


class Fail(Tool):
    name: ClassVar[str] = "fake.fail"
    description: ClassVar[str] = "Fails for good."
    input_model: ClassVar[type[ToolInput]] = FailInput

    @override
    def run(self, arguments: ToolInput, workspace: Workspace) -> ToolResult:
        assert isinstance(arguments, FailInput)
        raise ToolError(arguments.message)


class Flaky(Tool):
    """Loses its connection the first time."""

    name: ClassVar[str] = "fake.flaky"
    description: ClassVar[str] = "Fails once in passing."
    input_model: ClassVar[type[ToolInput]] = NoInput
    tries: ClassVar[int] = 0

    @override
    def run(self, arguments: ToolInput, workspace: Workspace) -> ToolResult:
        Flaky.tries += 1
        if Flaky.tries == 1:
            raise ConnectionError("the line went dead")
        return ToolResult(summary="got through")


class Publish(Tool):
    """What cannot be taken back; counts what it published."""

    name: ClassVar[str] = "fake.publish"
    description: ClassVar[str] = "Publishes a text for all the world."
    input_model: ClassVar[type[ToolInput]] = WriteInput
    effect: ClassVar[Effect] = Effect.IRREVERSIBLE
    published: ClassVar[list[str]] = []

    @override
    def run(self, arguments: ToolInput, workspace: Workspace) -> ToolResult:
        assert isinstance(arguments, WriteInput)
        Publish.published.append(arguments.content)
        return ToolResult(summary=f"published {arguments.name}")


TOOLS: tuple[type[Tool], ...] = (NoOp, Nap, Write, Fail, Flaky, Publish)
