"""`botted budget`: what an objective may use, what it has used, and more of it."""

from collections.abc import Container, Iterator
from datetime import datetime
from decimal import Decimal

import click
from rich.console import Console
from rich.table import Table

from activities.store import budgets, journal
from activities.store.budgets import BudgetRow
from activities.store.journal import Entry
from activities.store.ledger import Scope, set_limits
from api.cli import settings
from api.cli.costs import dollars
from api.cli.deciding import BUDGET, send, waiting, waiting_below
from api.cli.errors import BadInput
from api.cli.limits import Limits
from api.cli.person import person
from api.cli.session import Session, open_session
from api.cli.task_view import Wait
from workflows.domain.budget import Budget
from workflows.domain.naming import Role, objective_workflow_id, task_workflow_id
from workflows.domain.objective import Objective


def budget(asked: str, limits: Limits, of: str | None) -> None:
    with open_session(settings.load(), _progress) as session:
        objective = session.objective(asked).request
        if limits.given == Budget():
            _show(session, objective)
        else:
            _change(session, objective, limits, of)


def _change(session: Session, objective: Objective, limits: Limits, of: str | None) -> None:
    view = session.view(objective.id)
    if view.stage.ended:
        raise BadInput(f"{objective.id} has already ended: {str(view.stage).replace('_', ' ')}")
    waits = [wait for wait in waiting(session, view) if wait.subject == BUDGET]
    text = f"budget of the {of or 'objective'}: {', '.join(_spelled(limits))}"
    with session.engine.begin() as connection:
        for scope in _scopes(objective, waits, of, view.tasks):
            set_limits(connection, scope, limits.given)
        data = {"limits": limits.given.model_dump(mode="json", exclude_none=True), "of": of or "objective"}
        entry = Entry(objective_id=objective.id, kind="budget.changed", actor=person(), text=text, data=data)
        journal.append(connection, entry)
    click.echo(f"{objective.id}: {text}")
    for wait in waits:
        send(session, objective.id, wait, approved=True)
        click.echo(f"goes on: {view.title(wait.task_id) or objective.id}")
    for line in waiting_below(session, objective.id, "approve"):
        click.echo(f"a part of it waits too: {line}")


def _scopes(objective: Objective, waits: list[Wait], of: str | None, tasks: Container[str]) -> Iterator[Scope]:
    """What was named. Or else the objective, and the tasks that wait: those may use what the objective may."""
    whole = objective_workflow_id(objective.id)
    if of is None:
        yield Scope(name=whole, objective_id=objective.id, budget=objective.budget)
        for wait in waits:
            if wait.task_id:
                name = task_workflow_id(objective.id, wait.task_id)
                yield Scope(name=name, objective_id=objective.id, budget=Budget())
        return
    kind, _, name = of.partition("/")
    known: dict[str, Container[str]] = {"task": tasks, "worker": [str(role) for role in Role]}
    if name not in known.get(kind, ()):
        raise BadInput(f"--of {of}: write task/TASK with a task of this objective, or worker/executor and the like")
    present = objective.worker_budget if kind == "worker" else Budget()
    yield Scope(name=f"{whole}/{of}", objective_id=objective.id, budget=present)


def _spelled(limits: Limits) -> Iterator[str]:
    if limits.usd is not None:
        yield dollars(limits.usd)
    if limits.tokens is not None:
        yield f"{limits.tokens:,} tokens"
    if limits.turns is not None:
        yield f"{limits.turns:,} turns"
    if limits.minutes is not None:
        yield f"{limits.minutes.normalize():f} minutes from now on"


def _show(session: Session, objective: Objective) -> None:
    with session.engine.connect() as connection:
        rows = budgets.of_objective(connection, objective.id)
    whole = objective_workflow_id(objective.id)
    if not any(row.scope == whole for row in rows):
        rows = (_untouched(whole, objective.budget), *rows)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("of", "dollars", "tokens", "turns", "until"):
        table.add_column(heading)
    for row in rows:
        of = row.scope.removeprefix(whole).strip("/") or "objective"
        table.add_row(of, *_cells(row), _until(row.ends_at))
    Console(highlight=False).print(table)
    click.echo(f"\nmore of it: botted budget {objective.id} --usd 10   (or --tokens, --turns, --minutes)")


def _cells(row: BudgetRow) -> Iterator[str]:
    yield _cell(dollars(row.spent_usd, 4), row.reserved_usd and dollars(row.reserved_usd, 4), _usd(row.limit_usd))
    for spent, held, limit in (
        (row.spent_tokens, row.reserved_tokens, row.limit_tokens),
        (row.spent_turns, row.reserved_turns, row.limit_turns),
    ):
        yield _cell(f"{spent:,}", held and f"{held:,}", "" if limit is None else f"{limit:,}")


def _cell(spent: str, held: object, limit: str) -> str:
    return spent + (f" + {held} held" if held else "") + (f" of {limit}" if limit else "")


def _usd(limit: Decimal | None) -> str:
    return "" if limit is None else dollars(limit)


def _until(end: datetime | None) -> str:
    return end.astimezone().strftime("%Y-%m-%d %H:%M:%S") if end else ""


def _untouched(scope: str, budget: Budget) -> BudgetRow:
    """Before the first model call there is no row."""
    nothing = {f"{kind}_{what}": 0 for kind in ("spent", "reserved") for what in ("usd", "tokens", "turns")}
    limits = {"limit_usd": budget.usd, "limit_tokens": budget.tokens, "limit_turns": budget.turns, "ends_at": None}
    return BudgetRow.model_validate({"scope": scope, **nothing, **limits})


def _progress(text: str) -> None:
    click.secho(text, dim=True, err=True)
