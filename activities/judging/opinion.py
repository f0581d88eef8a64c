"""A verifier's answer, and whether it holds: complete, without contradictions, with evidence that is really there."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum, auto

from pydantic import BaseModel, ConfigDict, Field

from workflows.domain.verdict import Decision

MOST_CRITERIA = 20


class Met(StrEnum):
    YES = auto()
    NO = auto()
    UNSURE = auto()


class Finding(BaseModel):
    """What a verifier says about one criterion."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    criterion: int = Field(description="its number, from 1")
    met: Met
    artifact: str = Field(max_length=300, description="the artifact that shows it; empty if none does")
    quote: str = Field(max_length=400, description="words copied from that artifact; empty if something is missing")
    reason: str = Field(max_length=600)


class Opinion(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    findings: list[Finding] = Field(max_length=MOST_CRITERIA)
    decision: Decision
    feedback: str = Field(max_length=2000)


def faults_in(opinion: Opinion, criteria: Sequence[str], texts: Mapping[str, str]) -> tuple[str, ...]:
    """Why the opinion does not count, one sentence per fault. `texts` are the artifacts that can be quoted."""
    numbers = [finding.criterion for finding in opinion.findings]
    faults = [f"criterion {n} has no finding" for n in range(1, len(criteria) + 1) if n not in numbers]
    faults += [f"there is no criterion {n}" for n in numbers if not 1 <= n <= len(criteria)]
    faults += [f"criterion {n} has more than one finding" for n in sorted(set(numbers)) if numbers.count(n) > 1]
    for finding in opinion.findings:
        if finding.met is Met.YES:
            faults += _faults_in_evidence(finding, texts)
    meant = decision_of(opinion)
    if not faults and opinion.decision is not meant:
        faults.append(f"the decision says {opinion.decision}, but the findings mean {meant}")
    if opinion.decision is Decision.REJECTED and not opinion.feedback.strip():
        faults.append("a rejection needs feedback that says what to change")
    return tuple(faults)


def decision_of(opinion: Opinion) -> Decision:
    """What the findings mean, whatever the answer says of itself."""
    found = {finding.met for finding in opinion.findings}
    if Met.NO in found:
        return Decision.REJECTED
    return Decision.APPROVED if found == {Met.YES} else Decision.UNCERTAIN


def _faults_in_evidence(finding: Finding, texts: Mapping[str, str]) -> list[str]:
    name = f"criterion {finding.criterion}"
    if finding.artifact not in texts:
        return [f"{name}: there is no artifact {finding.artifact!r} to quote; there are {', '.join(texts) or 'none'}"]
    if len(finding.quote.strip()) < 3:
        return [f"{name}: yes needs a quote from {finding.artifact}"]
    if _squeezed(finding.quote) not in _squeezed(texts[finding.artifact]):
        return [f"{name}: the quote {finding.quote[:80]!r} does not stand in {finding.artifact}"]
    return []


def _squeezed(text: str) -> str:
    """Without differences that copying makes: spaces, line ends, the case, and kinds of quotation marks and dashes."""
    plain = text.translate({0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"', 0x2013: "-", 0x2014: "-", 0xA0: " "})
    return re.sub(r"\s+", " ", plain).strip().casefold()
