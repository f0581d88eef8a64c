"""Whether what a report says is what the source says: values, and the text that stands for them."""

import re
import unicodedata
from decimal import Decimal, InvalidOperation

from activities.tools.data.claim import Cell, Claim, Unit

_RELATIVE, _ABSOLUTE = 1e-6, 1e-9
_NUMBER = re.compile(r"-?\d[\d,]*(\.\d+)?(e[+-]\d+)?( %)?")


def same(told: object, found: object) -> bool:
    """Floats within a millionth; all else exactly. A whole number may be told as a float."""
    if isinstance(told, bool) or isinstance(found, bool):
        return told is found
    if isinstance(told, int) and isinstance(found, int):
        return told == found
    if isinstance(told, int | float) and isinstance(found, int | float):
        return abs(told - found) <= max(_ABSOLUTE, _RELATIVE * max(abs(told), abs(found)))
    return told == found


def shows(claim: Claim, found: Cell) -> bool:
    """Whether the claim's display is a fair rounding of what was found: right to half its last place."""
    if found is None:
        return claim.display == "–"
    if isinstance(found, str):
        return _shows_text(claim.display, found)
    match = _NUMBER.fullmatch(claim.display)
    if match is None or (match[3] is not None) != (claim.unit is Unit.SHARE):
        return False
    try:
        shown = Decimal(claim.display.removesuffix(" %").replace(",", ""))
    except InvalidOperation:
        return False
    scale = 100 if claim.unit is Unit.SHARE else 1
    exponent = shown.as_tuple().exponent
    half_a_place = Decimal(5).scaleb(int(exponent) - 1) if exponent else Decimal("0.5")
    exact = claim.unit in (Unit.COUNT, Unit.CODE) and isinstance(found, int)
    slack = Decimal(0) if exact else half_a_place + Decimal(abs(found) * _RELATIVE * scale)
    return abs(shown - Decimal(found) * scale) <= slack


def _shows_text(display: str, found: str) -> bool:
    """Without control characters, runs of white space as one; a long text may be cut, and then ends in `…`."""
    clean = " ".join("".join(" " if unicodedata.category(c).startswith("C") else c for c in found).split())
    return display == clean or (display.endswith("…") and len(display) >= 40 and clean.startswith(display[:-1]))
