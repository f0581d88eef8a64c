"""Text of others, as it may go to a terminal."""

import unicodedata

_HARMLESS = "\n\t\u200c\u200d"
"""The last two join letters, or part them, in scripts that need it."""


def printable(text: str) -> str:
    """Without what moves cursors, changes titles or turns the direction of writing: anybody may have written it."""
    return "".join(char if char in _HARMLESS or unicodedata.category(char)[0] != "C" else "\ufffd" for char in text)
