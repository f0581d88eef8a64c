"""The commands about what waits for a person."""

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


@click.command()
@click.argument("approval", required=False)
@click.option("--all", "everybodys", is_flag=True, help="Also what only others may decide.")
@click.option("--objective", metavar="ID", help="Of this objective only.")
@click.option(
    "--state",
    type=click.Choice(["open", "approved", "revise", "rejected", "expired", "withdrawn", "any"]),
    default="open",
    show_default=True,
    help="What waits, or what became of what waited.",
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def approvals(approval: str | None, everybodys: bool, objective: str | None, state: str, as_json: bool) -> None:
    """List what waits for me, the nearest deadline first, with the command that answers it.

    With the id of an APPROVAL: what is to be decided there, the plan or the artifacts included.
    """
    from api.cli import approval_pages

    approval_pages.list_approvals(approval, mine=not everybodys, state=state, objective=objective, as_json=as_json)


def _answer(command: Command) -> Command:
    command = click.option("--task", metavar="TASK", help="Which task, where several things wait.")(command)
    return click.argument("ids", metavar="ID...", nargs=-1, required=True)(command)


@click.command()
@_answer
@click.option("--because", default="", help="Why; kept with the decision.")
@click.option("--only", metavar="TASK", multiple=True, help="Of a plan: a task that runs, others do not; repeatable.")
@click.option("--input", metavar="JSON|@FILE", help="Of a step: its input, changed.")
@click.option("--yes", is_flag=True, help="In a terminal too: without a look at it first.")
def approve(
    ids: tuple[str, ...], because: str, task: str | None, only: tuple[str, ...], input: str | None, yes: bool
) -> None:
    """Approve what waits for you.

    ID is that of an approval, as `botted approvals` lists them, or the beginning of an objective's of which just one
    thing waits. In a terminal you see what it is, and choose. Of several ids each is decided by itself.
    """
    from api.cli import deciding
    from workflows.domain.verdict import Decision

    answer = deciding.Answer(decision=Decision.APPROVED, text=because, task=task, only=only, input=input, at_once=yes)
    sys.exit(deciding.decide(ids, answer))


@click.command()
@_answer
@click.option("--with", "instructions", default="", metavar="TEXT", help="What is to change.")
@click.option(
    "--only", metavar="TASK", multiple=True, help="Of a result: a task to do again, others are not; repeatable."
)
def revise(ids: tuple[str, ...], instructions: str, task: str | None, only: tuple[str, ...]) -> None:
    """Have what waits for you done again, with instructions.

    A plan is planned anew, a task gets another attempt. Of a result the tasks named by --only are done again, or else
    the last ones of the plan; and what builds on them. What else is finished stays as it is.
    """
    from api.cli import deciding
    from workflows.domain.verdict import Decision

    answer = deciding.Answer(decision=Decision.REVISE, text=instructions, task=task, only=only)
    sys.exit(deciding.decide(ids, answer))


@click.command()
@_answer
@click.option("--because", default="", help="Why; kept with the decision.")
def deny(ids: tuple[str, ...], because: str, task: str | None) -> None:
    """Do not approve what waits for you.

    A plan or a result that is denied ends the objective, undelivered. A task that is denied ends, unapproved. A step
    that is denied is not done. Work that needs more budget stops. To have it done again instead: `botted revise`.
    """
    from api.cli import deciding
    from workflows.domain.verdict import Decision

    sys.exit(deciding.decide(ids, deciding.Answer(decision=Decision.REJECTED, text=because, task=task)))
