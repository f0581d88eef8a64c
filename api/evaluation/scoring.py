"""Figures from runs: success and pass^k, cost, time, rework, and the truth of verifiers."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from math import comb
from typing import Annotated

from pydantic import Field, PlainSerializer

from api.evaluation.cases import Case
from api.evaluation.runs import Judged, Run
from api.evaluation.suite import Truth
from workflows.domain.model import Model

Usd = Annotated[Decimal, PlainSerializer(float, return_type=float, when_used="json")]


class VerifierTruth(Model):
    """What verifiers said of works whose truth is known. Doubt is neither caught nor wrongly rejected."""

    defects: int
    caught: int
    missed: int
    defects_uncertain: int
    good: int
    approved: int
    wrongly_rejected: int
    good_uncertain: int


class Score(Model):
    """Over runs that could be run. Of `cost_usd` and tokens also those that could not: they were paid for."""

    runs: int
    not_run: int
    succeeded: int
    success_rate: float | None = Field(description="none when nothing could be run")
    pass_hat: dict[int, float] = Field(description="k → probability that k runs all succeed; over cases their mean")
    cost_usd: Usd
    mean_cost_usd: Usd
    unpriced_calls: int = Field(description="calls whose price nobody knows; the cost does not cover them")
    calls: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    mean_seconds: float
    max_seconds: float
    tasks: int
    reworked_tasks: int
    rework_rate: float | None = Field(description="share of the tasks tried that took more than one attempt")
    verifier: VerifierTruth


def pass_hat(runs: int, succeeded: int, k: int) -> float | None:
    """The unbiased estimate of the probability that k runs all succeed; none when there were fewer than k."""
    return comb(succeeded, k) / comb(runs, k) if 1 <= k <= runs else None


def score(runs: Sequence[Run], cases: Sequence[Case], times: int) -> Score:
    """Of the runs of these cases."""
    ran = [run for run in runs if not run.error]
    succeeded = sum(run.success for run in ran)
    tasks, reworked = sum(run.tasks for run in ran), sum(run.reworked for run in ran)
    seconds = [run.seconds for run in ran]
    cost = sum((run.cost_usd for run in runs), Decimal(0))
    return Score(
        runs=len(ran),
        not_run=len(runs) - len(ran),
        succeeded=succeeded,
        success_rate=_share(succeeded, len(ran)),
        pass_hat=_pass_hats(ran, cases, times),
        cost_usd=cost,
        mean_cost_usd=cost / len(runs) if runs else Decimal(0),
        unpriced_calls=sum(run.unpriced_calls for run in runs),
        calls=sum(run.calls for run in runs),
        input_tokens=sum(run.input_tokens for run in runs),
        cached_tokens=sum(run.cached_tokens for run in runs),
        output_tokens=sum(run.output_tokens for run in runs),
        mean_seconds=round(sum(seconds) / len(seconds), 3) if seconds else 0.0,
        max_seconds=max(seconds, default=0.0),
        tasks=tasks,
        reworked_tasks=reworked,
        rework_rate=_share(reworked, tasks),
        verifier=_verifier_truth(ran, cases),
    )


def _pass_hats(ran: Sequence[Run], cases: Sequence[Case], times: int) -> dict[int, float]:
    """Of each k the mean over the cases that ran at least k times."""
    found: dict[int, float] = {}
    for k in range(1, times + 1):
        estimates = [estimate for case in cases if (estimate := _of_case(ran, case.id, k)) is not None]
        if estimates:
            found[k] = round(sum(estimates) / len(estimates), 6)
    return found


def _of_case(ran: Iterable[Run], case_id: str, k: int) -> float | None:
    ended = [run.success for run in ran if run.case == case_id]
    return pass_hat(len(ended), sum(ended), k)


def _verifier_truth(ran: Iterable[Run], cases: Iterable[Case]) -> VerifierTruth:
    truths = {case.id: case.truth for case in cases}
    said = [(truths[run.case], run.judged) for run in ran if run.judged]
    on_defects = [judged for truth, judged in said if truth is Truth.DEFECT]
    on_good = [judged for truth, judged in said if truth is Truth.GOOD]
    return VerifierTruth(
        defects=len(on_defects),
        caught=on_defects.count(Judged.REJECTED),
        missed=on_defects.count(Judged.APPROVED),
        defects_uncertain=on_defects.count(Judged.UNCERTAIN),
        good=len(on_good),
        approved=on_good.count(Judged.APPROVED),
        wrongly_rejected=on_good.count(Judged.REJECTED),
        good_uncertain=on_good.count(Judged.UNCERTAIN),
    )


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None
