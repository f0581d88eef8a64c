"""What model calls used and cost: the closing line of an objective, its JSON, and `botted costs`."""

import json
from collections.abc import Iterable
from decimal import Decimal

import click
from pydantic import BaseModel, ConfigDict
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from activities.store import budgets
from activities.store.usage import By, Used
from api.cli import settings
from api.cli.session import TENANT, Session, open_session
from workflows.domain.naming import objective_workflow_id

_SUMMED = ("calls", "failed", "input_tokens", "cached_tokens", "output_tokens", "cost_usd", "unpriced", "seconds")
_NOTHING = Used(
    of="",
    calls=0,
    failed=0,
    input_tokens=0,
    cached_tokens=0,
    output_tokens=0,
    cost_usd=Decimal(0),
    unpriced=0,
    seconds=0,
)


class Bill(BaseModel):
    """Of an objective, with everything that objectives below it used."""

    model_config = ConfigDict(frozen=True)

    total: Used
    by: dict[By, tuple[Used, ...]]
    limit_usd: Decimal | None

    @property
    def line(self) -> str:
        """Empty where no model was asked."""
        if not self.total.calls:
            return ""
        limit = f" of {dollars(self.limit_usd)}" if self.limit_usd is not None else ""
        return f"models: {_spelled(self.total)}, {dollars(self.total.cost_usd, 4)}{limit}{_unpriced(self.total)}"

    def as_json(self) -> dict[str, object]:
        limit = float(self.limit_usd) if self.limit_usd is not None else None
        parts = {f"by_{by}": [_json(used) for used in rows] for by, rows in self.by.items()}
        return {**_json(self.total), "limit_usd": limit, **parts}


def bill(session: Session, objective_id: str, limit_usd: Decimal | None) -> Bill:
    """`limit_usd` as it was asked for; one that was set later counts instead."""
    family = session.objectives.family(objective_id)
    by = {by: _together(session, by, family) for by in (By.ROLE, By.MODEL, By.TASK)}
    total = _merged([used.model_copy(update={"of": ""}) for used in by[By.ROLE]])
    with session.engine.connect() as connection:
        rows = budgets.of_objective(connection, objective_id)
    own = [row for row in rows if row.scope == objective_workflow_id(objective_id)]
    return Bill(total=total[0] if total else _NOTHING, by=by, limit_usd=own[0].limit_usd if own else limit_usd)


def costs(asked: str | None, by: By | None, *, as_json: bool) -> None:
    with open_session(settings.load(), _progress) as session:
        if asked is None:
            by = by or By.OBJECTIVE
            rows = session.usage.used(by, tenant=TENANT)
        else:
            by = by or By.TASK
            rows = _together(session, by, session.objectives.family(session.objective(asked).request.id))
    if as_json:
        click.echo(json.dumps([_json(used) for used in rows], ensure_ascii=False, indent=2))
    elif not rows:
        click.echo("no model was asked yet")
    else:
        _print(by, rows)


def dollars(amount: Decimal, decimals: int = 2) -> str:
    """With as many decimals as small amounts need."""
    if amount and amount < Decimal(10) ** -decimals:
        decimals = min(9, -amount.adjusted() + 1)
    return f"${amount:,.{decimals}f}"


def _together(session: Session, by: By, objectives: Iterable[str]) -> tuple[Used, ...]:
    return _merged([used for one in objectives for used in session.usage.used(by, objective_id=one)])


def _merged(rows: Iterable[Used]) -> tuple[Used, ...]:
    found: dict[str, Used] = {}
    for used in rows:
        before = found.get(used.of, _NOTHING)
        sums = {name: getattr(before, name) + getattr(used, name) for name in _SUMMED}
        found[used.of] = used.model_copy(update=sums)
    return tuple(found.values())


def _spelled(used: Used) -> str:
    answered = used.calls - used.failed
    failed = f" and {used.failed} that failed" if used.failed else ""
    cached = f" ({used.cached_tokens / used.input_tokens:.0%} cached)".replace("%", " %") if used.input_tokens else ""
    calls = "call" if answered == 1 else "calls"
    return f"{answered:,} {calls}{failed}, {used.input_tokens:,} tokens in{cached}, {used.output_tokens:,} out"


def _unpriced(used: Used) -> str:
    return f" (without {used.unpriced} of unknown price)" if used.unpriced else ""


def _json(used: Used) -> dict[str, object]:
    cost = round(float(used.cost_usd), 9)
    return {**used.model_dump(mode="json"), "cost_usd": cost, "seconds": round(used.seconds, 3)}


def _print(by: By, rows: Iterable[Used]) -> None:
    rows = tuple(rows)
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(str(by), overflow="fold")
    for heading in ("calls", "failed", "tokens in", "cached", "out", "cost", "seconds"):
        table.add_column(heading, justify="right", no_wrap=True)
    whole = _merged([used.model_copy(update={"of": ""}) for used in rows])
    for used, name in [*((used, used.of or "plan and result") for used in rows), (whole[0], "in all")]:
        counts = (used.calls, used.failed, used.input_tokens, used.cached_tokens, used.output_tokens)
        cost = dollars(used.cost_usd, 4) + (" +?" if used.unpriced else "")
        table.add_row(escape(name), *(f"{count:,}" for count in counts), cost, f"{used.seconds:,.1f}")
    Console(highlight=False).print(table)
    if whole[0].unpriced:
        click.echo(f"\n+? {whole[0].unpriced} calls of unknown price are not in it; set a price in botted.toml")


def _progress(text: str) -> None:
    click.secho(text, dim=True, err=True)
