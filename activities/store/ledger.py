"""Model calls and what pays for them: reserved before, settled after, answered once per key."""

from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal

from pydantic import Field, JsonValue
from sqlalchemy import Connection, Engine, func, insert, select, update
from sqlalchemy.dialects import postgresql

from activities.store import breakers, database, journal
from activities.store.journal import Entry
from activities.store.tables import budgets, model_calls
from workflows.domain.budget import Budget
from workflows.domain.model import Model


class Scope(Model):
    """Something that has a budget: an objective, a task of it, a worker in it."""

    name: str
    objective_id: str
    budget: Budget = Field(description="as it is when the scope is first used; later limits are the table's")


class Call(Model):
    """Which model is asked, for whom, and what it may cost at most."""

    key: str
    objective_id: str
    tenant: str
    task_id: str = ""
    attempt: int = 0
    step_id: str = ""
    role: str
    worker: str
    profile: str
    provider: str
    model: str
    host: str
    scopes: tuple[Scope, ...]
    tokens: int = Field(ge=0, description="at most")
    usd: Decimal = Field(ge=0, description="at most; 0 where nobody knows the price")
    seconds: float = Field(gt=0, description="after which it has surely ended")


class Spent(Model):
    """What a call used."""

    input_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False
    cost_usd: Decimal = Decimal(0)
    priced: bool = True

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens


class Answered(Model):
    spent: Spent
    model: str
    finish: str
    request_id: str
    latency_seconds: float
    first_token_seconds: float | None
    response: dict[str, JsonValue]


class BudgetExceeded(Exception):
    """The call does not fit into what is left; it was not made."""


class Kept(Model):
    """An answer that was paid for already."""

    profile: str
    response: dict[str, JsonValue]


class Ledger:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = database.reading(engine)

    def kept(self, key: str) -> Kept | None:
        with self._reading.connect() as connection:
            row = connection.execute(
                select(model_calls.c.profile, model_calls.c.response)
                .where(model_calls.c.key == key, model_calls.c.state == "done")
                .order_by(model_calls.c.id)
                .limit(1)
            ).one_or_none()
        return Kept(profile=row.profile, response=row.response) if row else None

    def answers(self, objective_id: str, task_id: str, attempt: int) -> dict[str, dict[str, JsonValue]]:
        """Step id → what a model answered, for the attempt's calls that were answered."""
        with self._reading.connect() as connection:
            rows = connection.execute(
                select(model_calls.c.step_id, model_calls.c.response)
                .where(
                    model_calls.c.objective_id == objective_id,
                    model_calls.c.task_id == task_id,
                    model_calls.c.attempt == attempt,
                    model_calls.c.state == "done",
                )
                .order_by(model_calls.c.id.desc())  # of two answers to one key the first counts
            ).all()
        return {row.step_id: row.response for row in rows}

    def faults(self, key: str) -> Counter[tuple[str, str]]:
        """(profile, fault) → how often calls with this key ended so."""
        with self._reading.connect() as connection:
            rows = connection.execute(
                select(model_calls.c.profile, model_calls.c.fault).where(
                    model_calls.c.key == key, model_calls.c.state == "failed"
                )
            ).all()
        return Counter((row.profile, row.fault) for row in rows)

    def reserve(self, call: Call) -> int:
        """The call's number. Raises BudgetExceeded, or BreakerOpen when its provider is not asked now."""
        with self._engine.begin() as connection:
            breakers.admit(connection, call.provider, call.seconds)
            _write_off(connection, call)
            for scope in sorted(call.scopes, key=lambda scope: scope.name):  # one order for all: no deadlocks
                _take(connection, scope, call)
            values = call.model_dump(exclude={"scopes", "tokens", "usd", "seconds"})
            number: int = connection.execute(
                insert(model_calls)
                .values(
                    **values,
                    state="reserved",
                    scopes=[scope.name for scope in call.scopes],
                    reserved_usd=call.usd,
                    reserved_tokens=call.tokens,
                )
                .returning(model_calls.c.id)
            ).scalar_one()
            return number

    def settle(self, number: int, call: Call, answered: Answered) -> None:
        """The answer and what it cost become visible together, with the journal's entry."""
        spent = answered.spent
        with self._engine.begin() as connection:
            breakers.answered(connection, call.provider)  # first, as everywhere: one order of locks, no deadlocks
            ended = _end(
                connection,
                number,
                state="done",
                model=answered.model,
                finish=answered.finish,
                request_id=answered.request_id[:200],
                latency_seconds=answered.latency_seconds,
                first_token_seconds=answered.first_token_seconds,
                response=answered.response,
                **spent.model_dump(),
            )
            if not ended:  # written off meanwhile by a retry on another host
                return
            _pay(connection, call, spent, turns=1)
            journal.append(connection, _entry(call, "model.answered", _sentence(answered), _figures(call, answered)))

    def fail(self, number: int, call: Call, fault: str, error: str, spent: Spent, cooldown: breakers.Cooldown) -> None:
        """A call that gave nothing; what it used all the same is paid for."""
        with self._engine.begin() as connection:
            opened = breakers.faulted(connection, call.provider, fault, error[:500], cooldown)
            if _end(connection, number, state="failed", fault=fault, error=error[:500], **spent.model_dump()):
                _pay(connection, call, spent, turns=0)
            data: dict[str, JsonValue] = {"fault": fault, "profile": call.profile, "provider": call.provider}
            journal.append(connection, _entry(call, "model.failed", error, data))
            if opened:
                text = f"calls to {call.provider} are held back for {cooldown.seconds:.0f} s after: {error}"
                once = f"breaker:{call.provider}:{number}"
                data = {"alert": "breaker_open", "provider": call.provider, "fault": fault}
                journal.append(connection, _entry(call, "alert", text, data, once=once))

    def alert(self, call: Call, kind: str, text: str, once: str | None = None) -> None:
        """Something that a person should look at; `once` per objective."""
        with self._engine.begin() as connection:
            journal.append(connection, _entry(call, "alert", text, {"alert": kind, "model": call.model}, once=once))

    def abandon(self, number: int, call: Call) -> None:
        """A call that was given up on the way: what it may have cost is counted as spent."""
        with self._engine.begin() as connection:
            _lose(connection, number, call)


