"""report.figures: no number in a report but those of its claims, each exactly as its claim shows it."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import islice

from markdown_it import MarkdownIt
from markdown_it.token import Token
from pydantic import Field, ValidationError

from activities.review.check import Check
from activities.tools.data.claim import Claim, Claims, Unit
from activities.tools.tool import ToolInput, Workspace

_MOST_FAULTS = 20
_NUMBER = re.compile(r"-?\d+(?:,\d{3})*(?:\.\d+)?(?:e[+-]?\d+)?(?: ?%)?")
_APPENDIX = "How each figure was computed"
_VOID = {"meta", "img", "br", "hr", "link", "input", "wbr"}
_NOT_OURS = {"code", "pre", "style", "title", "nav", "h1", "blockquote", "footer"}  # labels, and the person's own words


class ReportFiguresInput(ToolInput):
    report: str = Field(default="report.md", description="name of the report's Markdown, by document.render")
    html: str = Field(default="report.html", description="name of the report's page, by document.render")
    claims: str = Field(default="claims.json", description="name of the report's claims, by document.render")


class ReportFigures(Check):
    name = "report.figures"
    description = "Every number in the report's Markdown and HTML is shown as its claim shows it, and has its query."
    input_model = ReportFiguresInput

    def run(self, arguments: ToolInput, workspace: Workspace) -> tuple[str, ...]:
        assert isinstance(arguments, ReportFiguresInput)
        try:
            claims = Claims.model_validate_json(workspace.read(arguments.claims)).claims
        except ValidationError as error:
            return (f"{arguments.claims} is not a list of claims: {error.error_count()} fields do not fit",)
        page = _Page.of(workspace.read(arguments.html).decode())
        text = workspace.read(arguments.report).decode()
        return tuple(islice(_faults(arguments, claims, page, text), _MOST_FAULTS))


def _faults(names: ReportFiguresInput, claims: tuple[Claim, ...], page: "_Page", text: str) -> Iterator[str]:
    known = {claim.id: claim for claim in claims}
    if len(known) < len(claims):
        yield f"{names.claims} has two claims of the same id"
    for figure in page.figures:
        yield from _faults_of_figure(names.html, figure, known)
    for number in page.loose:
        yield f"{names.html} shows {number!r}, which is not a figure of any claim"
    yield from _faults_of_appendix(names.html, page, claims)
    yield from _faults_of_text(names, text, page, known)


def _faults_of_figure(html: str, figure: "_Figure", known: dict[str, Claim]) -> Iterator[str]:
    claim = known.get(figure.id)
    if claim is None:
        yield f"{html} shows {figure.text!r} as the figure of {figure.id!r}, which is no claim"
    elif figure.text != claim.display:
        yield f"{html} shows {figure.text!r} for {claim.id}, whose claim says {claim.display!r}"
    elif figure.query != claim.query:
        yield f"{html} gives another query for {claim.id} than its claim"


def _faults_of_appendix(html: str, page: "_Page", claims: tuple[Claim, ...]) -> Iterator[str]:
    for claim in claims:
        if claim.id not in page.queries:
            yield f"{html} does not list the query of {claim.id} under {_APPENDIX!r}"
        elif _squeezed(page.queries[claim.id]) != _squeezed(claim.query):
            yield f"{html} lists another query for {claim.id} than its claim"
    if page.scripts:
        yield f"{html} has {page.scripts} elements that can run or fetch something"


def _faults_of_text(names: ReportFiguresInput, text: str, page: "_Page", known: dict[str, Claim]) -> Iterator[str]:
    """The text's numbers are those of the page, in the same order: a figure cannot stand in another's place."""
    shown = {
        number for claim in known.values() if claim.unit is not Unit.LABEL for number in _NUMBER.findall(claim.display)
    }
    written = list(_numbers_of(text))
    strange = [number for number in written if number not in shown]
    yield from (f"{names.report} says {number!r}, which is not a figure of any claim" for number in strange)
    linked = [n for figure in page.figures if not figure.label for n in _NUMBER.findall(figure.text)]
    if strange or written == linked:
        return
    at = next(
        (i for i, (a, b) in enumerate(zip(written, linked, strict=False)) if a != b), min(len(written), len(linked))
    )
    here, there = (numbers[at] if at < len(numbers) else "nothing" for numbers in (written, linked))
    yield f"{names.report} says {here!r} as its figure number {at + 1}, where {names.html} has {there!r}"


def _numbers_of(text: str) -> Iterator[str]:
    """Of prose and tables, without code, the title, the person's own words and the appendix."""
    tokens = MarkdownIt("commonmark", {"html": False}).enable("table").parse(text)
    quotes, title = 0, False
    for i, token in enumerate(tokens):
        if token.type == "heading_open" and tokens[i + 1].content == _APPENDIX:
            return
        quotes += {"blockquote_open": 1, "blockquote_close": -1}.get(token.type, 0)
        title = (token.tag == "h1" and token.type == "heading_open") or (title and token.type != "heading_close")
        if token.type == "inline" and not quotes and not title:
            yield from _NUMBER.findall(_words(token))


def _words(token: Token) -> str:
    children = token.children or []
    return "".join(child.content if child.type == "text" else " " for child in children)


def _squeezed(text: str) -> str:
    """White space and invisible signs differ between a page and what it was made of."""
    return "".join(letter for letter in text if letter.isprintable() and not letter.isspace())


class _Figure:
    """A link to a claim, as the page has it."""

    def __init__(self, identifier: str, query: str) -> None:
        self.id = identifier
        self.query = query
        self.text = ""
        self.label = False


class _Page(HTMLParser):
    """What of a report's page is checked: linked figures, other numbers, listed queries, and what could run."""

    def __init__(self) -> None:
        super().__init__()
        self.figures: list[_Figure] = []
        self.loose: list[str] = []
        self.queries: dict[str, str] = {}
        self.scripts = 0
        self._open: list[str] = []
        self._figure: _Figure | None = None
        self._query = ""

    @staticmethod
    def of(html: str) -> "_Page":
        page = _Page()
        page.feed(html)
        page.close()
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self._count_what_runs(tag, values)
        if tag in _VOID:
            return
        self._open.append(tag)
        if tag == "a" and values.get("class") == "claim":
            self._figure = _Figure(values.get("href", "").removeprefix("#claim-"), values.get("title", ""))
            self.figures.append(self._figure)
        if tag == "pre" and values.get("id", "").startswith("claim-"):
            self._query = values["id"].removeprefix("claim-")
            self.queries[self._query] = ""
        if tag == "code" and self._figure:
            self._figure.label = True

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass
        if tag == "a":
            self._figure = None
        if tag == "pre":
            self._query = ""

    def handle_data(self, data: str) -> None:
        if self._figure:
            self._figure.text += data
        elif self._query:
            self.queries[self._query] += data
        elif not _NOT_OURS.intersection(self._open):
            self.loose += _NUMBER.findall(data)

    def _count_what_runs(self, tag: str, values: dict[str, str]) -> None:
        fetches = any(
            name in ("src", "href") and not value.startswith(("data:image/", "#")) for name, value in values.items()
        )
        runs = tag in ("script", "iframe", "object", "embed", "link", "form") or any(n.startswith("on") for n in values)
        self.scripts += fetches or runs
