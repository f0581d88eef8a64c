"""The figures of the whole: how much there is of everything, for monitoring."""

from decimal import Decimal

from sqlalchemy import ColumnElement, Engine, Table, func, select, true

from activities.store import database
from activities.store.tables import approvals, journal, model_calls, objectives
from workflows.domain.model import Model


class CallFigures(Model):
    """Model calls of one kind."""

    profile: str
    model: str
    state: str
    calls: int
    cost_usd: Decimal


class Figures(Model):
    objectives: dict[str, int]
    """By stage."""
    open_approvals: int
    calls: tuple[CallFigures, ...]
    journal_rows: int


class FigureStore:
    def __init__(self, engine: Engine) -> None:
        self._reading = database.reading(engine)

    def figures(self, tenant: str | None) -> Figures:
        """Of one tenant, or of all. Counts whole tables: remember the answer for a while."""
        of_calls = (model_calls.c.profile, model_calls.c.model, model_calls.c.state)
        cost = func.coalesce(func.sum(model_calls.c.cost_usd), 0)
        calls = select(*of_calls, func.count().label("calls"), cost.label("cost_usd"))
        stages = select(objectives.c.stage, func.count()).where(_of(objectives, tenant)).group_by(objectives.c.stage)
        waiting = select(func.count()).where(_of(approvals, tenant), approvals.c.state == "open")
        with self._reading.connect() as connection:
            return Figures(
                objectives={row[0]: row[1] for row in connection.execute(stages)},
                open_approvals=connection.execute(waiting).scalar_one(),
                calls=tuple(
                    CallFigures.model_validate(dict(row._mapping))
                    for row in connection.execute(calls.where(_of(model_calls, tenant)).group_by(*of_calls))
                ),
                journal_rows=connection.execute(select(func.count()).where(_of(journal, tenant))).scalar_one(),
            )


def _of(table: Table, tenant: str | None) -> ColumnElement[bool]:
    return true() if tenant is None else table.c.tenant == tenant
