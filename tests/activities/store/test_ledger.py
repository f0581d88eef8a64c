"""What pays for model calls, with many at once, on a real Postgres."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from uuid import uuid4

import pytest
from sqlalchemy import Engine, select, text

from activities.store import lessons
from activities.store.breakers import BreakerOpen, Cooldown
from activities.store.ledger import Answered, BudgetExceeded, Call, Ledger, Scope, Spent, set_limits
from activities.store.lessons import Lessons
from activities.store.objectives import ObjectiveStore
from activities.store.tables import budgets
from activities.store.usage import By, UsageStore
from workflows.domain.budget import Budget
from workflows.domain.objective import Objective

PASSING = Cooldown(counts=True, at_once=False, seconds=30)
TERMINAL = Cooldown(counts=True, at_once=True, seconds=30)


class Payer:
    """An objective with a budget, and calls on its account."""

    def __init__(self, engine: Engine, budget: Budget) -> None:
        self.engine = engine
        self.ledger = Ledger(engine)
        self.objective = Objective(id=f"ledger-{uuid4().hex[:8]}", text="A test", budget=budget)
        self.provider = f"provider-{uuid4().hex[:8]}"
        self.scope = f"objective/{self.objective.id}"
        ObjectiveStore(engine).open(self.objective)

    def call(self, key: str = "", usd: str = "0.10", tokens: int = 100, **changes: object) -> Call:
        scope = Scope(name=self.scope, objective_id=self.objective.id, budget=self.objective.budget)
        call = Call(
            key=key or uuid4().hex,
            objective_id=self.objective.id,
            tenant=self.objective.id,
            task_id="a",
            attempt=1,
            step_id="turn-1",
            role="executor",
            worker="executor/fast",
            profile="fast",
            provider=self.provider,
            model="m",
            host="here",
            scopes=(scope,),
            tokens=tokens,
            usd=Decimal(usd),
            seconds=60,
        )
        return call.model_copy(update=changes)

    def answer(self, number: int, call: Call, usd: str = "0.04", seconds: float = 1.0) -> None:
        spent = Spent(input_tokens=50, cached_tokens=20, output_tokens=10, cost_usd=Decimal(usd))
        answered = Answered(
            spent=spent,
            model="m-1",
            finish="stop",
            request_id="r",
            latency_seconds=seconds,
            first_token_seconds=None,
            response={"text": "yes"},
        )
        self.ledger.settle(number, call, answered)

    def fail(self, cooldown: Cooldown = PASSING) -> None:
        call = self.call()
        self.ledger.fail(self.ledger.reserve(call), call, "server", "HTTP 500", Spent(), cooldown)

    def account(self) -> tuple[object, object, int]:
        """Spent and reserved dollars, turns."""
        with self.engine.connect() as connection:
            row = connection.execute(select(budgets).where(budgets.c.scope == self.scope)).one()
        return row.spent_usd, row.reserved_usd, row.spent_turns

    def shift(self, seconds: int) -> None:
        """As if so much time had passed."""
        statement = text(
            "UPDATE providers SET open_until = open_until - make_interval(secs => :s), "
            "trial_until = trial_until - make_interval(secs => :s) WHERE name = :n"
        )
        with self.engine.begin() as connection:
            connection.execute(statement, {"s": seconds, "n": self.provider})


def test_of_twenty_calls_at_once_only_those_that_fit_are_made(engine: Engine) -> None:
    payer = Payer(engine, Budget(usd=Decimal("0.75")))

    def attempt(n: int) -> str:
        try:
            payer.ledger.reserve(payer.call())
        except BudgetExceeded as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(20) as pool:
        refused = [said for said in pool.map(attempt, range(20)) if said]
    assert len(refused) == 13
    assert all("$0.1000, with $0.0000 spent and $0.7000 held of $0.75" in said for said in refused)
    assert payer.account() == (0, Decimal("0.7"), 0)


def test_what_was_held_and_not_needed_is_there_again(engine: Engine) -> None:
    payer = Payer(engine, Budget(usd=Decimal("0.15")))
    for _ in range(3):
        call = payer.call()
        payer.answer(payer.ledger.reserve(call), call, usd="0.02")
    assert payer.account() == (Decimal("0.06"), 0, 3)
    with pytest.raises(BudgetExceeded):
        payer.ledger.reserve(payer.call())


@pytest.mark.parametrize(
    ("budget", "why"),
    [
        (Budget(tokens=99), "100 tokens, with 0 used and 0 held of 99"),
        (Budget(turns=0), "one more turn than the 0 that are allowed"),
    ],
)
def test_tokens_and_turns_are_limits_too(engine: Engine, budget: Budget, why: str) -> None:
    payer = Payer(engine, budget)
    with pytest.raises(BudgetExceeded, match=why):
        payer.ledger.reserve(payer.call())


def test_time_is_a_limit_from_the_first_call_on(engine: Engine) -> None:
    payer = Payer(engine, Budget(seconds=3600))
    call = payer.call()
    payer.answer(payer.ledger.reserve(call), call)
    with engine.begin() as connection:
        connection.execute(text("UPDATE budgets SET ends_at = now() WHERE scope = :s"), {"s": payer.scope})
    with pytest.raises(BudgetExceeded, match="more time than was given"):
        payer.ledger.reserve(payer.call())


def test_a_person_can_raise_a_limit(engine: Engine) -> None:
    payer = Payer(engine, Budget(usd=Decimal("0.01"), turns=5))
    with pytest.raises(BudgetExceeded):
        payer.ledger.reserve(payer.call())
    scope = payer.call().scopes[0]
    with engine.begin() as connection:
        set_limits(connection, scope, Budget(usd=Decimal(1)))
    payer.ledger.reserve(payer.call())
    with engine.connect() as connection:
        row = connection.execute(select(budgets).where(budgets.c.scope == payer.scope)).one()
    assert (row.limit_usd, row.limit_turns) == (1, 5)


def test_an_answer_is_kept_under_its_key(engine: Engine) -> None:
    payer = Payer(engine, Budget())
    assert payer.ledger.kept("k-none") is None
    call = payer.call(key=f"k-{payer.provider}")
    payer.answer(payer.ledger.reserve(call), call)
    kept = payer.ledger.kept(call.key)
    assert kept is not None
    assert kept.response == {"text": "yes"}


def test_a_call_whose_host_was_lost_counts_as_spent(engine: Engine) -> None:
    payer = Payer(engine, Budget())
    call = payer.call()
    payer.ledger.reserve(call)
    number = payer.ledger.reserve(call)
    assert payer.account() == (Decimal("0.1"), Decimal("0.1"), 0)
    payer.answer(number, call)
    assert payer.account() == (Decimal("0.14"), 0, 1)


def test_an_answer_that_comes_after_it_was_written_off_changes_nothing(engine: Engine) -> None:
    payer = Payer(engine, Budget())
    call = payer.call()
    late, number = payer.ledger.reserve(call), payer.ledger.reserve(call)
    payer.answer(late, call)
    payer.answer(number, call)
    payer.ledger.abandon(number, call)
    assert payer.account() == (Decimal("0.14"), 0, 1)


def test_five_faults_in_a_row_open_the_breaker_and_a_trial_closes_it(engine: Engine) -> None:
    payer = Payer(engine, Budget())
    before = payer.call()
    under_way = payer.ledger.reserve(before)
    for _ in range(5):
        payer.fail()
    payer.answer(under_way, before)  # begun before it opened: says nothing of now
    with pytest.raises(BreakerOpen):
        payer.ledger.reserve(payer.call())
    payer.shift(31)
    trial = payer.call()
    number = payer.ledger.reserve(trial)
    with pytest.raises(BreakerOpen):
        payer.ledger.reserve(payer.call())
    assert _state(engine, payer) == "half open"
    payer.answer(number, trial)
    payer.ledger.reserve(payer.call())
    assert _state(engine, payer) == "closed"


def test_a_trial_that_fails_opens_it_again(engine: Engine) -> None:
    payer = Payer(engine, Budget())
    payer.fail(TERMINAL)
    payer.shift(31)
    payer.fail()
    with pytest.raises(BreakerOpen):
        payer.ledger.reserve(payer.call())


def test_half_of_the_last_twenty_open_it_too(engine: Engine) -> None:
    payer = Payer(engine, Budget())
    for _ in range(10):
        call = payer.call()
        payer.answer(payer.ledger.reserve(call), call)
        payer.fail()
    with pytest.raises(BreakerOpen):
        payer.ledger.reserve(payer.call())


def test_sums_up_by_whatever_one_asks_for(engine: Engine) -> None:
    payer, usage = Payer(engine, Budget()), UsageStore(engine)
    for role, usd in (("planner", "0.01"), ("executor", "0.02"), ("executor", "0.03")):
        call = payer.call(role=role)
        payer.answer(payer.ledger.reserve(call), call, usd=usd)
    payer.fail()
    payer.ledger.reserve(payer.call())
    by_role = {used.of: used for used in usage.used(By.ROLE, objective_id=payer.objective.id)}
    assert (by_role["executor"].calls, by_role["executor"].failed) == (3, 1)
    assert by_role["executor"].cost_usd == Decimal("0.05")
    assert (by_role["planner"].input_tokens, by_role["planner"].cached_tokens) == (50, 20)
    for by in By:
        assert sum(used.cost_usd for used in usage.used(by, tenant=payer.objective.id)) == Decimal("0.06")


def test_tells_how_a_provider_fares(engine: Engine) -> None:
    payer = Payer(engine, Budget())
    for seconds in (1.0, 2.0, 3.0):
        call = payer.call()
        payer.answer(payer.ledger.reserve(call), call, seconds=seconds)
    payer.fail()
    [health] = [one for one in UsageStore(engine).health() if one.name == payer.provider]
    assert (health.answered, health.failed, health.p50_seconds) == (3, 1, 2.0)
    assert health.p95_seconds == pytest.approx(2.9)
    assert (health.last_fault, health.last_error) == ("server", "HTTP 500")


def test_lessons_are_found_by_their_words_and_can_be_forgotten(engine: Engine) -> None:
    tenant, kept = uuid4().hex, Lessons(engine)
    for capability, taught in (("data", "Round percentages to one digit."), ("writing", "Name the source of figures.")):
        for _ in range(2):
            with engine.begin() as connection:
                lessons.keep(
                    connection, tenant=tenant, capability=capability, text=taught, objective_id="o", task_id="t"
                )
    found = kept.fitting(tenant, "data", "Report percentages & figures: 'quotes' | (signs) !")
    assert [(lesson.capability, lesson.times) for lesson in found] == [("data", 2), ("writing", 2)]
    assert kept.fitting(tenant, "data", "zebra") == ()
    assert kept.fitting("other", "data", "percentages") == ()
    assert kept.forget(tenant, found[0].id)
    assert not kept.forget(tenant, found[0].id)
    assert len(kept.all(tenant)) == 1


def _state(engine: Engine, payer: Payer) -> str:
    return next(one.state for one in UsageStore(engine).health() if one.name == payer.provider)
