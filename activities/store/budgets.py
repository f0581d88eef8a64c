"""What objectives, tasks and workers may use, and what they have used and hold."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, select

from activities.store.tables import budgets
from workflows.domain.model import Model


class BudgetRow(Model):
    """None is no limit."""

    scope: str
    limit_usd: Decimal | None
    limit_tokens: int | None
    limit_turns: int | None
    ends_at: datetime | None
    spent_usd: Decimal
    spent_tokens: int
    spent_turns: int
    reserved_usd: Decimal
    reserved_tokens: int
    reserved_turns: int


def of_objective(connection: Connection, objective_id: str) -> tuple[BudgetRow, ...]:
    """Of the objective itself first, then of its tasks and workers. Nothing before the first model call."""
    columns = [budgets.c[name] for name in BudgetRow.model_fields]
    rows = connection.execute(
        select(*columns).where(budgets.c.objective_id == objective_id).order_by(budgets.c.created_at)
    )
    found = (BudgetRow.model_validate(dict(row._mapping)) for row in rows)
    return tuple(sorted(found, key=lambda row: row.scope.count("/")))
