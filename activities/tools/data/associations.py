"""Associations: which columns move together, strongest first, and none that is weak."""

from dataclasses import dataclass
from itertools import combinations
from math import sqrt

from activities.tools.data.bins import edges_for
from activities.tools.data.claim import Measure, Op
from activities.tools.data.finding import Finding, Form, label, say
from activities.tools.data.profile import ColumnProfile, Role
from activities.tools.data.study import Study, number
from activities.tools.data.tables import quoted
from activities.tools.data.variance import explained_by

_MOST_MEASURES = 14
_MOST_CATEGORIES = 8
_MOST_TOLD = 4  # of each sort
_GRID = 18
_SAMPLE_ROWS = 50_000
_NOTABLE, _STRONG, _SAME = 0.3, 0.7, 0.999
_NOTABLE_SHARE, _FIXED_SHARE = 0.14, 0.999
_NOTABLE_V = 0.2
_CERTAIN = 4.0  # standard errors


@dataclass(frozen=True)
class _Pair:
    a: str
    b: str
    strength: float
    by_rank: bool = False


def associations(study: Study) -> list[Finding]:
    numeric = _numeric_pairs(study)
    findings = [_numeric(study, pair) for pair in numeric[:_MOST_TOLD]]
    findings += [_ratio(study, pair) for pair in _ratio_pairs(study)[:_MOST_TOLD]]
    findings += [_categories(study, pair) for pair in _category_pairs(study)[:_MOST_TOLD]]
    if not findings:
        return [Finding(importance=0.25, sentence=say("No two columns are more than weakly associated."))]
    findings.sort(key=lambda finding: -finding.importance)
    return findings + _matrix(study, numeric)


def _measures(study: Study) -> tuple[ColumnProfile, ...]:
    columns = (column for column in study.profile.columns if column.role is Role.MEASURE or column.ordinal)
    return tuple(columns)[:_MOST_MEASURES]


def _numeric_pairs(study: Study) -> list[_Pair]:
    """Pearson over all rows, Spearman over a fixed part of them; a pair counts for the stronger of the two."""
    pairs = list(combinations([column.name for column in _measures(study)], 2))
    if not pairs:
        return []
    straight = _correlations(study, pairs, "source")
    ranks = _correlations(study, pairs, f"({_ranked(study)})")
    told = []
    for (a, b), (pearson, n), (spearman, _) in zip(pairs, straight, ranks, strict=True):
        by_rank = abs(spearman) > abs(pearson) + 0.1 and abs(pearson) < _STRONG
        strength = spearman if by_rank else pearson
        if abs(strength) >= _NOTABLE and _certain(strength, n):
            told.append(_Pair(a, b, strength, by_rank))
    return sorted(told, key=lambda pair: (-round(abs(pair.strength), 6), pair.a, pair.b))


def _correlations(study: Study, pairs: list[tuple[str, str]], table: str) -> list[tuple[float, float]]:
    """Per pair: the coefficient, 0 where there is none, and the number of complete rows."""
    parts = ", ".join(f"corr({quoted(a)}, {quoted(b)}), regr_count({quoted(a)}, {quoted(b)})" for a, b in pairs)
    answers = [float(str(answer or 0)) for answer in study.db.one(f"SELECT {parts} FROM {table}")]
    return list(zip(answers[::2], answers[1::2], strict=True))


