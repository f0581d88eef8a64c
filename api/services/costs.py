"""What model calls used and cost."""

from decimal import Decimal

from pydantic import Field

from activities.store import budgets, database
from activities.store.usage import By, UsageStore, Used
from api.house import House
from api.services import cursors
from api.services.objectives import Objectives
from workflows.domain.model import Model
from workflows.domain.naming import objective_workflow_id

CostsBy = By


class CostPage(Model):
    """In the order in which they were first paid for."""

    by: By
    items: tuple[Used, ...] = Field(description="`of` says whose; empty: of no task, such as planning")
    total: Used = Field(description="of all pages together")
    limit_usd: Decimal | None = Field(None, description="of an objective: what it may cost")
    next: str | None = Field(description="the cursor of the next page; null: this is the last one")


class Costs:
    def __init__(self, house: House) -> None:
        self._objectives = Objectives(house)
        self._usage = UsageStore(house.engine)
        self._reading = database.reading(house.engine)

    def of_objective(self, tenant: str, objective_id: str, by: By, cursor: str, limit: int) -> CostPage:
        """With what objectives below it cost."""
        asked = self._objectives.row(tenant, objective_id).request.budget
        with self._reading.connect() as connection:
            rows = budgets.of_objective(connection, objective_id)
        own = next((row for row in rows if row.scope == objective_workflow_id(objective_id)), None)
        return self._page(tenant, objective_id, by, cursor, limit, own.limit_usd if own else asked.usd)

    def of_tenant(self, tenant: str, by: By, cursor: str, limit: int) -> CostPage:
        return self._page(tenant, "", by, cursor, limit, None)

    def _page(
        self, tenant: str, objective_id: str, by: By, cursor: str, limit: int, limit_usd: Decimal | None
    ) -> CostPage:
        after = cursors.read(cursor, cursors.NUMBER) or 0
        page = self._usage.page(by, objective_id=objective_id, tenant=tenant, after=after, limit=limit)
        return CostPage(
            by=by,
            items=page.used,
            total=self._usage.total(objective_id=objective_id, tenant=tenant),
            limit_usd=limit_usd,
            next=cursors.write(page.next, cursors.NUMBER) if page.next is not None else None,
        )
