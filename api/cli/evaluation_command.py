"""The command `botted eval`."""

import sys
from decimal import Decimal

import click

from api.cli.amounts import USD


@click.command("eval")
@click.argument("suite", required=False)
@click.option("--times", default=1, show_default=True, type=click.IntRange(1, 100), help="Runs of each case.")
@click.option("--only", metavar="CASE", multiple=True, help="Only this case; repeatable.")
@click.option("--parallel", default=2, show_default=True, type=click.IntRange(1, 64), help="Runs at one time.")
@click.option("--budget-usd", "usd", type=USD, help="US dollars per objective.  [default: as the case or settings say]")
@click.option("--require", type=click.FloatRange(0, 1), help="Fail below this success rate, from 0 to 1.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output, nothing else.")
def evaluate(
    suite: str | None,
    times: int,
    only: tuple[str, ...],
    parallel: int,
    usd: Decimal | None,
    require: float | None,
    as_json: bool,
) -> None:
    """Run SUITE: objectives with known answers, and works with known defects for verifiers to judge.

    Without SUITE: list those that are built in. A suite's runs are real objectives; they cost what such cost.

    Exit codes: 0 all could be run, 1 something could not (or the success rate is below --require), 2 bad suite,
    130 interrupted.
    """
    from api.cli import evaluating

    if suite is None:
        evaluating.list_suites()
        return
    code = evaluating.evaluate(
        suite, times=times, only=only, parallel=parallel, usd=usd, require=require, as_json=as_json
    )
    sys.exit(code)
