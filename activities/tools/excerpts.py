"""What a model sees of a long result: whole lines, as many as fit, and a word about the rest."""

from collections.abc import Sequence

from activities.tools.tool import MOST_CONTENT

_LONGEST_LINE = 4000
_FOR_THE_REST = 500  # characters kept free for what is said at the end


def lines_that_fit(lines: Sequence[str], most: int = MOST_CONTENT - _FOR_THE_REST) -> list[str]:
    """The first lines, shortened if need be, that take at most `most` characters together."""
    kept, used = [], 0
    for line in lines:
        shown = shortened(line, _LONGEST_LINE)
        used += len(shown) + 1
        if used > most:
            break
        kept.append(shown)
    return kept


def excerpt(lines: Sequence[str], rest: str = "") -> str:
    """The lines that fit; if some do not, how many, and `rest`: where to see them."""
    kept = lines_that_fit(lines)
    if len(kept) == len(lines):
        return "\n".join(kept)
    return "\n".join([*kept, f"[{len(lines) - len(kept):,} more lines are left out{'; ' if rest else ''}{rest[:300]}]"])


def shortened(text: str, most: int) -> str:
    """On one line and without NUL, which no database keeps; what is too long ends in `…`."""
    line = text.replace("\0", "\ufffd").replace("\r", " ").replace("\n", " ")
    return line if len(line) <= most else line[: most - 1] + "…"
