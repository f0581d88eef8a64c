"""file.read and file.write: text in and out of the workspace."""

import mimetypes

from pydantic import Field

from activities.tools.tool import Effect, Tool, ToolError, ToolInput, ToolResult, Workspace

_MOST_BYTES = 1_000_000


class FileReadInput(ToolInput):
    name: str
    artifact: str = Field(default="", description="keeps a copy under this name, with line ends made uniform")


class FileRead(Tool):
    name = "file.read"
    description = "Reads a visible text file of up to a megabyte."
    input_model = FileReadInput
    effect = Effect.READ

    def run(self, arguments: ToolInput, workspace: Workspace) -> ToolResult:
        assert isinstance(arguments, FileReadInput)
        text = _text(arguments.name, workspace)
        if arguments.artifact:
            workspace.write(arguments.artifact, text.encode(), _media_type(arguments.artifact))
        lines = len(text.splitlines())
        return ToolResult(summary=f"{arguments.name}: {lines:,} lines of text"[:300])


class FileWriteInput(ToolInput):
    name: str = Field(min_length=1)
    content: str = Field(max_length=_MOST_BYTES)


class FileWrite(Tool):
    name = "file.write"
    description = "Writes a text artifact."
    input_model = FileWriteInput
    effect = Effect.WRITE

    def run(self, arguments: ToolInput, workspace: Workspace) -> ToolResult:
        assert isinstance(arguments, FileWriteInput)
        written = workspace.write(arguments.name, arguments.content.encode(), _media_type(arguments.name))
        return ToolResult(summary=f"wrote {arguments.name}, {written.size:,} bytes"[:300])


def _text(name: str, workspace: Workspace) -> str:
    size = workspace.path(name).stat().st_size
    if size > _MOST_BYTES:
        raise ToolError(
            f"{name} has {size:,} bytes; text of up to {_MOST_BYTES:,} can be read: use data.query for tables"
        )
    content = workspace.read(name)
    if b"\0" in content:
        raise ToolError(f"{name} is a binary file, not text")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise ToolError(f"{name} is not UTF-8 text: byte {error.start} does not fit") from error


def _media_type(name: str) -> str:
    if name.endswith((".md", ".markdown")):
        return "text/markdown"
    guessed = mimetypes.guess_type(name)[0]
    return guessed if guessed and guessed.startswith(("text/", "application/json")) else "text/plain"
