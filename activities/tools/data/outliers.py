"""Outliers: values beyond Tukey's fences, and how far out the extremes lie."""

from activities.tools.data.claim import Op
from activities.tools.data.finding import Finding, Table, cell, label, listing, say
from activities.tools.data.profile import ColumnProfile, Role
from activities.tools.data.study import Study, number

_MOST_MEASURES = 12
_FEWEST_ROWS = 20
_MANY = 0.02
_METHOD = (
    "A value counts as far out when it lies more than one and a half interquartile ranges below the first or above "
    "the third quartile (Tukey's fences). Far out is not wrong: long tails are common."
)


def outliers(study: Study) -> list[Finding]:
    measures = [column for column in study.profile.of(Role.MEASURE) if column.filled >= _FEWEST_ROWS][:_MOST_MEASURES]
    flat = tuple(column.name for column in measures if _fence_width(study, column) == 0)
    counted = [column for column in measures if column.name not in flat]
    found = [column for column in counted if number(study.figure(Op.OUTLIERS, column.name)) > 0]
    found.sort(key=lambda column: (-number(study.figure(Op.OUTLIER_SHARE, column.name)), column.name))
    findings = [_summary(study, found)] if found else [_none(bool(counted))]
    if flat:
        findings.append(_flat(flat))
    return findings


def _fence_width(study: Study, column: ColumnProfile) -> float:
    upper, lower = study.figure(Op.UPPER_FENCE, column.name), study.figure(Op.LOWER_FENCE, column.name)
    return number(upper) - number(lower)


def _summary(study: Study, found: list[ColumnProfile]) -> Finding:
    first = found[0]
    count, share = study.figure(Op.OUTLIERS, first.name), study.figure(Op.OUTLIER_SHARE, first.name)
    return Finding(
        importance=0.55 if number(share) > _MANY else 0.35,
        sentence=say("{} has the most values far out: {}, or {} of all.", label(first.name), count, share),
        more=say(_METHOD),
        table=Table(
            head=("Column", "Far out", "Share", "Lower fence", "Upper fence", "Lowest", "Highest"),
            rows=tuple(
                (label(column.name), *(cell(study.figure(op, column.name)) for op in _FIGURES)) for column in found
            ),
        ),
    )


_FIGURES = (Op.OUTLIERS, Op.OUTLIER_SHARE, Op.LOWER_FENCE, Op.UPPER_FENCE, Op.MIN, Op.MAX)


def _none(looked: bool) -> Finding:
    if looked:
        return Finding(importance=0.2, sentence=say("No quantity has values far out by Tukey's fences."))
    return Finding(
        importance=0.1, sentence=say("There are too few rows, or no quantities, to look for values far out.")
    )


def _flat(names: tuple[str, ...]) -> Finding:
    verb = "has" if len(names) == 1 else "have"
    return Finding(
        importance=0.1,
        sentence=say(f"{{}} {verb} so often one value that fences would call all others far out.", listing(names)),
    )
