"""What model calls used and cost, summed by whatever one asks for, and how providers fare."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum, auto
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Row, Select, case, func, literal, select

from activities.store import database
from activities.store.objectives import family
from activities.store.tables import model_calls, providers
from workflows.domain.model import Model

RECENT = 100
"""Calls that a provider's latency is told from."""


class By(StrEnum):
    """What to sum by."""

    CALL = auto()
    STEP = auto()
    TASK = auto()
    ROLE = auto()
    WORKER = auto()
    PROFILE = auto()
    MODEL = auto()
    OBJECTIVE = auto()
    TENANT = auto()


_GROUPS = {
    By.CALL: model_calls.c.id,
    By.STEP: model_calls.c.key,
    By.TASK: model_calls.c.task_id,
    By.ROLE: model_calls.c.role,
    By.WORKER: model_calls.c.worker,
    By.PROFILE: model_calls.c.profile,
    By.MODEL: model_calls.c.model,
    By.OBJECTIVE: model_calls.c.objective_id,
    By.TENANT: model_calls.c.tenant,
}


class Used(Model):
    """`unpriced` counts answered calls whose price nobody knows; `cost_usd` does not cover them."""

    of: str
    calls: int
    failed: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    cost_usd: Decimal
    unpriced: int
    seconds: float


class ProviderHealth(Model):
    name: str
    state: str
    answered: int
    failed: int
    p50_seconds: float | None
    p95_seconds: float | None
    last_fault: str = ""
    last_error: str = ""
    last_error_at: datetime | None = None


class UsagePage(NamedTuple):
    used: tuple[Used, ...]
    next: int | None
    """`after` of the next page."""


_SUMS = (
    func.count().label("calls"),
    func.count().filter(model_calls.c.state != "done").label("failed"),
    *(
        func.coalesce(func.sum(model_calls.c[name]), 0).label(name)
        for name in ("input_tokens", "cached_tokens", "output_tokens", "cost_usd")
    ),
    func.count().filter(model_calls.c.priced.is_(False)).label("unpriced"),
    func.coalesce(func.sum(model_calls.c.latency_seconds), 0).label("seconds"),
)
_first = func.min(model_calls.c.id)


class UsageStore:
    """Calls that are still under way are left out. An objective's include those of the objectives below it."""

    def __init__(self, engine: Engine) -> None:
        self._reading = database.reading(engine)

    def used(self, by: By, *, objective_id: str = "", tenant: str = "") -> tuple[Used, ...]:
        return self.page(by, objective_id=objective_id, tenant=tenant).used

    def page(
        self, by: By, *, objective_id: str = "", tenant: str = "", after: int = 0, limit: int | None = None
    ) -> UsagePage:
        """What was used first comes first."""
        group = _GROUPS[by].cast(model_calls.c.key.type).label("of")
        query = (
            _narrowed(select(group, *_SUMS, _first.label("first")), objective_id, tenant)
            .group_by(group)
            .order_by(_first)
            .limit(None if limit is None else limit + 1)
        )
        if after:
            query = query.having(_first > after)
        with self._reading.connect() as connection:
            rows = connection.execute(query).all()
        more = limit is not None and len(rows) > limit
        return UsagePage(tuple(map(_parse, rows[:limit])), rows[limit - 1].first if limit and more else None)

    def total(self, *, objective_id: str = "", tenant: str = "") -> Used:
        with self._reading.connect() as connection:
            return total(connection, objective_id=objective_id, tenant=tenant)

    def recent_costs(self, role: str, model: str, before: int, limit: int = 100) -> tuple[Decimal, ...]:
        """What answered calls of this role with this model cost, the newest first, before the call `before`."""
        query = (
            select(model_calls.c.cost_usd)
            .where(
                model_calls.c.role == role,
                model_calls.c.model == model,
                model_calls.c.state == "done",
                model_calls.c.priced,
                model_calls.c.id < before,
            )
            .order_by(model_calls.c.id.desc())
            .limit(limit)
        )
        with self._reading.connect() as connection:
            return tuple(connection.execute(query).scalars())

    def health(self) -> tuple[ProviderHealth, ...]:
        """Of every provider that was ever asked, over its last calls."""
        numbered = select(
            model_calls.c.provider,
            model_calls.c.state,
            model_calls.c.latency_seconds,
            func.row_number().over(partition_by=model_calls.c.provider, order_by=model_calls.c.id.desc()).label("n"),
        ).subquery()
        state = case(
            (providers.c.open_until > func.clock_timestamp(), "open"),
            (providers.c.open_until.is_not(None), "half open"),
            else_="closed",
        )
        query = (
            select(
                numbered.c.provider.label("name"),
                func.min(state).label("state"),
                func.count().filter(numbered.c.state == "done").label("answered"),
                func.count().filter(numbered.c.state == "failed").label("failed"),
                func.percentile_cont(0.5).within_group(numbered.c.latency_seconds).label("p50_seconds"),
                func.percentile_cont(0.95).within_group(numbered.c.latency_seconds).label("p95_seconds"),
                func.coalesce(func.min(providers.c.fault), "").label("last_fault"),
                func.coalesce(func.min(providers.c.error), "").label("last_error"),
                func.min(providers.c.error_at).label("last_error_at"),
            )
            .select_from(numbered)
            .outerjoin(providers, providers.c.name == numbered.c.provider)
            .where(numbered.c.n <= RECENT)
            .group_by(numbered.c.provider)
            .order_by(numbered.c.provider)
        )
        with self._reading.connect() as connection:
            return tuple(ProviderHealth.model_validate(dict(row._mapping)) for row in connection.execute(query))


def total(connection: Connection, *, objective_id: str = "", tenant: str = "") -> Used:
    """All in one, of an objective with those below it, or of a tenant."""
    query = _narrowed(select(literal("").label("of"), *_SUMS, _first.label("first")), objective_id, tenant)
    return _parse(connection.execute(query).one())


def _narrowed(query: Select[*tuple[Any, ...]], objective_id: str, tenant: str) -> Select[*tuple[Any, ...]]:
    query = query.where(model_calls.c.state != "reserved")
    if objective_id:
        # As an array, because Postgres takes the index for one, and the whole table for a query of unknown size.
        query = query.where(model_calls.c.objective_id == func.any(func.array(family(objective_id).scalar_subquery())))
    if tenant:
        query = query.where(model_calls.c.tenant == tenant)
    return query


def _parse(row: Row[*tuple[Any, ...]]) -> Used:
    return Used.model_validate({name: row._mapping[name] for name in Used.model_fields})