def set_limits(connection: Connection, scope: Scope, limits: Budget) -> None:
    """Sets those of a scope's limits that are given; the others stay as they are."""
    given = {name: value for name, value in _limits(limits).items() if value is not None}
    connection.execute(
        postgresql.insert(budgets)
        .values(scope=scope.name, objective_id=scope.objective_id, **{**_limits(scope.budget), **given})
        .on_conflict_do_update(index_elements=["scope"], set_=given)
    )


def _take(connection: Connection, scope: Scope, call: Call) -> None:
    connection.execute(
        postgresql.insert(budgets)
        .values(scope=scope.name, objective_id=scope.objective_id, **_limits(scope.budget))
        .on_conflict_do_nothing()
    )
    usd = budgets.c.spent_usd + budgets.c.reserved_usd + call.usd
    tokens = budgets.c.spent_tokens + budgets.c.reserved_tokens + call.tokens
    turns = budgets.c.spent_turns + budgets.c.reserved_turns + 1
    taken = connection.execute(
        update(budgets)
        .where(
            budgets.c.scope == scope.name,
            budgets.c.limit_usd.is_(None) | (usd <= budgets.c.limit_usd),
            budgets.c.limit_tokens.is_(None) | (tokens <= budgets.c.limit_tokens),
            budgets.c.limit_turns.is_(None) | (turns <= budgets.c.limit_turns),
            budgets.c.ends_at.is_(None) | (budgets.c.ends_at > func.clock_timestamp()),
        )
        .values(
            reserved_usd=budgets.c.reserved_usd + call.usd,
            reserved_tokens=budgets.c.reserved_tokens + call.tokens,
            reserved_turns=budgets.c.reserved_turns + 1,
        )
    )
    if not taken.rowcount:
        raise BudgetExceeded(_why(connection, scope, call))


