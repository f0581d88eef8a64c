"""The botted command; each subcommand imports what it needs only when it runs."""

import os
import sys
from contextlib import suppress

import click

from api.cli.errors import BAD_INPUT, DELIVERED, INTERRUPTED, NOT_DELIVERED, BadInput, Stopped, complain
from api.cli.evaluation_command import evaluate
from api.cli.house_commands import demo, doctor, down, lessons, models, playbooks, up
from api.cli.key_commands import keys
from api.cli.notify_commands import notify
from api.cli.objective_commands import (
    budget,
    cancel,
    costs,
    list_objectives,
    run,
    show,
    tell,
    watch,
)
from api.cli.people_commands import approvals, approve, deny, revise
from api.cli.steering_commands import (
    add_task,
    advance,
    assign,
    mode,
    pause,
    plan,
    resume,
    retry,
    skip,
    stop_task,
    submit,
)

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
      botted approvals           what waits for you
      botted models              which models would be asked, and by whose key
    """


for command in (
    *(run, list_objectives, show, watch, cancel, approvals, approve, revise, deny, tell, budget, costs, evaluate),
    *(pause, resume, advance, plan, add_task, retry, skip, stop_task, assign, submit, mode),
    *(playbooks, models, lessons, keys, notify, demo, up, down, doctor),
):
    cli.add_command(command)


def main() -> None:
    """The entry point: our errors become lines and exit codes, never stack traces."""
    ended = code()
    with suppress(BrokenPipeError):
        sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: threads of Temporal's native client outlive the interpreter now and then and crash it on its way
    # out, which would turn a good exit code into a signal. Everything of ours is closed by now.
    os._exit(ended)


def code() -> int:
    """Does what was typed; its exit code."""
    try:
        cli(standalone_mode=False)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else NOT_DELIVERED
    except BadInput as error:
        complain(error.lines)
        return BAD_INPUT
    except Stopped as error:
        complain(error.lines)
        return NOT_DELIVERED
    except click.ClickException as error:
        error.show()
        return BAD_INPUT
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        return NOT_DELIVERED
    return DELIVERED
