"""The service's metrics, as Prometheus wants them."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterable

import httpx2
import structlog
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from activities.store.figures import Figures, FigureStore
from api.measures import Measures

FRESH_SECONDS = 10.0
_MOST_TENANTS = 100
_PATIENCE = 2.0  # seconds
log = structlog.get_logger("api.metrics")


class MetricsPage:
    def __init__(self, measures: Measures, figures: FigureStore, sdk_metrics: str) -> None:
        self._measures = measures
        self._figures = figures
        self._sdk_metrics = sdk_metrics
        self._counted: OrderedDict[str | None, tuple[float, Figures]] = OrderedDict()
        self._counting = asyncio.Lock()

    async def text(self, tenant: str | None) -> bytes:
        """This process's own metrics, those of the database (one tenant's, or all), those of Temporal's SDK."""
        own = generate_latest(self._measures.registry)
        return own + _page(await self._figures_of(tenant)) + await self._of_sdk()

    async def _figures_of(self, tenant: str | None) -> Figures | None:
        """None while Postgres does not answer: monitoring is for such times."""
        async with self._counting:
            counted, figures = self._counted.get(tenant, (float("-inf"), None))
            if figures is not None and time.monotonic() - counted < FRESH_SECONDS:
                return figures
            try:
                fresh = await asyncio.to_thread(self._figures.figures, tenant)
            except SQLAlchemyError as error:
                log.warning("not counted", why=type(error).__name__)
                return None
            self._counted[tenant] = (time.monotonic(), fresh)
            if len(self._counted) > _MOST_TENANTS:
                self._counted.popitem(last=False)
            return fresh

    async def _of_sdk(self) -> bytes:
        if not self._sdk_metrics:
            return b""
        try:
            async with httpx2.AsyncClient(timeout=_PATIENCE, trust_env=False) as client:
                return (await client.get(self._sdk_metrics)).content
        except httpx2.HTTPError as error:
            log.warning("no metrics from Temporal's SDK", why=repr(error))
            return b""


def _page(figures: Figures | None) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Counted(figures))
    return generate_latest(registry)


class _Counted(Collector):
    def __init__(self, figures: Figures | None) -> None:
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        up = GaugeMetricFamily("botted_postgres_up", "Whether Postgres told the figures below")
        up.add_metric([], 1.0 if self._figures else 0.0)
        yield up
        if self._figures:
            yield from _families(self._figures)


def _families(figures: Figures) -> Iterable[Metric]:
    stages = GaugeMetricFamily("botted_objectives", "Objectives by stage", labels=["stage"])
    for stage, count in sorted(figures.objectives.items()):
        stages.add_metric([stage], count)
    yield stages
    yield GaugeMetricFamily("botted_open_approvals", "What waits for a person", value=figures.open_approvals)
    calls = CounterMetricFamily("botted_model_calls", "Model calls", labels=["profile", "model", "state"])
    cost = CounterMetricFamily("botted_model_cost_usd", "US dollars paid for them", labels=["profile", "model"])
    paid: dict[tuple[str, str], float] = {}
    for each in figures.calls:
        calls.add_metric([each.profile, each.model, each.state], each.calls)
        paid[each.profile, each.model] = paid.get((each.profile, each.model), 0.0) + float(each.cost_usd)
    for (profile, model), usd in paid.items():
        cost.add_metric([profile, model], usd)
    yield calls
    yield cost
    yield GaugeMetricFamily("botted_journal_rows", "Entries of all journals", value=figures.journal_rows)
