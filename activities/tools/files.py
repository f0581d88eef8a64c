"""file.list, file.read and file.write: what there is, and text in and out of the workspace."""

import mimetypes
from fnmatch import fnmatchcase

from pydantic import Field

from activities.tools.excerpts import excerpt
from activities.tools.tool import MOST_CONTENT, Effect, Tool, ToolError, ToolInput, ToolResult, Workspace

_MOST_BYTES = 1_000_000
_MOST_FILES = 300
_PAGE = 15_000  # characters


class FileListInput(ToolInput):
    pattern: str = Field(
        default="*", description="shows only names that fit; * stands for anything, also for slashes: charts/*.svg"
    )


class FileList(Tool):
    name = "file.list"
    description = (
        "Lists the files and artifacts that this task can read, with size in bytes and media type. "
        "Other tools take the names exactly as they are listed here."
    )
    input_model = FileListInput
    effect = Effect.READ

    def run(self, arguments: ToolInput, workspace: Workspace) -> ToolResult:
        assert isinstance(arguments, FileListInput)
        everything = workspace.names()
        names = [name for name in everything if fnmatchcase(name, arguments.pattern)]
        if not names:
            return ToolResult(summary=f"no file fits {arguments.pattern!r}; there are {len(everything):,} files"[:300])
        lines = [_line(name, workspace) for name in names[:_MOST_FILES]]
        if len(names) > _MOST_FILES:
            lines.append(f"[{len(names) - _MOST_FILES:,} more files are left out; narrow them down with `pattern`]")
        return ToolResult(summary=f"{len(names):,} files", content=excerpt(lines, "narrow them down with `pattern`"))


class FileReadInput(ToolInput):
    name: str = Field(description="the file's or artifact's name, exactly as file.list shows it")
    offset: int = Field(default=0, ge=0, description="how many characters to skip, to read on in a long text")
    limit: int = Field(
        default=_PAGE, ge=1, le=MOST_CONTENT - 1000, description="how many characters of a long text to show"
    )
    artifact: str = Field(
        default="",
        description="keeps a copy of the whole text under this name, with line ends made uniform; empty: no copy",
    )


class FileRead(Tool):
    name = "file.read"
    description = (
        "Shows a text file (UTF-8, up to 1,000,000 bytes); of a text longer than 20,000 characters only a part, and "
        "`offset` reads on. For CSV and other tables data.query and data.profile tell more."
    )
    input_model = FileReadInput
    effect = Effect.READ

    def run(self, arguments: ToolInput, workspace: Workspace) -> ToolResult:
        assert isinstance(arguments, FileReadInput)
        text = _text(arguments.name, workspace)
        if arguments.offset and arguments.offset >= len(text):
            raise ToolError(f"{arguments.name} has {len(text):,} characters; offset must be less than that")
        if arguments.artifact:
            workspace.write(arguments.artifact, text.encode(), _media_type(arguments.artifact))
        lines = len(text.splitlines())
        return ToolResult(
            summary=f"{arguments.name}: {lines:,} lines of text"[:300],
            content=_page(text, arguments.offset, arguments.limit),
        )


class FileWriteInput(ToolInput):
    name: str = Field(
        min_length=1, description="a relative path such as notes/summary.md; a name already taken is replaced"
    )
    content: str = Field(max_length=_MOST_BYTES, description="the whole text of the artifact")


class FileWrite(Tool):
    name = "file.write"
    description = (
        "Writes a text artifact (Markdown, CSV, JSON, plain text …) in full; it cannot append. "
        "The ending of the name says what kind of text it is."
    )
    input_model = FileWriteInput
    effect = Effect.WRITE

    def run(self, arguments: ToolInput, workspace: Workspace) -> ToolResult:
        assert isinstance(arguments, FileWriteInput)
        try:
            content = arguments.content.encode()
        except UnicodeEncodeError as error:
            raise ToolError(f"the content has a lone surrogate at {error.start}; leave it out") from error
        written = workspace.write(arguments.name, content, _media_type(arguments.name))
        return ToolResult(summary=f"wrote {arguments.name}, {written.size:,} bytes"[:300])


def _line(name: str, workspace: Workspace) -> str:
    media_type = mimetypes.guess_type(name)[0] or "unknown type"
    if name.endswith((".md", ".markdown")):
        media_type = "text/markdown"
    return f"{name} · {workspace.path(name).stat().st_size:,} bytes · {media_type}"


def _page(text: str, offset: int, limit: int) -> str:
    """All that follows `offset` if it is short, else `limit` characters and how many are left."""
    rest = text[offset:]
    if len(rest) <= (MOST_CONTENT if limit == _PAGE else limit):
        return rest
    shown = offset + limit
    return f"{rest[:limit]}\n[{len(text) - shown:,} of {len(text):,} characters are left out; offset={shown} reads on]"


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
