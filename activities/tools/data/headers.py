"""Column names that are safe to show and to quote, from whatever a file calls its columns."""

import unicodedata
from collections.abc import Sequence

LONGEST = 60


def names_for(headers: Sequence[str]) -> tuple[str, ...]:
    """One name per header: printable, on one line, at most `LONGEST` characters, unique without regard to case."""
    taken: set[str] = set()
    names = []
    for position, header in enumerate(headers, start=1):
        name = _unique(cleaned(header) or f"column_{position}", taken)
        taken.add(name.casefold())
        names.append(name)
    return tuple(names)


def cleaned(text: str, longest: int = LONGEST) -> str:
    """Control and invisible characters become spaces, runs of spaces one; what is too long ends in `…`."""
    printable = "".join(" " if unicodedata.category(letter)[0] == "C" else letter for letter in text)
    line = " ".join(printable.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def warnings_for(headers: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """What a person should know about columns that are called otherwise than in the file."""
    return tuple(
        _warning(position, header, name)
        for position, (header, name) in enumerate(zip(headers, names, strict=True), start=1)
        if header.strip() != name
    )


def _unique(name: str, taken: set[str]) -> str:
    candidate, number = name, 2
    while candidate.casefold() in taken:
        suffix = f"_{number}"
        candidate, number = name[: LONGEST - len(suffix)] + suffix, number + 1
    return candidate


def _warning(position: int, header: str, name: str) -> str:
    if not header.strip():
        return f"column {position} has no name; it is called {name!r}"
    if cleaned(header) == name:
        return f"the name of column {position} is shortened or cleaned; it is called {name!r}"
    return f"column {position} has the name of an earlier column ({cleaned(header)!r}); it is called {name!r}"