def _ranked(study: Study) -> str:
    """Every n-th row by a hash of its cells, so that the same file gives the same rows."""
    names = [quoted(column.name) for column in _measures(study)]
    ranks = ", ".join(
        f"CASE WHEN {name} IS NOT NULL THEN rank() OVER (ORDER BY {name}) END AS {name}" for name in names
    )
    every = max(study.profile.rows // _SAMPLE_ROWS, 1)
    return f"SELECT {ranks} FROM source WHERE hash({', '.join(names)}) % {every} = 0"


def _certain(strength: float, rows: float) -> bool:
    if rows < 10:
        return False
    return abs(strength) >= 1 or abs(strength) * sqrt((rows - 2) / (1 - strength**2)) > _CERTAIN


def _numeric(study: Study, pair: _Pair) -> Finding:
    if abs(pair.strength) > _SAME:
        return Finding(
            importance=0.4,
            sentence=say(
                "{} and {} carry the same information (correlation {}); one of the two is enough.",
                label(pair.a),
                label(pair.b),
                study.figure(Op.CORRELATION, pair.a, pair.b),
            ),
        )
    op, kind = (Op.RANK_CORRELATION, "rank correlation") if pair.by_rank else (Op.CORRELATION, "correlation")
    together = "rise and fall together" if pair.strength > 0 else "move against each other"
    figure = study.figure(op, pair.a, pair.b)
    firmly = " strongly " if abs(pair.strength) >= _STRONG else " "
    return Finding(
        importance=0.25 + abs(pair.strength) / 2,
        sentence=say(f"{{}} and {{}}{firmly}{together} ({kind} {{}}).", label(pair.a), label(pair.b), figure),
        more=say("The relation follows the order of the values rather than a straight line.") if pair.by_rank else (),
        charts=_grid(study, pair),
    )


def _grid(study: Study, pair: _Pair) -> tuple[str, ...]:
    columns = {column.name: column for column in study.profile.columns}
    x, y = columns[pair.a], columns[pair.b]
    measure = Measure(
        op=Op.GRID,
        column=pair.a,
        by=pair.b,
        edges=edges_for(study.db, x, _GRID),
        by_edges=edges_for(study.db, y, _GRID),
    )
    title = f"{pair.b} against {pair.a}"
    return (study.draw(Form.GRID, study.series(measure), title, pair.a, pair.b),)


def _groupings(study: Study) -> tuple[ColumnProfile, ...]:
    return tuple(c for c in study.profile.of(Role.CATEGORY) if c.distinct > 1)[:_MOST_CATEGORIES]


def _ratio_pairs(study: Study) -> list[_Pair]:
    """Quantity and category."""
    names = [column.name for column in study.profile.of(Role.MEASURE)][:_MOST_MEASURES]
    told = []
    for by in _groupings(study) if names else ():
        for name, explained in explained_by(study.db, quoted(by.name), names).items():
            if explained.share >= _NOTABLE_SHARE:
                told.append(_Pair(name, by.name, explained.share))
    return sorted(told, key=lambda pair: (-round(pair.strength, 6), pair.a, pair.b))


def _ratio(study: Study, pair: _Pair) -> Finding:
    share = study.figure(Op.CORRELATION_RATIO, pair.a, pair.b)
    if number(share) > _FIXED_SHARE:
        words = "{} fixes {}: rows with the same {} have the same {}, or nearly ({} of the variance)."
        text = say(words, label(pair.b), label(pair.a), label(pair.b), label(pair.a), share)
        return Finding(importance=0.45, sentence=text)
    return Finding(
        importance=0.25 + number(share) / 2,
        sentence=say("{} depends on {}, which accounts for {} of its variance.", label(pair.a), label(pair.b), share),
    )


def _category_pairs(study: Study) -> list[_Pair]:
    told = []
    for a, b in combinations(_groupings(study), 2):
        measure = Measure(op=Op.CRAMERS_V, column=a.name, by=b.name)
        strength = study.ledger.look(measure)
        freedom = (a.distinct - 1) * (b.distinct - 1)
        chance = sqrt(freedom / max(min(a.filled, b.filled), 1) / (min(a.distinct, b.distinct) - 1))
        if strength >= max(_NOTABLE_V, 2 * chance):
            told.append(_Pair(a.name, b.name, strength))
    return sorted(told, key=lambda pair: (-round(pair.strength, 6), pair.a, pair.b))


def _categories(study: Study, pair: _Pair) -> Finding:
    strength = study.figure(Op.CRAMERS_V, pair.a, pair.b)
    words = " carry the same information" if pair.strength > _SAME else " are associated"
    return Finding(
        importance=0.25 + pair.strength / 2,
        sentence=say(f"{{}} and {{}}{words} (Cramér's V {{}}).", label(pair.a), label(pair.b), strength),
    )


def _matrix(study: Study, numeric: list[_Pair]) -> list[Finding]:
    names = tuple(column.name for column in _measures(study))
    if len(names) < 4 or len(numeric) < 2:
        return []
    series = study.series(Measure(op=Op.CORRELATIONS, columns=names))
    chart = study.draw(Form.MATRIX, series, "Correlations of all quantities", "", "")
    return [Finding(importance=0.1, sentence=say("All correlations of quantities at one look:"), charts=(chart,))]
