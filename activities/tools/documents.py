"""document.render: a report from findings, or any Markdown artifact, as a page that needs nothing but itself."""

import posixpath
from fnmatch import fnmatchcase
from typing import Literal

from pydantic import Field, model_validator

from activities.tools.data.pages import page_of
from activities.tools.data.rendering import html_of, markdown_of
from activities.tools.data.report import Report, put_together
from activities.tools.excerpts import excerpt
from activities.tools.tool import Effect, Tool, ToolError, ToolInput, ToolResult, Workspace


class DocumentInput(ToolInput):
    template: Literal["", "data-report"] = Field(
        default="", description="data-report: a report from `parts`; empty: one page from `markdown`"
    )
    title: str = Field(default="", max_length=300, description="the title of the report or page; one line, no Markdown")
    objective: str = Field(
        default="", max_length=10_000, description="with a template: what was asked, in the person's words, to quote"
    )
    parts: tuple[str, ...] = Field(
        default=(),
        description="with a template: names of artifacts of data.findings whose charts chart.render has drawn, "
        "all aspects of all files; * stands for anything, as in parts/*.json",
    )
    folder: str = Field(
        default="", description="with a template: where report.md, report.html and claims.json go; empty: at the top"
    )
    markdown: str = Field(
        default="", description="name of a Markdown artifact to make a page of, instead of a template"
    )
    artifact: str = Field(default="", description="with `markdown`: the page's name, ending in .html")

    @model_validator(mode="after")
    def _one_of_two(self) -> "DocumentInput":
        if bool(self.template) == bool(self.markdown):
            raise ValueError("give either template with parts, or markdown with artifact")
        if self.template and not self.parts:
            raise ValueError("a report needs parts")
        if self.markdown and not self.artifact:
            raise ValueError("a page needs a name: artifact")
        return self


class DocumentRender(Tool):
    name = "document.render"
    description = (
        "Writes report.md, report.html and claims.json from artifacts of data.findings (template data-report), or "
        "turns a Markdown artifact into one HTML page that holds its SVG and PNG pictures. HTML in Markdown stays text."
    )
    input_model = DocumentInput
    effect = Effect.WRITE

    def run(self, arguments: ToolInput, workspace: Workspace) -> ToolResult:
        assert isinstance(arguments, DocumentInput)
        if arguments.markdown:
            return _page(arguments, workspace)
        report = put_together(
            arguments.title or "Report", arguments.objective, _named(arguments.parts, workspace), workspace
        )
        return _write(report, arguments.folder, workspace)


def _named(parts: tuple[str, ...], workspace: Workspace) -> tuple[str, ...]:
    """The parts in the order asked for, patterns replaced by the names that fit them."""
    named: dict[str, None] = {}
    for part in parts:
        fitting = [name for name in workspace.names() if fnmatchcase(name, part)] if "*" in part else [part]
        if not fitting:
            raise ToolError(f"no artifact fits {part!r}")
        named.update(dict.fromkeys(fitting))
    return tuple(named)


def _write(report: Report, folder: str, workspace: Workspace) -> ToolResult:
    files = {
        "report.html": (html_of(report), "text/html"),
        "report.md": (markdown_of(report, folder), "text/markdown"),
        "claims.json": (report.claims.model_dump_json(indent=1), "application/json"),
    }
    for name, (text, media_type) in files.items():
        workspace.write(posixpath.join(folder, name), text.encode(), media_type)
    claims, charts = len(report.claims.claims), len(report.drawings)
    return ToolResult(
        summary=f"report on {len(report.files)} files with {claims} claims and {charts} charts",
        content=excerpt(["Artifacts written:", *(posixpath.join(folder, name) for name in files)]),
    )


def _page(arguments: DocumentInput, workspace: Workspace) -> ToolResult:
    try:
        text = workspace.read(arguments.markdown).decode()
    except UnicodeDecodeError as error:
        raise ToolError(f"{arguments.markdown} is not UTF-8 text") from error
    html = page_of(text, arguments.title or arguments.markdown, _pictures(arguments.markdown, workspace))
    workspace.write(arguments.artifact, html.encode(), "text/html")
    return ToolResult(
        summary=f"made {arguments.artifact} of {arguments.markdown}"[:300],
        content=excerpt(["Artifacts written:", arguments.artifact]),
    )


def _pictures(name: str, workspace: Workspace) -> dict[str, bytes]:
    """SVG and PNG artifacts, by their path as seen from the artifact `name`."""
    folder = posixpath.dirname(name) or "."
    pictures = (picture for picture in workspace.names() if picture.endswith((".svg", ".png")))
    return {posixpath.relpath(picture, folder): workspace.read(picture) for picture in pictures}
