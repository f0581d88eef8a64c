"""`botted up`, `botted down` and `botted doctor`."""

import click

from api.cli import settings
from api.cli.errors import DELIVERED, NOT_DELIVERED, Stopped
from worker.embedded import doctor as diagnosis
from worker.embedded import stack

_COLOUR = {"ok": "green", "warning": "yellow", "problem": "red"}


def up() -> None:
    try:
        stack.supervise(settings.load(), idle_stop=False, report=click.echo)
    except stack.StackError as error:
        raise Stopped(str(error).splitlines()) from error


def down() -> None:
    try:
        stopped = stack.stop(settings.load())
    except stack.StackError as error:
        raise Stopped(str(error).splitlines()) from error
    click.echo("stopped" if stopped else "nothing runs in this data folder")


def doctor() -> int:
    findings = diagnosis.examine(settings.load())
    for finding in findings:
        click.secho(f"{finding.state:8}", fg=_COLOUR[finding.state], nl=False)
        click.echo(f" {finding.name}: {finding.text}")
        if finding.fix:
            click.echo(f"          → {finding.fix}")
    return NOT_DELIVERED if any(finding.state == "problem" for finding in findings) else DELIVERED
