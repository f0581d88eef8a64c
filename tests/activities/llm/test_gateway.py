"""The way to a model: paid once, retried, fallen back from, and accounted for, on a real Postgres over real HTTP."""

from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from uuid import uuid4

import pytest
from sqlalchemy import Engine, func, update

from activities.llm.asking import Asker, ModelRefused, ModelRetry, ModelUnavailable
from activities.llm.gateway import Answer, Gateway
from activities.llm.messages import Message, ModelRequest
from activities.llm.model import Price, Profile, Wire
from activities.llm.providers import make_model
from activities.store import journal
from activities.store.journal import JournalRow
from activities.store.ledger import Ledger
from activities.store.objectives import ObjectiveStore
from activities.store.tables import providers
from activities.store.usage import UsageStore
from activities.threads import Threads
from tests.fakes.llm_script import Fault, Reply, Say, SeenRequest, Tokens, Trouble
from tests.fakes.llm_server import FakeLlm
from workflows.domain.objective import Objective

PRICE = Price(input=Decimal(1), output=Decimal(4), cached=Decimal("0.1"))


class Setting:
    """Two providers, `first` and, behind it, `second`; a gateway that asks them for one objective."""

    def __init__(self, engine: Engine, llm: FakeLlm, threads: Threads) -> None:
        self.engine = engine
        self.llm = llm
        self.objective = Objective(id=f"gateway-{uuid4().hex[:8]}", text="A test")
        ObjectiveStore(engine).open(self.objective)
        profiles = {
            "first": self._profile("first", llm.base_url, fallbacks=("second",)),
            "second": self._profile("second", llm.base_url),
        }
        models = {name: make_model(profile) for name, profile in profiles.items()}
        roles = {"executor": ("first",), "verifier": ("second",)}
        self.gateway = Gateway(Ledger(engine), UsageStore(engine), models, profiles, roles, threads)

    def ask(self, key: str, role: str = "executor") -> Awaitable[Answer]:
        asker = Asker(
            key=f"{self.objective.id}/{key}", objective_id=self.objective.id, tenant="t", role=role, scopes=()
        )
        messages = (Message(role="user", content="Well?"),)
        return self.gateway.ask(asker, ModelRequest(messages=messages, max_output_tokens=100))

    def journal(self) -> tuple[JournalRow, ...]:
        with self.engine.connect() as connection:
            return journal.read(connection, self.objective.id)

    @property
    def asked(self) -> list[str]:
        return [seen.model for seen in self.llm.requests]

    def _profile(self, name: str, base_url: str, fallbacks: tuple[str, ...] = ()) -> Profile:
        return Profile(
            name=name,
            provider=f"{name}-{self.objective.id}",
            wire=Wire.CHAT,
            model=name,
            base_url=base_url,
            price=PRICE,
            fallbacks=fallbacks,
            max_output_tokens=400,
            deadline_seconds=5,
        )


@pytest.fixture
async def setting(engine: Engine) -> AsyncIterator[Setting]:
    threads = Threads(8)
    async with FakeLlm() as llm:
        setting = Setting(engine, llm, threads)
        yield setting
        await setting.gateway.close()
    threads.close()


def by_model(**replies: Reply) -> Callable[[SeenRequest], Reply]:
    return lambda seen: replies[seen.model]


async def test_an_answer_is_paid_for_once(setting: Setting) -> None:
    setting.llm.responder = by_model(first=Say("yes"))
    first, again = await setting.ask("k"), await setting.ask("k")
    assert first.response == again.response
    assert setting.asked == ["first"]


async def test_a_passing_fault_is_waited_out_and_then_the_fallback_is_asked(setting: Setting) -> None:
    setting.llm.responder = by_model(first=Fault(Trouble.SERVER_ERROR), second=Say("yes"))
    with pytest.raises(ModelRetry) as waiting:
        await setting.ask("k")
    assert waiting.value.seconds == 1.0
    answer = await setting.ask("k")
    assert answer.profile.name == "second"
    assert setting.asked == ["first", "first", "second"]


async def test_waits_grow_and_honour_the_provider(setting: Setting) -> None:
    setting.llm.responder = by_model(second=Fault(Trouble.SERVER_ERROR))
    waits = []
    for _ in range(3):
        with pytest.raises(ModelRetry) as waiting:
            await setting.ask("k", "verifier")
        waits.append(waiting.value.seconds)
    setting.llm.responder = by_model(second=Fault(Trouble.RATE_LIMIT, 7.0))
    with pytest.raises(ModelRetry) as waiting:
        await setting.ask("other", "verifier")
    assert waits == [1.0, 2.0, 4.0]
    assert waiting.value.seconds == 7.0


