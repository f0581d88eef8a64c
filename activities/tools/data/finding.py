"""What was found in a file: sentences, tables and charts that refer to claims for every figure."""

from enum import StrEnum, auto
from itertools import zip_longest

from pydantic import Field

from activities.tools.data.claim import Claim, Claims, Frozen, Source


class Aspect(StrEnum):
    OVERVIEW = auto()
    QUALITY = auto()
    DISTRIBUTIONS = auto()
    GROUPS = auto()
    TRENDS = auto()
    ASSOCIATIONS = auto()
    OUTLIERS = auto()


class Piece(Frozen):
    """A part of a sentence: our own words, a label out of the data, or the figure of a claim. One of the three."""

    text: str = ""
    label: str = ""
    claim: str = Field(default="", description="the claim's id")


Sentence = tuple[Piece, ...]


class Table(Frozen):
    head: tuple[str, ...]
    rows: tuple[tuple[Piece, ...], ...]


class Form(StrEnum):
    BARS = auto()  # a value per label, longest on top
    COLUMNS = auto()  # a value per label, in the labels' order
    HISTOGRAM = auto()
    LINE = auto()
    GRID = auto()
    MATRIX = auto()


class Chart(Frozen):
    """A drawing of one series claim."""

    id: str
    form: Form
    claim: str
    title: str
    x_title: str
    y_title: str
    percent: bool = False


class Finding(Frozen):
    importance: float = Field(ge=0, le=1, description="above a half it may lead the report")
    sentence: Sentence
    more: Sentence = ()
    table: Table | None = None
    charts: tuple[str, ...] = ()


class Findings(Frozen):
    """One aspect of one file."""

    file: str
    aspect: Aspect
    heading: str
    findings: tuple[Finding, ...]
    charts: tuple[Chart, ...]
    sources: tuple[Source, ...]
    claims: tuple[Claim, ...]

    def ledger(self) -> Claims:
        return Claims(sources=self.sources, claims=self.claims)


def say(template: str, *parts: Claim | Piece | Sentence) -> Sentence:
    """Our words, with a part out of the data at each `{}`: a claim (as its figure), a label, or several pieces."""
    words = template.split("{}")
    sentence: list[Piece] = []
    for word, part in zip_longest(words, parts, fillvalue=()):
        sentence += [Piece(text=word)] if isinstance(word, str) and word else []
        sentence += part if isinstance(part, tuple) else (cell(part),)
    return tuple(sentence)


def label(text: str) -> Piece:
    return Piece(label=text)


def cell(part: Claim | Piece) -> Piece:
    return Piece(claim=part.id) if isinstance(part, Claim) else part


def listing(names: tuple[str, ...], most: int = 12) -> Sentence:
    """`a`, `b` and `c`, or the first of them and others."""
    if len(names) > most:
        return (*listing(names[:most]), Piece(text=" and others"))
    pieces: list[Piece] = []
    for position, name in enumerate(names):
        if position:
            pieces.append(Piece(text=" and " if position == len(names) - 1 else ", "))
        pieces.append(label(name))
    return tuple(pieces)
