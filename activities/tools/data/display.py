"""How a value is shown: short, with no more places than it deserves."""

from math import floor, isfinite, log10

from activities.tools.data.claim import Cell, Unit
from activities.tools.data.headers import cleaned

_SIGNIFICANT = 3
_KEPT = 10  # digits: sums of floats over parallel scans differ in the last ones, and results must not


def settled(value: object) -> Cell:
    """A query's answer as it is kept: floats at ten significant digits, those that are
    no number as None, dates as text."""
    match value:
        case None | int() | str():
            return value
        case float() if not isfinite(value):
            return None
        case float():
            return 0.0 if abs(value) < 1e-12 else float(f"{value:.{_KEPT}g}")
        case _:
            return str(value)


def shown(value: Cell, unit: Unit) -> str:
    """336,776 · 12.6 · 0.00135 · 2.5 % · any label as it is. A missing value is a dash."""
    match value:
        case None:
            return "–"
        case str():
            return cleaned(value)
        case _ if unit is Unit.SHARE:
            return f"{_percent(value * 100)} %"
        case int() | float() if unit is Unit.CODE:
            return f"{value:.12g}"
        case int():
            return f"{value:,}"
        case float():
            return _number(value)


def _percent(value: float) -> str:
    """One place; more below a tenth, and as many as keep 99.97 from being called 100."""
    if 0 < abs(value) < 0.1:
        return _number(value)
    places = 1
    while places < _KEPT and value != 100 and round(value, places) == 100:
        places += 1
    return f"{value:.{places}f}".removesuffix(".0")


def _number(value: float) -> str:
    """Three significant digits, but never fewer than the whole part has."""
    if value == 0:
        return "0"
    magnitude = floor(log10(abs(value)))
    if magnitude >= 12 or magnitude < -6:
        return f"{value:.2e}"
    places = max(_SIGNIFICANT - 1 - magnitude, 0)
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
