"""What is wrong with what was asked for, before either door has put it into its own words."""

from collections.abc import Iterable
from typing import NamedTuple


class Fault(NamedTuple):
    field: tuple[str | int, ...]
    """As in ("files", 0) or ("inputs", "colour")."""
    text: str
    line: str = ""
    """How a command line says it, where the field alone does not tell."""


class Faulty(Exception):
    """Everything that is wrong; `hints` say to a person at a shell what to do about it."""

    def __init__(self, *faults: Fault, hints: Iterable[str] = ()) -> None:
        super().__init__("; ".join(fault.text for fault in faults))
        self.faults = faults
        self.hints = tuple(hints)