async def test_a_provider_that_asked_for_a_pause_gets_it_from_everybody(setting: Setting) -> None:
    setting.llm.responder = by_model(second=Fault(Trouble.RATE_LIMIT, 30.0))
    for key in ("one", "two", "three"):
        with pytest.raises(ModelRetry) as waiting:
            await setting.ask(key, "verifier")
        assert 25 < waiting.value.seconds <= 31
    assert setting.asked == ["second"]


@pytest.mark.parametrize("trouble", [Trouble.UNAUTHORIZED, Trouble.QUOTA, Trouble.NOT_FOUND])
async def test_what_waiting_does_not_mend_goes_to_the_fallback_at_once(setting: Setting, trouble: Trouble) -> None:
    setting.llm.responder = by_model(first=Fault(trouble), second=Say("yes"))
    answer = await setting.ask("k")
    assert answer.profile.name == "second"
    await setting.ask("another")
    held_back = trouble is not Trouble.NOT_FOUND  # another model of that provider may well be there
    assert setting.asked == ["first", "second", *([] if held_back else ["first"]), "second"]


async def test_a_refusal_is_not_shopped_around(setting: Setting) -> None:
    setting.llm.responder = by_model(first=Fault(Trouble.REFUSAL), second=Say("yes"))
    with pytest.raises(ModelRefused):
        await setting.ask("k")
    assert setting.asked == ["first"]


async def test_an_answer_that_was_cut_gets_more_room(setting: Setting) -> None:
    setting.llm.responder = by_model(second=Fault(Trouble.LENGTH))
    with pytest.raises(ModelRetry):
        await setting.ask("k", "verifier")
    setting.llm.responder = by_model(second=Say("yes"))
    await setting.ask("k", "verifier")
    room = [seen.body.get("max_completion_tokens") or seen.body.get("max_tokens") for seen in setting.llm.requests]
    assert room == [100, 200]


async def test_an_answer_that_fits_into_no_room_is_given_up(setting: Setting) -> None:
    setting.llm.responder = by_model(second=Fault(Trouble.LENGTH))
    for _ in range(2):
        with pytest.raises(ModelRetry):
            await setting.ask("k", "verifier")
    with pytest.raises(ModelRefused, match="does not fit into 400 tokens"):
        await setting.ask("k", "verifier")


async def test_an_address_that_answers_nonsense_is_given_up_after_six_tries(setting: Setting) -> None:
    setting.llm.responder = by_model(second=Fault(Trouble.HTML))
    for _ in range(5):
        with pytest.raises(ModelRetry):
            await setting.ask("k", "verifier")
    with pytest.raises(ModelRetry, match="is not asked for another"):  # the breaker is open
        await setting.ask("k", "verifier")
    with setting.engine.begin() as connection:
        connection.execute(update(providers).values(open_until=func.now()))  # as if its time had passed
    with pytest.raises(ModelUnavailable, match=r"\(6 tries\)"):
        await setting.ask("k", "verifier")
    assert setting.asked == ["second"] * 6


async def test_without_a_model_it_says_what_to_do(setting: Setting) -> None:
    with pytest.raises(ModelUnavailable, match="set OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY"):
        await setting.ask("k", "planner")


async def test_cached_tokens_cost_what_they_cost(setting: Setting) -> None:
    setting.llm.responder = by_model(second=Say("yes", tokens=Tokens(input=1000, output=100, cached=900)))
    await setting.ask("k", "verifier")
    [row] = [row for row in setting.journal() if row.kind == "model.answered"]
    assert Decimal(str(row.data["cost_usd"])) == Decimal("0.00059")  # 100 at 1, 900 at 0.1, 100 out at 4, per million


async def test_a_call_that_costs_far_more_than_usual_is_an_alert(setting: Setting) -> None:
    usual = Tokens(input=1000, output=100)
    setting.llm.responder = lambda seen: Say("yes", tokens=usual)
    for n in range(24):
        await setting.ask(f"usual-{n}", "verifier")
    assert not [row for row in setting.journal() if row.kind == "alert"]
    setting.llm.responder = lambda seen: Say("yes", tokens=Tokens(input=90_000, output=9_000))
    await setting.ask("spike", "verifier")
    [alert] = [row for row in setting.journal() if row.kind == "alert"]
    assert alert.data["alert"] == "cost_spike"
    assert "cost $0.1260, where $0.0014 is usual" in alert.text
