"""The report on an evaluation: one document, or a table for people."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from pydantic import Field
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.evaluation.cases import Case, Kind, LoadedSuite
from api.evaluation.runs import Run
from api.evaluation.scoring import Score, score
from api.evaluation.suite import Truth
from workflows.domain.model import Model

SCHEMA_VERSION = 1
_MOST_FAULTS = 20
_MOST_WORDS = 300


class CaseReport(Model):
    id: str
    kind: Kind
    truth: Truth | None
    score: Score
    runs: tuple[Run, ...]


class SuiteName(Model):
    name: str
    version: str
    source: str


class Report(Model):
    """Everything about one evaluation. Fields are added and never change their meaning within a schema version."""

    schema_version: int = SCHEMA_VERSION
    suite: SuiteName
    started_at: datetime
    ended_at: datetime
    complete: bool = Field(description="false: it was interrupted, and runs are missing")
    times: int
    models: dict[str, dict[str, str]] = Field(description="role → profiles, profile → model, as known to the command")
    score: Score
    objectives: Score = Field(description="of the objective cases alone")
    verdicts: Score = Field(description="of the verdict cases alone")
    cases: tuple[CaseReport, ...]


def make_report(
    suite: LoadedSuite,
    cases: Sequence[Case],
    runs: Sequence[Run],
    times: int,
    models: Mapping[str, dict[str, str]],
    began: datetime,
    ended: datetime,
) -> Report:
    return Report(
        suite=SuiteName(name=suite.name, version=suite.version, source=suite.source),
        started_at=began,
        ended_at=ended,
        complete=len(runs) == len(cases) * times,
        times=times,
        models=dict(models),
        score=score(runs, cases, times),
        objectives=_score_of(Kind.OBJECTIVE, cases, runs, times),
        verdicts=_score_of(Kind.VERDICT, cases, runs, times),
        cases=tuple(_of_case(case, runs, times) for case in cases),
    )


def show(report: Report, console: Console) -> None:
    console.print(_table(report))
    for line in _closing(report):
        console.print(line, soft_wrap=True)


def progress_line(run: Run, number: int, of: int) -> str:
    what = run.judged or str(run.stage or "").replace("_", " ")
    outcome = "could not be run" if run.error else f"{'success' if run.success else 'no success'} ({what})"
    return f"{number}/{of} {run.case} #{run.n}: {outcome} in {run.seconds:.1f} s, {_cost(run)}"


def _score_of(kind: Kind, cases: Sequence[Case], runs: Sequence[Run], times: int) -> Score:
    those = [case for case in cases if case.kind is kind]
    ids = {case.id for case in those}
    return score([run for run in runs if run.case in ids], those, times)


def _of_case(case: Case, runs: Sequence[Run], times: int) -> CaseReport:
    own = tuple(sorted((run for run in runs if run.case == case.id), key=lambda run: run.n))
    return CaseReport(id=case.id, kind=case.kind, truth=case.truth, score=score(own, [case], times), runs=own)


def _table(report: Report) -> Table:
    ks = range(1, report.times + 1) if report.times <= 4 else (1, report.times // 2, report.times)
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("case")
    for heading in ("runs", *(f"pass^{k}" for k in ks), "cost $", "in", "cached", "out", "s", "max s", "rework"):
        table.add_column(heading, justify="right")
    for case in report.cases:
        about = f" [dim]{case.truth}[/]" if case.truth else ""
        table.add_row(f"{escape(case.id)}{about}", *_figures(case.score, ks))
    for name, total in (("objectives", report.objectives), ("verdicts", report.verdicts), ("all", report.score)):
        if total.runs or total.not_run:
            table.add_row(f"[bold]{name}[/]", *_figures(total, ks))
    return table


def _figures(found: Score, ks: Sequence[int]) -> Iterator[str]:
    yield f"{found.succeeded}/{found.runs}" + (f" [red]+{found.not_run}![/]" if found.not_run else "")
    for k in ks:
        yield f"{found.pass_hat[k]:.2f}" if k in found.pass_hat else "–"
    yield f"{found.cost_usd:.4f}" + ("+?" if found.unpriced_calls else "")
    yield f"{found.input_tokens:,}"
    yield f"{found.cached_tokens:,}"
    yield f"{found.output_tokens:,}"
    yield f"{found.mean_seconds:.1f}"
    yield f"{found.max_seconds:.1f}"
    yield "–" if found.rework_rate is None else f"{found.rework_rate:.0%}"


def _closing(report: Report) -> Iterator[str]:
    found, verifier = report.score, report.score.verifier
    rate = "nothing could be run" if found.success_rate is None else f"{found.success_rate:.1%} of {found.runs} runs"
    yield ""
    yield f"[bold]success: {rate}[/]; ${found.mean_cost_usd:.4f} per objective" + _unpriced(found)
    if verifier.defects or verifier.good:
        yield (
            f"verifiers: caught {verifier.caught} of {verifier.defects} defects, "
            f"wrongly rejected {verifier.wrongly_rejected} of {verifier.good} good works, "
            f"uncertain {verifier.defects_uncertain + verifier.good_uncertain}"
        )
    runs = [run for case in report.cases for run in case.runs if not run.success]
    for run in runs[:_MOST_FAULTS]:
        why = f"[red]could not be run[/]: {_short(run.error)}" if run.error else _short("; ".join(run.faults))
        yield f"  {escape(run.case)} #{run.n} ({run.objective_id}): {why}"
    if len(runs) > _MOST_FAULTS:
        yield f"  and {len(runs) - _MOST_FAULTS} more"
    if not report.complete:
        yield "[yellow]interrupted: runs are missing[/]"


def _short(text: str) -> str:
    plain = " ".join(text.split())
    return escape(plain if len(plain) <= _MOST_WORDS else f"{plain[:_MOST_WORDS]}…")


def _unpriced(found: Score) -> str:
    return f" and {found.unpriced_calls} calls of unknown price" if found.unpriced_calls else ""


def _cost(run: Run) -> str:
    unpriced = f" and {run.unpriced_calls} calls of unknown price" if run.unpriced_calls else ""
    return f"${run.cost_usd:.4f}{unpriced}"
