"""What a check is: a deterministic question about a task's artifacts."""

from abc import ABC, abstractmethod
from typing import ClassVar

from activities.tools.tool import ToolInput, Workspace


class Check(ABC):
    """Looks at a task's artifacts and says what is wrong with them. Runs in a thread.

    `run` returns one sentence per fault, each saying what is wrong, where, and what was expected;
    an empty tuple means that the check passed. An exception means that the check itself could not run:
    the work is then not approved.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    input_model: ClassVar[type[ToolInput]]

    @abstractmethod
    def run(self, arguments: ToolInput, workspace: Workspace) -> tuple[str, ...]: ...
