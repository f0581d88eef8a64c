"""How a command ends when it cannot do what was asked."""

from collections.abc import Iterable

import click

DELIVERED = 0
NOT_DELIVERED = 1
BAD_INPUT = 2
INTERRUPTED = 130

DOCTOR = "`botted doctor` says what is wrong and what to do"


class BadInput(Exception):
    """Something the person gave is wrong; each line says what and what to do. Exit code 2."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class Stopped(Exception):
    """Something of ours does not work; each line says what and what to do. Exit code 1."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("\n".join(self.lines))


def complain(lines: tuple[str, ...]) -> None:
    """On standard error: what is wrong, and below it what to do."""
    first, *rest = lines or ("unknown error",)
    click.secho(f"botted: {first}", fg="red", err=True)
    for line in rest:
        click.echo(f"        {line}", err=True)
