"""`botted budget`: what an objective may use, what it has used, and more of it."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

import click
from rich.console import Console
from rich.table import Table

from activities.store import budgets
from activities.store.budgets import BudgetRow
from api.cli import settings
from api.cli.actor import Actor
from api.cli.costs import dollars
from api.cli.questions import how
from api.cli.session import Session, open_session
from api.services.limits import Limits
from api.services.steering import NewLimits
from workflows.domain.budget import Budget
from workflows.domain.naming import objective_workflow_id
from workflows.domain.objective import Objective
from workflows.domain.verdict import Subject


def budget(asked: str, limits: Limits, of: str | None) -> None:
    with open_session(settings.load(), _progress) as session:
        objective = session.objective(asked).request
        if limits.given == Budget():
            _show(session, objective)
        else:
            _change(session, objective, limits, of)


def _change(session: Session, objective: Objective, limits: Limits, of: str | None) -> None:
    actor = Actor(session)
    waiting = [one for one in actor.waiting(mine=False, objective_id=objective.id) if one.subject is Subject.BUDGET]
    actor.steer(
        lambda helm, principal: helm.change_limits(principal, objective.id, NewLimits(budget=limits.given, of=of or ""))
    )
    click.echo(f"{objective.id}: budget of the {of or 'objective'}: {', '.join(_spelled(limits))}")
    view = session.view(objective.id)
    for approval in waiting:
        click.echo(f"goes on: {view.title(approval.task_id) or objective.id}")
    for below in session.objectives.family(objective.id)[1:]:
        for approval in actor.waiting(mine=False, objective_id=below):
            click.echo(f"a part of it waits too: {how(approval)}   ({approval.text})")


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
