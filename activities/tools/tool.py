"""What a tool is: a name, a typed input, an effect, and a `run` that works inside a workspace."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from enum import StrEnum, auto
from pathlib import Path
from typing import ClassVar, Protocol

from pydantic import BaseModel, ConfigDict, Field

from workflows.domain.artifact import ArtifactRef
from workflows.domain.plan import Guard

MOST_CONTENT = 20_000  # characters


class Effect(StrEnum):
    """What a tool does to the world, in rising order of care."""

    PURE = auto()
    READ = auto()
    WRITE = auto()
    IRREVERSIBLE = auto()


class ToolError(Exception):
    """The tool cannot do what was asked and never will with these arguments; says what to do instead."""


class ToolCancelled(Exception):
    """The step was cancelled while the tool ran."""


class ToolInput(BaseModel):
    """Base of every tool's arguments."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ToolResult(BaseModel):
    """What a step reports back: one line for people, and what a model sees. Whole results go into the workspace."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    summary: str = Field(max_length=300)
    content: str = Field(
        default="", max_length=MOST_CONTENT, description="what a model that called the tool sees; empty: the summary"
    )


class Workspace(Protocol):
    """A task's files: what it may read (its sources, what its needs handed over, its own) and where it writes.

    Names are relative POSIX paths such as `flights/profile.json`. Reading an unknown name raises ToolError
    that lists what there is.
    """

    def path(self, name: str) -> Path:
        """A local read-only file with the content of `name`; its suffix is that of the name."""
        ...

    def read(self, name: str) -> bytes: ...

    def write(self, name: str, content: bytes, media_type: str) -> ArtifactRef:
        """Stores `content` under `name`. Writing the same name again in one attempt replaces it."""
        ...

    def names(self) -> tuple[str, ...]:
        """Every name that can be read, sorted."""
        ...

    def progress(self, fraction: float, note: str = "") -> None:
        """Tells people how far the step is (0..1). Raises ToolCancelled when the step was cancelled."""
        ...

    def interruptible(self, interrupt: Callable[[], None]) -> AbstractContextManager[None]:
        """While inside, a cancellation of the step calls `interrupt` from another thread (say, to stop a query)."""
        ...


class Tool(ABC):
    """A step's action. Runs in a thread; must not keep state between calls."""

    name: ClassVar[str]
    description: ClassVar[str]
    input_model: ClassVar[type[ToolInput]]
    effect: ClassVar[Effect] = Effect.PURE
    costly: ClassVar[bool] = False
    """Costs money or reaches many people: a person may have to be asked."""

    @classmethod
    def guard(cls) -> Guard | None:
        """Why a person may have to be asked before it runs."""
        if cls.effect is Effect.IRREVERSIBLE:
            return Guard.IRREVERSIBLE
        return Guard.COSTLY if cls.costly else None

    @abstractmethod
    def run(self, arguments: ToolInput, workspace: Workspace) -> ToolResult: ...
