"""`botted eval`: runs a suite of cases with known outcomes, and says how good the work and the verifiers are."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.cli import host_models, settings
from api.cli.errors import DELIVERED, INTERRUPTED, NOT_DELIVERED, BadInput, Stopped
from api.cli.session import open_session
from api.cli.summary import program
from api.evaluation import cases
from api.evaluation.cases import Case, Kind, LoadedSuite, SuiteError
from api.evaluation.report import Report, make_report, progress_line, show
from api.evaluation.running import Evaluation
from api.evaluation.runs import Run
from config.settings import Settings
from worker.embedded.doctor_models import WAYS_TO_A_MODEL


def list_suites() -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("suite", "version", "cases", "what it is"):
        table.add_column(heading)
    for suite in cases.built_in():
        kinds = [case.kind for case in suite.cases]
        counts = f"{kinds.count(Kind.OBJECTIVE)} objectives, {kinds.count(Kind.VERDICT)} verdicts"
        table.add_row(suite.name, suite.version, counts, escape(" ".join(suite.description.split())))
    Console(highlight=False).print(table)
    click.echo("\nbotted eval NAME    runs it; a path to a YAML file of your own works too")


def evaluate(
    name_or_path: str,
    *,
    times: int,
    only: Sequence[str],
    parallel: int,
    usd: Decimal | None,
    require: float | None,
    as_json: bool,
) -> int:
    configured = settings.load()
    suite, chosen = _chosen(name_or_path, only)
    known = _models(configured, chosen)
    began = datetime.now(UTC)
    progress = _Progress(len(chosen) * times)
    with open_session(configured, progress.say) as session:
        evaluation = Evaluation(
            session, suite.name, chosen, times=times, parallel=parallel, usd=usd, report=progress.ended
        )
        cut_short = _run(evaluation)
    report = make_report(suite, chosen, evaluation.runs, times, known, began, datetime.now(UTC))
    if as_json:
        click.echo(report.model_dump_json(indent=2))
    else:
        show(report, Console(highlight=False))
    return _code(report, require) if cut_short is None else cut_short


def _chosen(name_or_path: str, only: Sequence[str]) -> tuple[LoadedSuite, tuple[Case, ...]]:
    try:
        suite = cases.find(name_or_path)
    except SuiteError as error:
        raise BadInput(*error.faults) from error
    ids = [case.id for case in suite.cases]
    unknown = [asked for asked in only if asked not in ids]
    if unknown:
        raise BadInput(f"--only {unknown[0]}: the suite {suite.name!r} has no such case; it has {', '.join(ids)}")
    return suite, tuple(case for case in suite.cases if not only or case.id in only)


def _models(configured: Settings, chosen: Sequence[Case]) -> dict[str, dict[str, str]]:
    """The models that would be asked. Raises BadInput where a case needs one and there is none."""
    known = host_models.known_here(configured)
    needing = [case.id for case in chosen if case.needs_model]
    if not needing:
        return known.told()
    if not known.usable and not host_models.is_elsewhere(configured):
        missing = "; ".join(known.missing)
        why = f"no configured model is usable ({missing})" if missing else "no model is configured"
        raise BadInput(f"{why}, and {_listed(needing)} need{'s' * (len(needing) == 1)} one", *WAYS_TO_A_MODEL)
    host_models.require(configured, _say)
    return known.told()


def _run(evaluation: Evaluation) -> int | None:
    """The exit code if it was cut short; what ended before is reported all the same."""
    try:
        evaluation.run()
    except KeyboardInterrupt:
        _say("interrupted" + ("; these go on in the background, and can be stopped:" if evaluation.running else ""))
        for started in evaluation.running:
            _say(f"  {program()} cancel {started.objective.id}")
        return INTERRUPTED
    except Stopped as error:
        for line in error.lines:
            _say(line)
        return NOT_DELIVERED
    return None


def _code(report: Report, require: float | None) -> int:
    if report.score.not_run or not report.score.runs:
        return NOT_DELIVERED
    if require is not None and (report.score.success_rate or 0.0) < require:
        click.echo(f"the success rate {report.score.success_rate:.3f} is below the {require:g} required", err=True)
        return NOT_DELIVERED
    return DELIVERED


def _listed(ids: Sequence[str]) -> str:
    shown = ", ".join(ids[:3])
    return shown if len(ids) <= 3 else f"{shown} and {len(ids) - 3} more cases"


def _say(text: str) -> None:
    click.echo(text, err=True)


class _Progress:
    """One line per run that has ended, on standard error."""

    def __init__(self, of: int) -> None:
        self._of = of
        self._ended = 0

    def say(self, text: str) -> None:
        _say(text)

    def ended(self, run: Run) -> None:
        self._ended += 1
        click.echo(progress_line(run, self._ended, self._of), err=True)
        sys.stderr.flush()
