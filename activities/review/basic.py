"""Checks that any task can use: is it there, is it long enough, does it say what it must."""

import re
from typing import ClassVar

from pydantic import Field
from typing_extensions import override

from activities.review.check import Check
from activities.tools.tool import ToolError, ToolInput, Workspace


class ArtifactInput(ToolInput):
    artifact: str
    min_bytes: int = Field(1, ge=0)


class ArtifactExists(Check):
    name: ClassVar[str] = "artifact.exists"
    description: ClassVar[str] = "The artifact was made and is not empty."
    input_model: ClassVar[type[ToolInput]] = ArtifactInput

    @override
    def run(self, arguments: ToolInput, workspace: Workspace) -> tuple[str, ...]:
        assert isinstance(arguments, ArtifactInput)
        try:
            size = len(workspace.read(arguments.artifact))
        except ToolError as error:
            return (str(error),)
        if size < arguments.min_bytes:
            return (f"{arguments.artifact!r} has {size:,} bytes, at least {arguments.min_bytes:,} were asked for",)
        return ()


class TextInput(ToolInput):
    artifact: str
    contains: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    matches: str = ""


class TextSays(Check):
    name: ClassVar[str] = "text.says"
    description: ClassVar[str] = "A text artifact contains, excludes or matches (a regular expression) what is given."
    input_model: ClassVar[type[ToolInput]] = TextInput

    @override
    def run(self, arguments: ToolInput, workspace: Workspace) -> tuple[str, ...]:
        assert isinstance(arguments, TextInput)
        try:
            text = workspace.read(arguments.artifact).decode("utf-8")
        except (ToolError, UnicodeDecodeError) as error:
            return (str(error),)
        faults = [
            f"{arguments.artifact!r} does not contain {part!r}" for part in arguments.contains if part not in text
        ]
        faults += [f"{arguments.artifact!r} contains {part!r}" for part in arguments.excludes if part in text]
        if arguments.matches and not re.search(arguments.matches, text):
            faults.append(f"{arguments.artifact!r} does not match /{arguments.matches}/")
        return tuple(faults)


CHECKS: tuple[type[Check], ...] = (ArtifactExists, TextSays)
