"""The commands that take the wheel of what runs. Wherever they take an ID, the beginning of it is enough."""

import click


@click.command()
@click.argument("id")
def pause(id: str) -> None:
    """Begin nothing new; what runs is finished."""
    from api.cli import steering

    steering.pause(id)


@click.command()
@click.argument("id")
def resume(id: str) -> None:
    """Go on after a pause."""
    from api.cli import steering

    steering.resume(id)


@click.command()
@click.argument("id")
@click.option("--task", default="", metavar="TASK", help="This task takes a step.  [default: what is next]")
def advance(id: str, task: str) -> None:
    """While paused: let one task, step or turn begin."""
    from api.cli import steering

    steering.advance(id, task)


@click.command()
@click.argument("id")
@click.argument("task")
@click.option("--with", "instructions", default="", metavar="TEXT", help="What is to be different.")
def retry(id: str, task: str, instructions: str) -> None:
    """Do TASK again, and what builds on it; all else stays as it is."""
    from api.cli import steering

    steering.retry(id, task, instructions)


@click.command()
@click.argument("id")
@click.argument("task")
@click.option("--because", default="", help="Why; kept in the journal and told with the delivery.")
def skip(id: str, task: str, because: str) -> None:
    """Go on without TASK: what builds on it begins."""
    from api.cli import steering

    steering.skip(id, task, because)


@click.command("stop-task")
@click.argument("id")
@click.argument("task")
def stop_task(id: str, task: str) -> None:
    """Stop TASK while it is being worked on; `botted retry` begins it anew."""
    from api.cli import steering

    steering.stop_task(id, task)


@click.command()
@click.argument("id")
@click.argument("task")
@click.argument("worker")
def assign(id: str, task: str, worker: str) -> None:
    """Say who does TASK: a model profile (`botted models`), or a person as person:NAME.

    A person hands the result in by `botted submit`, and it is checked like anybody's.
    """
    from api.cli import steering

    steering.assign(id, task, worker)


@click.command()
@click.argument("id")
@click.argument("mode", type=click.Choice(["auto", "manual"]))
@click.option(
    "--oversight",
    type=click.Choice(["end", "task", "step"]),
    help="What you approve in manual mode: the result, each task too, or each step too.  [default: as before]",
)
def mode(id: str, mode: str, oversight: str | None) -> None:
    """Switch to MODE while it runs; what waits only because of manual mode waits no longer in auto mode."""
    from api.cli import steering
    from workflows.domain.objective import Mode, Oversight

    steering.switch(id, Mode(mode), Oversight(oversight) if oversight else None)


@click.command()
@click.argument("id")
@click.option("--yaml", "as_yaml", is_flag=True, help="As YAML, as --from takes it.")
@click.option("--edit", is_flag=True, help="In your $EDITOR; when you leave it, the objective goes on by the new plan.")
@click.option("--from", "source", metavar="FILE", help="Take the plan from this file; - is standard input.")
def plan(id: str, as_yaml: bool, edit: bool, source: str | None) -> None:
    """Show the plan of an objective, or put another in its place.

    Tasks that are done or being worked on must stay as they are. A plan with faults changes nothing, and what you
    typed is kept in a file.
    """
    from api.cli import plan_pages

    if edit:
        if source == "-":
            raise click.UsageError("--edit needs a file, not standard input")
        plan_pages.edit(id, source)
    elif source is not None:
        plan_pages.send(id, source)
    else:
        plan_pages.show(id, as_yaml=as_yaml)


@click.command("add-task")
@click.argument("id")
@click.argument("file")
def add_task(id: str, file: str) -> None:
    """Add the tasks of FILE to the plan: YAML with a list under `tasks`, as in a playbook; - is standard input."""
    from api.cli import plan_pages

    plan_pages.add(id, file)


@click.command()
@click.argument("id")
@click.argument("task")
@click.option("--summary", required=True, metavar="TEXT", help="What was done and found.")
@click.option("--file", "files", metavar="[NAME=]PATH", multiple=True, help="A file of the result; repeatable.")
def submit(id: str, task: str, summary: str, files: tuple[str, ...]) -> None:
    """Hand in the result of TASK, which you do by hand; it is checked like anybody's."""
    from api.cli import steering

    steering.submit(id, task, summary, files)
