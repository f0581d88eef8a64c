"""`botted plan` and `botted add-task`: the plan of an objective, as people read it and as they change it."""

import os
import re
import sys
import tempfile
from pathlib import Path

import click

from api.auth.principal import Principal, Right
from api.cli import settings
from api.cli.actor import Actor
from api.cli.errors import BadInput, Stopped, complain
from api.cli.plan_lines import plan_lines
from api.cli.session import Session, open_session
from api.services.steering import AddedTasks, Helm, NewPlan
from workflows.domain.control import PlanReceipt
from workflows.domain.plan import Plan

_MADE_FROM = re.compile(r"#[^\n]* made from ([0-9a-f]{64})\n")
STDIN = "-"


def show(asked: str, *, as_yaml: bool) -> None:
    with open_session(settings.load(), _progress) as session:
        actor = Actor(session)
        objective_id = actor.objective(asked).request.id
        text = _present(actor, objective_id)
        if as_yaml:
            click.echo(text, nl=False)
            return
        plan, sha256 = _plan(session, objective_id)
        click.echo(f"{len(plan.tasks)} tasks by {plan.playbook}   {click.style(sha256[:12], dim=True)}")
        for line in plan_lines(plan, session.view(objective_id)):
            click.echo(line)
        click.secho(f"to change it: botted plan {objective_id} --edit", dim=True)


def send(asked: str, source: str) -> None:
    """A plan from a file: if its first line says what it was made from, a plan that is newer than that is kept."""
    text = _read(source)
    with open_session(settings.load(), _progress) as session:
        actor = Actor(session)
        objective_id = actor.objective(asked).request.id
        receipt = _revise(actor, objective_id, text)
    click.echo(_said(objective_id, receipt))


def edit(asked: str, source: str | None) -> None:
    """In an editor. What was typed stays in its file until it has been taken over."""
    if not (_in_terminal() or os.environ.get("VISUAL") or os.environ.get("EDITOR")):
        raise BadInput("there is no terminal for an editor; set EDITOR, or take the plan from a file with --from")
    with open_session(settings.load(), _progress) as session:
        actor = Actor(session)
        actor.require(Right.RUN)
        row = actor.objective(asked)
        objective_id = row.request.id
        if row.ended_at is not None:
            raise Stopped([f"{objective_id} has ended: {str(row.stage).replace('_', ' ')}"])
        before = _present(actor, objective_id)
        path = Path(source) if source else _draft(objective_id, before)
        try:
            receipt = _edited(actor, objective_id, before, path)
        except (BadInput, Stopped) as error:
            raise _kept(error, objective_id, path) from error
        if source is None:
            path.unlink(missing_ok=True)
    click.echo(_said(objective_id, receipt) if receipt else "nothing was changed")


def add(asked: str, source: str) -> None:
    async def added(helm: Helm, principal: Principal) -> PlanReceipt:
        return await helm.add_tasks(principal, objective_id, AddedTasks(tasks=text))

    text = _read(source)
    with open_session(settings.load(), _progress) as session:
        actor = Actor(session)
        objective_id = actor.objective(asked).request.id
        receipt = actor.steer(added)
    click.echo(_said(objective_id, receipt))


def _edited(actor: Actor, objective_id: str, before: str, path: Path) -> PlanReceipt | None:
    """None: nothing was changed."""
    while True:
        _open_editor(path)
        text = _read(str(path))
        if text == before or not text.strip():
            return None
        try:
            return _revise(actor, objective_id, text)
        except (BadInput, Stopped) as error:
            if not _in_terminal():
                raise
            complain(error.lines)
            if not click.confirm("Edit it again?", default=True):
                raise Stopped(["the plan is as it was"]) from error


def _open_editor(path: Path) -> None:
    try:
        click.edit(filename=str(path))
    except click.ClickException as error:
        raise BadInput(f"{error.format_message()}; EDITOR names the one to use") from error


def _in_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _kept(error: BadInput | Stopped, objective_id: str, path: Path) -> BadInput | Stopped:
    lines = (
        *error.lines,
        f"what you typed is in {path}",
        f"to go on with it: botted plan {objective_id} --edit --from {path}",
    )
    return BadInput(*lines) if isinstance(error, BadInput) else Stopped(lines)


def _revise(actor: Actor, objective_id: str, text: str) -> PlanReceipt:
    made_from = _MADE_FROM.match(text)
    replaces = made_from[1] if made_from else actor.plan(objective_id)[1]
    return actor.steer(
        lambda helm, principal: helm.revise_plan(principal, objective_id, NewPlan(plan=text, replaces=replaces))
    )


def _present(actor: Actor, objective_id: str) -> str:
    """As YAML, with a first line that says what it is; sent back with it, it never replaces a newer plan."""
    text, sha256 = actor.plan(objective_id)
    return f"# The plan of {objective_id}, made from {sha256}\n{text}"


def _plan(session: Session, objective_id: str) -> tuple[Plan, str]:
    row = session.objectives.get(objective_id)
    assert row is not None
    assert row.plan is not None
    return Plan.model_validate_json(session.artifacts.read(row.plan)), row.plan


def _draft(objective_id: str, text: str) -> Path:
    handle, name = tempfile.mkstemp(prefix=f"{objective_id}.", suffix=".yaml")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return Path(name)


def _read(source: str) -> str:
    if source == STDIN:
        return sys.stdin.read()
    try:
        return Path(source).expanduser().read_text("utf-8")
    except (OSError, ValueError) as error:
        raise BadInput(f"{source}: cannot be read: {error}") from error


def _said(objective_id: str, receipt: PlanReceipt) -> str:
    return f"{objective_id} has a new plan of {receipt.tasks} tasks; what is done stays   {receipt.plan[:12]}"


def _progress(text: str) -> None:
    click.secho(text, dim=True, err=True)
