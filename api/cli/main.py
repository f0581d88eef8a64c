"""The botted command; each subcommand imports what it needs only when it runs."""

import os
import sys
from contextlib import suppress
from pathlib import Path

import click

from api.cli.errors import BAD_INPUT, DELIVERED, INTERRUPTED, NOT_DELIVERED, BadInput, Stopped

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(context_settings=CONTEXT)
@click.version_option(package_name="botted", prog_name="botted")
def cli() -> None:
    """Work by AI workers that you can trust: planned, done, checked and delivered, durably, on Temporal.

    \b
    First steps:
      botted run "What drives the delays?" --file flights.csv
      botted list                what was asked for, newest first
      botted show ID             what became of it
    """


@cli.command()
@click.argument("objective")
@click.option("--file", "files", type=click.Path(path_type=Path), multiple=True, help="A file to work on; repeatable.")
@click.option("--playbook", metavar="NAME_OR_PATH", help="How to go about it; see `botted playbooks`.")
@click.option("--input", "inputs", metavar="NAME=VALUE", multiple=True, help="An input of the playbook; repeatable.")
@click.option("--out", type=click.Path(path_type=Path), help="Where deliverables go.  [default: deliverables/ID]")
@click.option(
    "--mode",
    type=click.Choice(["auto", "manual"]),
    default="auto",
    show_default=True,
    help="manual: you approve the plan before anything runs, and the result before it is delivered.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output, nothing else.")
@click.option("--detach", is_flag=True, help="Start it, print its id, and return at once.")
def run(
    objective: str,
    files: tuple[Path, ...],
    playbook: str | None,
    inputs: tuple[str, ...],
    out: Path | None,
    mode: str,
    as_json: bool,
    detach: bool,
) -> None:
    """Do OBJECTIVE, show progress, deliver.

    Exit codes: 0 delivered, 1 not delivered, 2 bad input, 130 interrupted.
    """
    from api.cli import running

    sys.exit(running.run(objective, files, playbook, inputs, out, mode, as_json=as_json, detach=detach))


@cli.command("list")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000))
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_objectives(limit: int, as_json: bool) -> None:
    """Show the objectives, newest first."""
    from api.cli import looking

    looking.list_objectives(limit, as_json=as_json)


@cli.command()
@click.argument("id")
@click.option("--journal", is_flag=True, help="Everything that happened, line by line.")
@click.option("--out", type=click.Path(path_type=Path), help="Also write the deliverables into this folder.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def show(id: str, journal: bool, out: Path | None, as_json: bool) -> None:
    """Show one objective: tasks, verdicts, deliverables. The beginning of an ID is enough."""
    from api.cli import looking

    looking.show(id, whole_journal=journal, out=out, as_json=as_json)


@cli.command()
@click.argument("id")
@click.option("--out", type=click.Path(path_type=Path), help="Where deliverables go.  [default: deliverables/ID]")
@click.option("--json", "as_json", is_flag=True, help="One JSON document at the end.")
def watch(id: str, out: Path | None, as_json: bool) -> None:
    """Follow an objective until it ends; exit codes as of `botted run`."""
    from api.cli import running

    sys.exit(running.watch(id, out, as_json=as_json))


@cli.command()
@click.argument("id")
def cancel(id: str) -> None:
    """Stop an objective; what it had finished stays in the journal."""
    from api.cli import deciding

    deciding.cancel(id)


@cli.command()
@click.argument("id")
def approve(id: str) -> None:
    """Approve what waits for you: a plan or a result, in manual mode."""
    from api.cli import deciding

    deciding.decide(id, approved=True, because="")


@cli.command()
@click.argument("id")
@click.option("--because", default="", help="Why not; kept with the verdict.")
def deny(id: str, because: str) -> None:
    """Do not approve what waits for you; the objective ends undelivered and says why."""
    from api.cli import deciding

    deciding.decide(id, approved=False, because=because)


@cli.group(invoke_without_command=True)
@click.pass_context
def playbooks(context: click.Context) -> None:
    """List the playbooks: ways of going about an objective that need no model."""
    if context.invoked_subcommand is None:
        from api.cli import playbook_pages

        playbook_pages.list_playbooks()


@playbooks.command("show")
@click.argument("name_or_path")
def show_playbook(name_or_path: str) -> None:
    """Show one playbook: its inputs, and its graph of tasks."""
    from api.cli import playbook_pages

    playbook_pages.show(name_or_path)


@cli.command()
def demo() -> None:
    """Do real work on real data: a report on the flights that left New York City in 2013."""
    from api.cli import demo as demonstration

    sys.exit(demonstration.demo())


@cli.command()
def up() -> None:
    """Run the stack and a host in the foreground; Ctrl-C stops them in order."""
    from api.cli import operating

    operating.up()


@cli.command()
def down() -> None:
    """Stop the embedded stack of this data folder."""
    from api.cli import operating

    operating.down()


@cli.command()
def doctor() -> None:
    """Say what is installed, reachable and configured, and what to do about what isn't."""
    from api.cli import operating

    sys.exit(operating.doctor())


def main() -> None:
    """The entry point: our errors become lines and exit codes, never stack traces."""
    code = _code()
    with suppress(BrokenPipeError):
        sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: threads of Temporal's native client outlive the interpreter now and then and crash it on its way
    # out, which would turn a good exit code into a signal. Everything of ours is closed by now.
    os._exit(code)


def _code() -> int:
    try:
        cli(standalone_mode=False)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else NOT_DELIVERED
    except BadInput as error:
        _complain(error.lines)
        return BAD_INPUT
    except Stopped as error:
        _complain(error.lines)
        return NOT_DELIVERED
    except click.ClickException as error:
        error.show()
        return BAD_INPUT
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        return NOT_DELIVERED
    return DELIVERED


def _complain(lines: tuple[str, ...]) -> None:
    first, *rest = lines or ("unknown error",)
    click.secho(f"botted: {first}", fg="red", err=True)
    for line in rest:
        click.echo(f"        {line}", err=True)
