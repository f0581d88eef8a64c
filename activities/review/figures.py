"""Figures in texts: where they are, and which numbers each may stand for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_SPACES = "\u00a0\u202f\u2009"  # that group digits
_NUMBER = re.compile(
    rf"(?:(?<![\w.,])|(?<=USD)|(?<=EUR)|(?<=GBP)|(?<=CHF))(?P<sign>(?<!\d)[-−+])?(?P<digits>\d{{1,3}}(?:[,'’{_SPACES}]\d{{3}})+(?:\.\d+)?(?!\d)|\d+(?:[.,]\d+)?)"
    rf"(?:[eE](?P<power>[+-]?\d{{1,2}})(?![\w]))?"
    rf"(?P<unit>[ {_SPACES}]?(?:%|‰|per ?cent\b|percentage points?\b|pp\b)"
    rf"|[ {_SPACES}-]?(?:thousand|million|billion|trillion|mn|bn)\b|[kKM]\b)?"
)
_SCALES = {"thousand": 1e3, "k": 1e3, "million": 1e6, "mn": 1e6, "m": 1e6, "billion": 1e9, "bn": 1e9, "trillion": 1e12}
_ROUGHLY = re.compile(
    r"(?:\b(?:about|around|roughly|approximately|nearly|almost|some|circa|ca\.|over|more than)|[~≈])\s*$", re.I
)
_ROUGH_SHARE = 0.05  # of the value: what "about" excuses at most
_MONTHS = (
    "(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_DATES = re.compile(
    r"\b\d{4}-\d{2}(?:-\d{2})?(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?\b"
    r"|\b\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:\s?[ap]\.?m\b)?|\b\d{1,2}\s?[ap]\.?m\b"
    r"|\b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b"
    rf"|\b\d{{1,2}}(?:st|nd|rd|th|\.)?(?:\s?[-–]\s?\d{{1,2}}(?:st|nd|rd|th|\.)?)?(?:\sof)?\s{_MONTHS}(?:,?\s\d{{4}}\b)?"
    rf"|\b{_MONTHS}\s(?:\d{{1,2}}(?:st|nd|rd|th)?\b(?!,\d{{3}})(?:\s?[-–]\s?\d{{1,2}}\b)?(?:,?\s\d{{4}}\b)?|\d{{4}}\b)"
    r"|\b\d{4}-?(?:Q[1-4]|W\d{1,2})\b|\bQ[1-4](?:[ /-]\d{4})?\b",
    re.I,
)
_NAMES = re.compile(
    r"\b\d+(?:st|nd|rd|th)\b|\b\d+(?:\.\d+){2,}\b|\b(?!USD|EUR|GBP|CHF)[A-Za-z_][\w-]{0,40}?\d[\w.-]*", re.I
)
_LEADING = re.compile(r"^\d{1,3}[.)](?=\s)")
_LEADING_OF_HEADING = re.compile(r"^\d+(?:\.\d+)*[.)]?(?=\s)")
_FOOTNOTE = re.compile(r"\[\^?\d{1,3}\]")
_FIRST_YEAR, _LAST_YEAR = 1900, 2100


@dataclass(frozen=True)
class Figure:
    text: str
    start: int
    value: float
    half_a_place: float
    percent: bool
    signed: bool
    bare: bool  # digits and nothing else
    scaled: bool = False
    rough: bool = False  # "about", with zeros at the end

    def ranges(self) -> Iterator[tuple[float, float]]:
        """Of the numbers that it may stand for: as it is, a percentage also as a share, and a fall without its sign."""
        for scale in (1.0, 0.01) if self.percent else (1.0,):
            middle, half = self.value * scale, self.half_a_place * scale
            slack = half + 1e-9 * max(1e-3, abs(middle))
            yield middle - slack, middle + slack
            if not self.signed and middle:
                yield -middle - slack, -middle + slack

    def shows(self, number: float, tolerance: float = 0.0) -> bool:
        """Whether it is a rounding of the number: right to half its last place, or within the share `tolerance`."""
        more = tolerance * abs(number)
        return any(low - more <= number <= high + more for low, high in self.ranges())

    @property
    def small(self) -> bool:
        """A single digit, which is found anywhere."""
        return self.bare and abs(self.value) < 10

    @property
    def year(self) -> bool:
        return self.bare and len(self.text) == 4 and _FIRST_YEAR <= self.value <= _LAST_YEAR


def figures_in(text: str) -> Iterator[Figure]:
    """All numbers, also small ones and years, but for those in dates, times and names such as B737 or 1.2.3."""
    readable = _blank(_NAMES, _blank(_DATES, text))
    for match in _NUMBER.finditer(readable):
        yield _figure(match, text)


def claims_in(text: str, heading: bool = False) -> Iterator[Figure]:
    """Figures that say something: not a lone digit, a year, or the number of a list item, heading or footnote.

    In headings only those with decimals, groups of digits or a unit: "Top 10" is a name.
    """
    readable = _blank(_FOOTNOTE, _blank(_LEADING_OF_HEADING if heading else _LEADING, text))
    for figure in figures_in(readable):
        if not (figure.small or figure.year or (heading and figure.bare)):
            yield figure


def sentence_around(text: str, start: int, most: int = 160) -> str:
    """The sentence that has the place `start`, shortened around it."""
    ends = [match.end() for match in re.finditer(r"[.!?;](?=\s)", text[max(0, start - 1000) : start])]
    begin = max(0, start - 1000) + ends[-1] if ends else max(0, start - 1000)
    begin = max(begin, start - most // 2)
    stop = re.compile(r"[.!?;](?=\s|$)").search(text, start)
    end = min(stop.end() if stop else len(text), begin + most)
    return text[begin:end].strip()


def _figure(match: re.Match[str], text: str) -> Figure:
    digits, unit = match["digits"], (match["unit"] or "").strip(f" -{_SPACES}").lower()
    grouped = re.search(rf"\d[,'’{_SPACES}]\d{{3}}", digits) is not None and not re.fullmatch(r"\d+,\d+", digits)
    grouped = grouped or re.fullmatch(r"\d{1,3},\d{3}", digits) is not None
    plain = re.sub(rf"[,'’{_SPACES}]", "", digits) if grouped else digits.replace(",", ".")
    places = len(plain.partition(".")[2])
    scale = _SCALES.get(unit, 1.0) * 10.0 ** int(match["power"] or 0)
    sign = -1.0 if match["sign"] in ("-", "−") else 1.0
    value = float(plain[:300]) * scale
    rough = unit == "" and not places and plain.endswith("0") and bool(_ROUGHLY.search(text[: match.start()][-20:]))
    half = 0.5 * 10.0**-places * scale
    if rough:
        half = min(0.5 * 10.0 ** (len(plain) - len(plain.rstrip("0"))), _ROUGH_SHARE * value)
    return Figure(
        text=match.group().strip(),
        start=match.start(),
        value=sign * value,
        half_a_place=half,
        percent=unit.startswith(("%", "per", "pp")),
        signed=match["sign"] is not None,
        bare=not (grouped or places or unit or match["power"]),
        scaled=unit in _SCALES,
        rough=rough,
    )


def _blank(pattern: re.Pattern[str], text: str) -> str:
    """The text with spaces in place of what the pattern finds, so that places stay the same."""
    return pattern.sub(lambda match: " " * len(match.group()), text)
