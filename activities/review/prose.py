"""What a document says to its reader, without markup: passages, headings, links and the places that links can lead to.

Markdown is taken apart into blocks by a parser and within a line by patterns of our own, which stay quick on hostile
text where a full inline parser does not.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser

from markdown_it import MarkdownIt
from markdown_it.token import Token

MARKDOWN = (".md", ".markdown")
HTML = (".html", ".htm")
_LONGEST_LINE = 100_000  # of Markdown; what is longer is no prose
_CODE = re.compile(r"(?<!`)(`{1,3})(?!`)([^`]*)(?<!`)\1(?!`)")
_LINK = re.compile(r"\]\(\s*<?([^()\s<>]*(?:\([^()\s<>]*\)[^()\s<>]*)?)>?(?:\s+[\"'][^\"'\n]*[\"'])?\s*\)")
_AUTOLINK = re.compile(r"<((?:https?|mailto):[^<>\s]*)>")
_BARE_URL = re.compile(r"(?:https?://|www\.)[^\s<>()\[\]]+")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<!--[^<>]*-->")
_ATTRIBUTE = re.compile(r"\b(src|href|id|name)\s*=\s*[\"']([^\"'<>]*)[\"']", re.IGNORECASE)
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
_EXPLICIT_ID = re.compile(r"\s*\{#([\w-]+)\}\s*$")
_BRACKETS = re.compile(r"!?\[(?!\^?\d{1,3}\])([^\[\]]*)\]")  # but for footnotes
_SPACE = re.compile(r"[ \t\r\n\f\v]+")
_EMPHASIS = re.compile(r"(?<!\\)\*+|(?<!\w)_+|_+(?!\w)")
_UNSPOKEN = {"script", "style", "pre", "title", "template", "svg"}
_BLOCKS = {"p", "li", "td", "th", "tr", "div", "br", "section", "blockquote", "table", "dd", "dt", "figcaption", "ul"}
_HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}


@dataclass(frozen=True)
class Passage:
    """A paragraph, list item, table cell or heading, on one line."""

    text: str
    level: int = 0  # of a heading, from 1
    row: int = 0  # in the first column of a table: which row, from 1

    @property
    def heading(self) -> bool:
        return self.level > 0


@dataclass
class Document:
    passages: list[Passage] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)

    def headings(self) -> list[str]:
        return [passage.text for passage in self.passages if passage.heading]

    def words(self) -> str:
        return "\n".join(passage.text for passage in self.passages)


def document_of(text: str, name: str) -> Document:
    """By the name's ending; what is neither Markdown nor HTML is plain text, a passage per line."""
    suffix = name.lower()
    if suffix.endswith(HTML):
        return _html(text)
    if suffix.endswith(MARKDOWN) and max(map(len, text.splitlines()), default=0) <= _LONGEST_LINE:
        return _markdown(text)
    return Document(passages=[Passage(_on_one_line(line)) for line in text.splitlines() if line.strip()])


def _markdown(text: str) -> Document:
    environment: dict[str, dict[str, dict[str, str]]] = {}
    tokens = MarkdownIt("commonmark").enable("table").disable("inline").parse(text, environment)
    document = Document(links=[reference["href"] for reference in environment.get("references", {}).values()])
    row = column = 0
    for before, token in zip([*tokens[:1], *tokens], tokens, strict=False):
        match token.type:
            case "tbody_open":
                row = 0
            case "tr_open":
                row, column = row + 1, 0
            case "td_open" | "th_open":
                column += 1
            case "html_block":
                _add(_html(token.content), document)
            case "inline":
                first = before.type == "td_open" and column == 1
                level = int(before.tag[1:]) if before.type == "heading_open" else 0
                _take(token, document, level, row if first else 0)
    document.anchors |= set(_slugs(document.headings()))
    return document


def _take(token: Token, document: Document, level: int, row: int) -> None:
    """A block's text: code gone (but for a figure alone in it), of links and pictures the words, tags gone."""
    text = _CODE.sub(lambda match: match[2] if _is_figure(match[2]) else " ", token.content)
    document.links += _LINK.findall(text)
    document.links += _AUTOLINK.findall(text)
    _take_attributes(text, document)
    if level and (explicit := _EXPLICIT_ID.search(text)):
        document.anchors.add(explicit[1].casefold())
        text = text[: explicit.start()]
    for pattern, instead in ((_LINK, "] "), (_AUTOLINK, " "), (_BARE_URL, " "), (_TAG, " ")):
        text = pattern.sub(instead, text)
    text = _EMPHASIS.sub("", _BRACKETS.sub(r"\1", unescape(text)))
    document.passages.append(Passage(_on_one_line(_ESCAPE.sub(r"\1", text)), level, row))


def _add(part: Document, document: Document) -> None:
    document.passages += part.passages
    document.links += part.links
    document.anchors |= part.anchors


def _take_attributes(html: str, document: Document) -> None:
    for name, value in _ATTRIBUTE.findall(" ".join(_TAG.findall(html))):
        if name.lower() in ("id", "name"):
            document.anchors.add(value.casefold())
        else:
            document.links.append(unescape(value))


def _on_one_line(text: str) -> str:
    """Spaces that do not break stay: they group digits."""
    return _SPACE.sub(" ", text).strip()


def _is_figure(text: str) -> bool:
    return len(text) < 30 and re.fullmatch(r"[\s\d.,%+\-−]*", text) is not None


def _slugs(headings: Sequence[str]) -> list[str]:
    """As GitHub and most renderers call headings."""
    slugs: list[str] = []
    for heading in headings:
        bare = re.sub(r"[^\w\- ]", "", heading.strip().casefold()).replace(" ", "-")
        number, slug = 0, bare
        while slug in slugs:
            number, slug = number + 1, f"{bare}-{number + 1}"
        slugs.append(slug)
    return slugs


def _html(text: str) -> Document:
    page = _Page()
    page.feed(text)  # and no close(): on tags that never end it takes time by the square of their number
    page.end_passage()
    return page.document


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.document = Document()
        self._text: list[str] = []
        self._unspoken: list[str] = []
        self._level = 0
        self._row = self._column = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.document.links += [values[name] for name in ("href", "src") if name in values]
        self.document.anchors |= {values[name].casefold() for name in ("id", "name") if name in values}
        if tag in _UNSPOKEN:
            self._unspoken.append(tag)
        if tag in _BLOCKS or tag in _HEADINGS:
            self.end_passage()
            self._level = _HEADINGS.get(tag, 0)
        match tag:
            case "table" | "tbody":
                self._row = 0
            case "tr":
                self._row, self._column = self._row + 1, 0
            case "td" | "th":
                self._column += 1

    def handle_endtag(self, tag: str) -> None:
        if self._unspoken and tag == self._unspoken[-1]:
            self._unspoken.pop()
        if tag in _BLOCKS or tag in _HEADINGS:
            self.end_passage()
        if tag == "table":
            self._row = self._column = 0

    def handle_data(self, data: str) -> None:
        if not self._unspoken:
            self._text.append(data)

    def end_passage(self) -> None:
        text = _on_one_line("".join(self._text))
        if text:
            self.document.passages.append(Passage(text, self._level, self._row if self._column == 1 else 0))
        self._text, self._level = [], 0
