"""Checks that any task can use: is it there, is it long enough, does it say what it must."""

from typing import ClassVar

from pydantic import Field, field_validator
from typing_extensions import override

from activities.review.check import Check
from activities.tools.tool import ToolError, ToolInput, Workspace

_REGEX_SECONDS = 5


class ArtifactInput(ToolInput):
    artifact: str = Field(description="the artifact's name, such as report.md")
    min_bytes: int = Field(1, ge=0, description="how large it must be at least, in bytes")


class ArtifactExists(Check):
    name: ClassVar[str] = "artifact.exists"
    description: ClassVar[str] = "The artifact was made and is not empty. Says nothing about what is in it."
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
    artifact: str = Field(description="name of a text artifact")
    contains: tuple[str, ...] = Field((), description="texts that must all be in it, letter by letter, case included")
    excludes: tuple[str, ...] = Field((), description="texts none of which may be in it, such as TODO")
    matches: str = Field(
        "", max_length=1000, description="a Python regular expression that must match somewhere; empty: none"
    )

    @field_validator("matches")
    @classmethod
    def _is_an_expression(cls, matches: str) -> str:
        import regex  # here, because every host would wait for it at its start

        try:
            regex.compile(matches)
        except (regex.error, RecursionError, OverflowError) as error:
            raise ValueError(f"{matches[:80]!r} is no regular expression: {error}") from error
        return matches


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
        if arguments.matches:
            faults += _mismatch(arguments, text)
        return tuple(faults)


def _mismatch(arguments: TextInput, text: str) -> list[str]:
    """Patterns come from people and models; some take for ever, and Python's own `re` cannot be stopped."""
    import regex

    try:
        found = regex.search(arguments.matches, text, timeout=_REGEX_SECONDS, concurrent=True)
    except TimeoutError:
        return [f"/{arguments.matches}/ takes more than {_REGEX_SECONDS} s on {arguments.artifact!r}; write it simpler"]
    return [] if found else [f"{arguments.artifact!r} does not match /{arguments.matches}/"]


CHECKS: tuple[type[Check], ...] = (ArtifactExists, TextSays)
