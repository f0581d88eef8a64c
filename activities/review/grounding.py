"""figures.match: no figure in a text that its sources do not have."""

import re
from collections.abc import Iterator
from itertools import islice

from pydantic import Field

from activities.review.artifacts import Unfit, text_of
from activities.review.check import Check
from activities.review.evidence import MOST_ROWS_WITH_CELLS, unproven
from activities.review.figures import Figure, claims_in, sentence_around
from activities.review.prose import Passage, document_of
from activities.tools.tool import ToolError, ToolInput, Workspace

_MOST_FAULTS = 20
_MOST_FIGURES = 5000


class FiguresMatchInput(ToolInput):
    artifact: str = Field(description="name of the Markdown, HTML or text artifact whose figures are checked")
    sources: tuple[str, ...] = Field(
        min_length=1,
        description="names of the artifacts and files that the figures come from: tables such as data.query writes, "
        f"JSON, or texts. In a table of more than {MOST_ROWS_WITH_CELLS:,} rows single cells do not count (nearly any "
        "number occurs there), only its totals: name the result tables that the text is about",
    )
    ignore: tuple[str, ...] = Field(
        default=(), description="figures that need no source, as the text has them, such as 737, 95 % or 1,000"
    )


class FiguresMatch(Check):
    name = "figures.match"
    description = (
        "Every figure in the text (with decimals, thousands separators or a per cent sign, and whole numbers of two or "
        "more digits) is found in one of the sources, rounded to the digits shown: in a cell; as sum, mean, median, "
        "least, greatest, number or missing number of a column; as the number of rows or columns; or in a source's "
        "text; a share also as a per cent. Years, dates, times, code and numbering are not looked at. A figure that "
        "the author computed must be in a source too, so have the computed table kept as an artifact."
    )
    input_model = FiguresMatchInput

    def run(self, arguments: ToolInput, workspace: Workspace) -> tuple[str, ...]:
        assert isinstance(arguments, FiguresMatchInput)
        try:
            document = document_of(text_of(arguments.artifact, workspace), arguments.artifact)
        except Unfit as error:
            return (str(error),)
        ignored = {_bare(figure) for figure in arguments.ignore}
        found = list(islice(_figures(document.passages, ignored), _MOST_FIGURES))
        return tuple(islice(_faults(arguments, found, workspace), _MOST_FAULTS))


def _figures(passages: list[Passage], ignored: set[str]) -> Iterator[tuple[Figure, Passage]]:
    for passage in passages:
        for figure in claims_in(passage.text, passage.heading):
            numbers_a_row = passage.row > 0 and passage.text == str(passage.row)
            if not numbers_a_row and _bare(figure.text) not in ignored:
                yield figure, passage


def _faults(asked: FiguresMatchInput, found: list[tuple[Figure, Passage]], workspace: Workspace) -> Iterator[str]:
    left = [figure for figure, _ in found]
    for number, source in enumerate(asked.sources):
        workspace.progress(number / len(asked.sources), f"looking for figures in {source}"[:200])
        try:
            left = unproven(left, source, workspace)
        except (Unfit, ToolError) as error:
            yield f"the source cannot be used: {error}"
    unknown = {id(figure) for figure in left}
    named = ", ".join(asked.sources)[:200]
    for figure, passage in found:
        if id(figure) in unknown:
            sentence = sentence_around(passage.text, figure.start)
            yield f"{asked.artifact}: {figure.text!r} is in none of the sources ({named}); it says “{sentence}”"


def _bare(figure: str) -> str:
    return re.sub(r"\s", "", figure).casefold()


CHECKS: tuple[type[Check], ...] = (FiguresMatch,)