def _why(connection: Connection, scope: Scope, call: Call) -> str:
    row = connection.execute(select(budgets).where(budgets.c.scope == scope.name)).one()
    whose = scope.name.removeprefix(f"objective/{scope.objective_id}").strip("/") or "objective"
    usd, tokens = row.spent_usd + row.reserved_usd + call.usd, row.spent_tokens + row.reserved_tokens + call.tokens
    if row.limit_usd is not None and usd > row.limit_usd:
        held = f"${row.spent_usd:.4f} spent and ${row.reserved_usd:.4f} held of ${row.limit_usd:.2f}"
        over = f"${call.usd:.4f}, with {held}"
    elif row.limit_tokens is not None and tokens > row.limit_tokens:
        held = f"{row.spent_tokens:,} used and {row.reserved_tokens:,} held of {row.limit_tokens:,}"
        over = f"{call.tokens:,} tokens, with {held}"
    elif row.limit_turns is not None and row.spent_turns + row.reserved_turns + 1 > row.limit_turns:
        over = f"one more turn than the {row.limit_turns} that are allowed"
    else:
        over = f"more time than was given, which ended {row.ends_at:%Y-%m-%d %H:%M:%S} UTC"
    return f"the budget of the {whose} does not cover the next call: it may need {over}"


def _write_off(connection: Connection, call: Call) -> None:
    """An earlier call with this key whose host was lost may have been answered, and billed, all the same."""
    lost = connection.execute(
        select(model_calls.c.id, model_calls.c.reserved_usd, model_calls.c.reserved_tokens, model_calls.c.scopes).where(
            model_calls.c.key == call.key, model_calls.c.state == "reserved"
        )
    ).all()
    for row in lost:
        held = {"usd": row.reserved_usd, "tokens": row.reserved_tokens}
        _lose(connection, row.id, call.model_copy(update=held))
        text = "a host was lost with this call under way; what it may have cost counts as spent"
        journal.append(connection, _entry(call, "model.lost", text, {"call": row.id}))


def _lose(connection: Connection, number: int, call: Call) -> None:
    lost = Spent(input_tokens=call.tokens, cost_usd=call.usd, estimated=True)
    if _end(connection, number, state="lost", **lost.model_dump()):
        _pay(connection, call, lost, turns=0)


def _pay(connection: Connection, call: Call, spent: Spent, turns: int) -> None:
    for scope in sorted(scope.name for scope in call.scopes):
        connection.execute(
            update(budgets)
            .where(budgets.c.scope == scope)
            .values(
                reserved_usd=budgets.c.reserved_usd - call.usd,
                reserved_tokens=budgets.c.reserved_tokens - call.tokens,
                reserved_turns=budgets.c.reserved_turns - 1,
                spent_usd=budgets.c.spent_usd + spent.cost_usd,
                spent_tokens=budgets.c.spent_tokens + spent.tokens,
                spent_turns=budgets.c.spent_turns + turns,
            )
        )


def _end(connection: Connection, number: int, **values: object) -> bool:
    """Whether this ended it: a call ends once."""
    ended = connection.execute(
        update(model_calls)
        .where(model_calls.c.id == number, model_calls.c.state == "reserved")
        .values(**values, ended_at=func.clock_timestamp())
    )
    return bool(ended.rowcount)


def _limits(budget: Budget) -> dict[str, Decimal | int | datetime | None]:
    ends_at = None if budget.seconds is None else func.clock_timestamp() + timedelta(seconds=budget.seconds)
    return {
        "limit_usd": budget.usd,
        "limit_tokens": budget.tokens,
        "limit_turns": budget.turns,
        "ends_at": ends_at,  # type: ignore[dict-item]  # computed by the database
    }


def _entry(call: Call, kind: str, text: str, data: dict[str, JsonValue], once: str | None = None) -> Entry:
    return Entry(
        objective_id=call.objective_id,
        kind=kind,
        actor=call.worker,
        task_id=call.task_id,
        attempt=call.attempt,
        step_id=call.step_id,
        text=text,
        data=data,
        once=once,
    )


def _sentence(answered: Answered) -> str:
    spent = answered.spent
    price = f"${spent.cost_usd:.4f}" if spent.priced else "price unknown"
    return f"{answered.model}: {spent.input_tokens:,} tokens in, {spent.output_tokens:,} out, {price}"


def _figures(call: Call, answered: Answered) -> dict[str, JsonValue]:
    spent = answered.spent
    return {
        "role": call.role,
        "profile": call.profile,
        "provider": call.provider,
        "model": answered.model,
        "input_tokens": spent.input_tokens,
        "cached_tokens": spent.cached_tokens,
        "output_tokens": spent.output_tokens,
        "cost_usd": str(spent.cost_usd),
        "latency_seconds": round(answered.latency_seconds, 3),
        "finish": answered.finish,
        "request_id": answered.request_id,
    }
