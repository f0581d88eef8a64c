"""`botted up`, `botted down` and `botted doctor`."""

from collections.abc import Iterator

import click
from sqlalchemy import make_url

from api.auth.keyfile import key_file
from api.cli import settings
from api.cli.errors import DELIVERED, NOT_DELIVERED, BadInput, Stopped
from config.settings import Settings
from worker.embedded import doctor as diagnosis
from worker.embedded import stack
from worker.embedded.state import Phase, StackState

_COLOUR = {"ok": "green", "warning": "yellow", "problem": "red"}


def up() -> None:
    configured = settings.load()

    said: set[str] = set()

    def report(message: str) -> None:
        click.echo(message)
        found = stack.find(configured)
        if found is not None and found.phase is Phase.READY:
            _say_where(configured, found, said)

    try:
        stack.supervise(configured, idle_stop=False, report=report)
    except (stack.FolderError, stack.ModelFileError) as error:
        raise BadInput(*str(error).splitlines()) from error
    except stack.StackError as error:
        raise Stopped(str(error).splitlines()) from error


def _say_where(configured: Settings, found: StackState, said: set[str]) -> None:
    """Each thing once: the API comes last, some seconds after the rest."""
    for line in _where(configured, found):
        if line not in said:
            click.echo(line)
        said.add(line)


def _where(configured: Settings, found: StackState) -> Iterator[str]:
    addresses = found.addresses
    assert addresses is not None
    yield f"  Web UI    {addresses.web_ui or 'of your own Temporal'}"
    yield f"  Temporal  {addresses.temporal_address}   (export TEMPORAL_ADDRESS={addresses.temporal_address})"
    yield f"  Postgres  {make_url(addresses.database_url).render_as_string(hide_password=True)}"
    if addresses.local_model:
        yield f"  model     {addresses.local_model}   (export OPENAI_BASE_URL={addresses.local_model})"
    yield f"  data      {configured.folder}"
    yield "Ctrl-C stops everything in order."
    if addresses.api:
        yield f"  API       {addresses.api}, key in {key_file(configured.folder)}"


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
