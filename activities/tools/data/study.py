"""What an aspect works with: a loaded file, its profile, and where its claims and charts are kept."""

from dataclasses import dataclass, field

from activities.tools.data.claim import Claim, Measure, Op, Source
from activities.tools.data.finding import Chart, Form
from activities.tools.data.ledger import Ledger
from activities.tools.data.profile import Profile
from activities.tools.data.tables import Database


@dataclass
class Study:
    db: Database
    source: Source
    profile: Profile
    ledger: Ledger
    prefix: str
    charts: list[Chart] = field(default_factory=list)

    def figure(self, op: Op, column: str = "", by: str = "", value: str = "") -> Claim:
        return self.ledger.figure(op, column, by, value)

    def draw(self, form: Form, series: Claim, title: str, x_title: str, y_title: str, percent: bool = False) -> str:
        """Notes a chart of the series and returns the chart's id."""
        chart = Chart(
            id=f"{self.prefix}-chart-{len(self.charts) + 1}",
            form=form,
            claim=series.id,
            title=title,
            x_title=x_title,
            y_title=y_title,
            percent=percent,
        )
        self.charts.append(chart)
        return chart.id

    def series(self, measure: Measure) -> Claim:
        return self.ledger.tell(measure)


def number(claim: Claim) -> float:
    """The value of a claim that is a figure; 0 where there is none."""
    return float(claim.value) if isinstance(claim.value, int | float) else 0.0


def points(claim: Claim) -> tuple[tuple[str | int | float | None, ...], ...]:
    """The rows of a claim that is a series."""
    return claim.value if isinstance(claim.value, tuple) else ()


def named(count: int, one: str, many: str) -> str:
    return one if count == 1 else many
