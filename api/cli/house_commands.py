"""The commands about the house: what can be done here, by whom, and what runs."""

import sys

import click

MOST_NUMBER = 2**63 - 1


@click.group(invoke_without_command=True)
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


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def models(as_json: bool) -> None:
    """Show which model each role asks, at what price and by whose key, and how its provider fares.

    Keys are named by their variables and never shown. Profiles and roles are set in botted.toml; without any, the
    keys in the environment decide.
    """
    from api.cli import model_pages

    model_pages.models(as_json=as_json)


@click.group(invoke_without_command=True)
@click.pass_context
def lessons(context: click.Context) -> None:
    """List what rejected work taught; workers and planners are told what fits their task."""
    if context.invoked_subcommand is None:
        from api.cli import lesson_pages

        lesson_pages.list_lessons()


@lessons.command("forget")
@click.argument("number", type=click.IntRange(1, MOST_NUMBER))
def forget(number: int) -> None:
    """Forget the lesson of this number for good."""
    from api.cli import lesson_pages

    lesson_pages.forget(number)


@click.command()
def demo() -> None:
    """Do real work on real data: a report on the flights that left New York City in 2013."""
    from api.cli import demo as demonstration

    sys.exit(demonstration.demo())


@click.command()
def up() -> None:
    """Run the stack and a host in the foreground; Ctrl-C stops them in order."""
    from api.cli import operating

    operating.up()


@click.command()
def down() -> None:
    """Stop the embedded stack of this data folder."""
    from api.cli import operating

    operating.down()


@click.command()
def doctor() -> None:
    """Say what is installed, reachable and configured, and what to do about what isn't."""
    from api.cli import operating

    sys.exit(operating.doctor())
