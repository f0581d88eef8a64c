"""Sentences, tables and figures as HTML and as Markdown, such that data never becomes structure."""

import posixpath
import re
import unicodedata
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from activities.tools.data.claim import MISSING, Claim, Unit
from activities.tools.data.finding import Piece
from activities.tools.data.headers import cleaned
from activities.tools.data.report import Report

_TEMPLATES = Path(__file__).parents[1] / "templates"
_LONGEST_LABEL = 80
_SIGNS = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~&])")


def html_of(report: Report) -> str:
    environment = page_environment()
    claims = {claim.id: claim for claim in report.claims.claims}
    environment.filters["piece"] = lambda piece: _html_piece(piece, claims)
    return environment.get_template("data_report.html.j2").render(report=report, missing=_missing_words())


def markdown_of(report: Report, folder: str) -> str:
    """Pictures are named as seen from `folder`, where the text will lie."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        autoescape=select_autoescape(["html.j2"]), keep_trailing_newline=True,
    )  # fmt: skip
    claims = {claim.id: claim for claim in report.claims.claims}
    environment.filters["piece"] = lambda piece: _markdown_piece(piece, claims)
    environment.filters["code"] = code_span
    environment.filters["plain"] = _escaped
    environment.filters["beside"] = lambda name: posixpath.relpath(name, folder or ".")
    return environment.get_template("data_report.md.j2").render(report=report, missing=_missing_words())


def page_environment() -> Environment:
    """For pages of their own: the style lies inside, and the policy lets nothing else in."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        autoescape=select_autoescape(["html.j2"]),
    )  # fmt: skip
    style = (_TEMPLATES / "style.css").read_text(encoding="utf-8")
    environment.globals["style"] = Markup(style)
    environment.globals["policy"] = _policy(style)
    environment.filters["label"] = lambda text: cleaned(str(text), _LONGEST_LABEL)
    environment.filters["printable"] = printable
    return environment


def printable(text: str) -> str:
    """Without control and direction characters; line ends stay."""
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs"))


def code_span(text: str) -> str:
    """A Markdown code span around any text, on one line, safe inside a table."""
    shown = cleaned(text, 100_000).replace("|", "\\|")
    fence = "`" * (max((len(run) for run in re.findall(r"`+", shown)), default=0) + 1)
    space = " " if shown[:1] in ("`", "") or shown[-1:] == "`" else ""
    return f"{fence}{space}{shown}{space}{fence}"


def _policy(style: str) -> str:
    digest = b64encode(sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _html_piece(piece: Piece, claims: dict[str, Claim]) -> Markup:
    if piece.claim:
        claim = claims[piece.claim]
        shown = Markup("<code>{}</code>").format(claim.display) if claim.unit is Unit.LABEL else escape(claim.display)
        return Markup('<a class="claim" href="#claim-{}" title="{}">{}</a>').format(claim.id, claim.query, shown)
    if piece.label:
        return Markup("<code>{}</code>").format(cleaned(piece.label, _LONGEST_LABEL))
    return escape(piece.text)


def _markdown_piece(piece: Piece, claims: dict[str, Claim]) -> str:
    if piece.claim:
        claim = claims[piece.claim]
        return code_span(claim.display) if claim.unit is Unit.LABEL else claim.display
    return code_span(cleaned(piece.label, _LONGEST_LABEL)) if piece.label else piece.text


def _escaped(text: str) -> str:
    """Text of a person as Markdown that shows it as it is, on one line."""
    return _SIGNS.sub(r"\\\1", cleaned(text, 10_000))


def _missing_words() -> tuple[str, ...]:
    return tuple(word for word in MISSING if word)
