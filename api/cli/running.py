"""`botted run` and `botted watch`: start, follow, deliver."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import psycopg
from rich.console import Console
from sqlalchemy.exc import DBAPIError

from activities.store import journal
from activities.store.journal import JournalRow
from api.cli import host_models, intake, settings
from api.cli.console import Display
from api.cli.costs import bill
from api.cli.errors import DELIVERED, INTERRUPTED, NOT_DELIVERED, Stopped
from api.cli.export import export
from api.cli.intake import Asked
from api.cli.questions import how, open_questions, wanted
from api.cli.session import Session, open_session
from api.cli.summary import as_json as summary_json
from api.cli.summary import closing_lines
from api.services.task_view import Wait
from api.services.view import ObjectiveView
from worker.embedded import stack
from workflows.domain.objective import Objective, Stage

PATIENCE_SECONDS = 60.0
"""How long a watcher tries to get a lost stack back before it says that it cannot."""


def run(asked: Asked, *, as_json: bool, detach: bool) -> int:
    console = Console(stderr=as_json, highlight=False)
    report = _reporter(console, quiet=as_json or detach)
    configured = settings.load()
    request = intake.take_in(asked, host_models.models_for(configured), report, channels=configured.notify.channels)
    for warning in request.warnings:
        click.secho(f"note: {warning}", fg="yellow", err=True)
    if request.needs_model:
        host_models.require(configured, report)
    with open_session(configured, report) as session:
        if configured.temporal.address and not session.workflows.host_polls():
            click.secho("note: no host polls this Temporal; start one with `python -m worker`", fg="yellow", err=True)
        objective = intake.store(request, session.artifacts, configured.budget)
        _start(session, objective)
        if detach:
            click.echo(objective.id)
            return DELIVERED
        report(f"objective: {objective.id}")
        return _follow(session, ObjectiveView(objective.id), request.out, console, as_json=as_json)


def _start(session: Session, objective: Objective) -> None:
    """Writes it down first, so that nothing runs that no list shows; takes it back if it cannot be started."""
    session.objectives.open(objective)
    try:
        session.workflows.start(objective)
    except Stopped:
        session.objectives.withdraw(objective.id)
        raise


def watch(asked: str, out: Path | None, *, as_json: bool) -> int:
    console = Console(stderr=as_json, highlight=False)
    with open_session(settings.load(), _reporter(console, quiet=as_json)) as session:
        row = session.objective(asked)
        target = out or Path("deliverables") / row.request.id
        return _follow(session, ObjectiveView(row.request.id), target.absolute(), console, as_json=as_json)


def _follow(session: Session, view: ObjectiveView, out: Path, console: Console, *, as_json: bool) -> int:
    display = Display(console, quiet=as_json)
    asked_about: set[Wait] = set()
    while not view.stage.ended:
        try:
            for rows in _entries(session, view):
                view.take(rows)
                display.show(view, rows)
                if view.stage.ended:
                    break
                for wait in view.waits.values():
                    if wait not in asked_about:
                        _offer_decision(session, view, wait, display, console)
                asked_about = set(view.waits.values())
        except KeyboardInterrupt:
            display.pause()
            code = _interrupted(session, view)
            if code is not None:
                return code
    display.pause()
    return _deliver(session, view, out, console, as_json=as_json)


def _entries(session: Session, view: ObjectiveView) -> Iterator[tuple[JournalRow, ...]]:
    """Journal entries until the end, through restarts of whatever part of the stack."""
    lost_since: float | None = None
    while True:
        try:
            quiet = 0
            for rows in journal.follow(session.engine, view.id, after=view.seq):
                lost_since = None
                yield rows
                quiet = 0 if rows else quiet + 1
                if quiet and quiet % 5 == 0:
                    _look_after(session, view)
        except (psycopg.OperationalError, DBAPIError) as error:
            lost_since = lost_since or time.monotonic()
            if time.monotonic() - lost_since > PATIENCE_SECONDS:
                raise Stopped(
                    [f"the connection to Postgres is lost: {error}", f"`botted watch {view.id}` goes on from here"]
                ) from error
            time.sleep(0.5)
            _get_back(session)


def _look_after(session: Session, view: ObjectiveView) -> None:
    """When nothing comes for a while: is the stack still there, and does the workflow still run?"""
    _get_back(session)
    closed = session.workflows.closed_as(view.id)
    if closed is None:
        return
    with session.engine.connect() as connection:
        if journal.read(connection, view.id, after=view.seq):
            return
    raise Stopped(
        [
            f"the workflow of {view.id} was closed from outside ({closed}) and wrote no end down",
            f"its history: {session.web_ui(view.id) or 'see Temporal'}",
        ]
    )


def _get_back(session: Session) -> None:
    try:
        stack.ensure(session.settings)
    except stack.StackError as error:
        raise Stopped(str(error).splitlines()) from error


def _interrupted(session: Session, view: ObjectiveView) -> int | None:
    """Ctrl-C: leave it running, cancel it, or go on watching (None)."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        click.echo(f"interrupted; {view.id} goes on in the background: botted watch {view.id}", err=True)
        return INTERRUPTED
    try:
        choice = click.prompt(
            "\n[b]ackground: it goes on without you, [c]ancel it, or [k]eep watching",
            type=click.Choice(["b", "c", "k"]),
            default="b",
            show_choices=False,
            err=True,
        )
    except click.Abort:
        choice = "b"
    if choice == "k":
        return None
    if choice == "c":
        from api.cli import steering

        steering.stop(session, view.id)
        click.echo("cancelling; steps that run are stopped…", err=True)
        return _wait_for_end(session, view)
    click.echo(f"it goes on: botted watch {view.id}", err=True)
    return INTERRUPTED


def _wait_for_end(session: Session, view: ObjectiveView) -> int:
    for rows in _entries(session, view):
        view.take(rows)
        if view.stage.ended:
            break
    click.echo(f"{view.id}: {str(view.stage).replace('_', ' ')}", err=True)
    return INTERRUPTED


def _offer_decision(session: Session, view: ObjectiveView, wait: Wait, display: Display, console: Console) -> None:
    """In a terminal a person can decide on the spot; elsewhere it says how."""
    display.pause()
    if console.is_terminal and sys.stdin.isatty():
        from api.cli import deciding  # with Temporal's client, which takes a while to import

        deciding.offer(session, wait.approval)
        return
    answers = [how(question) for question in open_questions(session, view.id) if question.id == wait.approval]
    click.echo(": ".join([f"waits for {wanted(wait.subject, wait.text)}", *answers]), err=True)


def _deliver(session: Session, view: ObjectiveView, out: Path, console: Console, *, as_json: bool) -> int:
    row = session.objectives.get(view.id)
    assert row is not None
    deliverables = row.result.deliverables if row.result else ()
    written = export(session.artifacts, deliverables, out) if deliverables else ()
    used = bill(session, view.id, row.request.budget.usd)
    if as_json:
        click.echo(summary_json(view, row, written, session.web_ui(view.id), used))
    else:
        for line in closing_lines(view, row, written, session, used):
            console.print(line, soft_wrap=True)
    return DELIVERED if view.stage is Stage.DELIVERED else NOT_DELIVERED


def _reporter(console: Console, *, quiet: bool) -> "_Reporter":
    return _Reporter(console, quiet=quiet)


class _Reporter:
    def __init__(self, console: Console, *, quiet: bool) -> None:
        self._console = console
        self._quiet = quiet

    def __call__(self, text: str) -> None:
        if not self._quiet:
            self._console.print(text, style="dim", markup=False, soft_wrap=True)
