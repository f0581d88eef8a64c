"""One aspect of one file: load it, look, and write down what was found with its claims."""

import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from activities.tools.data.associations import associations
from activities.tools.data.distributions import distributions
from activities.tools.data.finding import Aspect, Finding, Findings
from activities.tools.data.groups import groups
from activities.tools.data.ledger import Ledger
from activities.tools.data.loading import load
from activities.tools.data.outliers import outliers
from activities.tools.data.overview import overview
from activities.tools.data.profile import profile_of
from activities.tools.data.quality import quality
from activities.tools.data.study import Study
from activities.tools.data.tables import opened
from activities.tools.data.trends import trends
from activities.tools.tool import Workspace

_ASPECTS: dict[Aspect, tuple[str, Callable[[Study], list[Finding]]]] = {
    Aspect.OVERVIEW: ("Overview", overview),
    Aspect.QUALITY: ("Quality", quality),
    Aspect.DISTRIBUTIONS: ("Distributions", distributions),
    Aspect.GROUPS: ("Comparisons between groups", groups),
    Aspect.TRENDS: ("Change over time", trends),
    Aspect.ASSOCIATIONS: ("Associations", associations),
    Aspect.OUTLIERS: ("Outliers", outliers),
}


def findings_of(path: Path, name: str, aspect: Aspect, workspace: Workspace) -> Findings:
    heading, look = _ASPECTS[aspect]
    prefix = f"{slug_of(name)}-{aspect}"
    with opened([path], workspace) as db:
        source = load(db, path, name)
        study = Study(db, source, profile_of(db, source), Ledger(db, source, prefix), prefix)
        findings = tuple(look(study))
    return Findings(
        file=name,
        aspect=aspect,
        heading=heading,
        findings=findings,
        charts=tuple(study.charts),
        sources=(source,),
        claims=study.ledger.claims,
    )


def slug_of(name: str) -> str:
    """Letters, digits and dashes; other names that would come out the same get a different ending."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "file"
    plain = re.fullmatch(r"[a-z0-9]+\.[a-z0-9]+", name) is not None
    return slug if plain else f"{slug[:40].strip('-')}-{sha256(name.encode()).hexdigest()[:6]}"
