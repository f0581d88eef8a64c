"""text.length and links.resolve: whether a document is as long as asked, has its sections, and leads somewhere."""

import posixpath
import re
from collections.abc import Iterator
from itertools import islice
from urllib.parse import unquote, urlsplit

from pydantic import Field

from activities.review.artifacts import Unfit, text_of
from activities.review.check import Check
from activities.review.prose import HTML, MARKDOWN, Document, Passage, document_of
from activities.tools.tool import ToolInput, Workspace

_MOST_FAULTS = 20
_WORD = re.compile(r"\w+(?:['’.,-]\w+)*")
_NUMBERING = re.compile(r"^(?:\d+(?:\.\d+)*[.)]?|[ivxIVX]+\.|[A-Za-z][.)])\s+")
_HOST = re.compile(r"[\w-]+(\.[\w-]+)+|localhost")


class TextLengthInput(ToolInput):
    artifact: str = Field(description="name of a Markdown, HTML or plain text artifact")
    min_words: int = Field(default=0, ge=0, description="the fewest words; markup, code and pictures do not count")
    max_words: int = Field(default=0, ge=0, description="the most words; 0: as many as there are")
    sections: tuple[str, ...] = Field(
        default=(),
        description="headings that must be there, such as Summary; numbering, case and a colon at the end do not "
        "matter, the words must be the same. A section without any text below its heading does not count",
    )


class TextLength(Check):
    name = "text.length"
    description = "The text has so many words, and has the sections asked for, each with text in it."
    input_model = TextLengthInput

    def run(self, arguments: ToolInput, workspace: Workspace) -> tuple[str, ...]:
        assert isinstance(arguments, TextLengthInput)
        try:
            document = document_of(text_of(arguments.artifact, workspace), arguments.artifact)
        except Unfit as error:
            return (str(error),)
        return tuple(f"{arguments.artifact} {fault}" for fault in _faults_of_length(arguments, document))


def _faults_of_length(asked: TextLengthInput, document: Document) -> Iterator[str]:
    words = len(_WORD.findall(document.words()))
    if words < asked.min_words:
        yield f"has {words:,} words, at least {asked.min_words:,} were asked for"
    if asked.max_words and words > asked.max_words:
        yield f"has {words:,} words, at most {asked.max_words:,} were asked for"
    sections = _sections(document, plain=not asked.artifact.lower().endswith((*MARKDOWN, *HTML)))
    for wanted in asked.sections:
        filled = sections.get(_bare(wanted))
        if filled is None:
            there = ", ".join(islice((repr(heading) for heading in document.headings()), 12)) or "none"
            yield f"has no section {wanted!r}; its headings are: {there[:400]}"
        elif not filled:
            yield f"has nothing in its section {wanted!r}"


def _sections(document: Document, plain: bool) -> dict[str, bool]:
    """Per heading whether there is text before the next of its level. In plain text any line may be a heading."""
    sections: dict[str, bool] = {}
    open_headings: list[Passage] = []
    for n, passage in enumerate(document.passages):
        if plain:
            sections[_bare(passage.text)] = n + 1 < len(document.passages)
        elif passage.heading:
            open_headings = [*(above for above in open_headings if above.level < passage.level), passage]
            sections.setdefault(_bare(passage.text), False)
        else:
            sections |= {_bare(above.text): True for above in open_headings}
    return sections


def _bare(heading: str) -> str:
    return " ".join(_NUMBERING.sub("", heading.strip().lstrip("#").strip()).rstrip(":").split()).casefold()


class LinksResolveInput(ToolInput):
    artifact: str = Field(description="name of a Markdown (.md) or HTML (.html) artifact")


class LinksResolve(Check):
    name = "links.resolve"
    description = (
        "Every relative link and picture in a Markdown or HTML artifact points at an artifact that exists (as seen "
        "from its own folder), every #fragment at a heading or id. Of http(s) links only the form is checked, nothing "
        "is fetched: a page may still not exist."
    )
    input_model = LinksResolveInput

    def run(self, arguments: ToolInput, workspace: Workspace) -> tuple[str, ...]:
        assert isinstance(arguments, LinksResolveInput)
        name = arguments.artifact
        if not name.lower().endswith((*MARKDOWN, *HTML)):
            return (f"{name} is neither Markdown (.md) nor HTML (.html), so it has no links to check",)
        try:
            document = document_of(text_of(name, workspace), name)
        except Unfit as error:
            return (str(error),)
        links = _Links(name, document, workspace)
        faults = (fault for link in dict.fromkeys(document.links) for fault in links.faults(link))
        return tuple(islice(faults, _MOST_FAULTS))


class _Links:
    """What the links of one document may point at."""

    def __init__(self, name: str, document: Document, workspace: Workspace) -> None:
        self._name = name
        self._workspace = workspace
        self._there = set(workspace.names())
        self._documents = {name: document}

    def faults(self, link: str) -> Iterator[str]:
        shown = repr(link if len(link) <= 120 else link[:120] + "…")
        fault = self._fault(link.strip())
        if fault:
            yield f"{self._name}: the link {shown} {fault}"

    def _fault(self, link: str) -> str:
        try:
            parts = urlsplit(link)
        except ValueError as error:
            return f"is malformed: {error}"
        match parts.scheme.lower():
            case "http" | "https":
                return "" if _HOST.fullmatch(parts.hostname or "") else "names no proper host"
            case "mailto":
                return "" if "@" in parts.path else "names no address"
            case "data" | "tel":
                return ""
            case "":
                return self._fault_of_relative(link, unquote(parts.path), unquote(parts.fragment), parts.netloc)
            case other:
                return f"uses {other}:, which readers cannot follow; only relative and http(s) links may be used"

    def _fault_of_relative(self, link: str, path: str, fragment: str, host: str) -> str:
        if not link:
            return "is empty"
        if host or path.startswith("/"):
            return "is absolute; name the artifact as seen from this one's folder"
        target = posixpath.normpath(posixpath.join(posixpath.dirname(self._name), path)) if path else self._name
        if target not in self._there:
            return f"points at {target[:120]!r}, which is no artifact"
        if fragment and not self._leads_somewhere(target, fragment):
            return f"points at #{fragment[:80]}, but {target} has no such heading or id"
        return ""

    def _leads_somewhere(self, target: str, fragment: str) -> bool:
        if not target.lower().endswith((*MARKDOWN, *HTML)):
            return True
        if target not in self._documents:
            try:
                self._documents[target] = document_of(text_of(target, self._workspace), target)
            except Unfit:
                return False
        return fragment.casefold() in self._documents[target].anchors


CHECKS: tuple[type[Check], ...] = (TextLength, LinksResolve)
