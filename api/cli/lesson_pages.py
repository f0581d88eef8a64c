"""`botted lessons` and `botted lessons forget`."""

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.cli import settings
from api.cli.errors import BadInput
from api.cli.session import TENANT, open_session


def list_lessons() -> None:
    with open_session(settings.load(), _progress) as session:
        lessons = session.lessons.all(TENANT)
    if not lessons:
        click.echo("nothing was learnt yet: lessons come from work that was not approved")
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("number", "capability", "times", "learnt", "from", "lesson"):
        table.add_column(heading, no_wrap=heading in ("number", "times", "learnt"), overflow="fold")
    for lesson in lessons:
        learnt = lesson.created_at.astimezone().strftime("%Y-%m-%d")
        source = f"{lesson.objective_id}/{lesson.task_id}"
        cells = (str(lesson.id), lesson.capability, str(lesson.times), learnt, source, lesson.text)
        table.add_row(*map(escape, cells))
    Console(highlight=False).print(table)
    click.echo("\nbotted lessons forget NUMBER    workers are not told of it any more")


def forget(number: int) -> None:
    with open_session(settings.load(), _progress) as session:
        gone = session.lessons.forget(TENANT, number)
    if not gone:
        raise BadInput(f"there is no lesson {number}; `botted lessons` lists those that there are")
    click.echo(f"forgot lesson {number}")


def _progress(text: str) -> None:
    click.secho(text, dim=True, err=True)
