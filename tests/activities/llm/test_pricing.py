"""What calls cost; what is not known is not free."""

from decimal import Decimal

from activities.llm import pricing
from activities.llm.messages import Message, Usage
from activities.llm.model import Price, Profile, Wire
from tests.activities.llm.conftest import profile, request

MILLION = 1_000_000


def _profile(**changes: object) -> Profile:
    return profile(Wire.CHAT, "http://127.0.0.1:1/v1", changes)


def test_a_price_of_our_own_comes_first_and_knows_cached_tokens() -> None:
    price = Price(input=Decimal(10), output=Decimal(30), cached=Decimal(1), cache_write=Decimal("12.5"))
    usage = Usage(input_tokens=MILLION, cached_tokens=600_000, cache_write_tokens=100_000, output_tokens=100_000)
    ours = _profile(price=price, price_provider="openai", model="gpt-5-mini")
    assert pricing.cost(ours, "gpt-5-mini", usage) == Decimal(3) + Decimal("0.6") + Decimal("1.25") + Decimal(3)


def test_cached_tokens_cost_like_others_unless_they_have_a_price() -> None:
    ours = _profile(price=Price(input=Decimal(10), output=Decimal(30)))
    usage = Usage(input_tokens=MILLION, cached_tokens=MILLION)
    assert pricing.cost(ours, "any", usage) == 10


def test_the_price_list_counts_cached_tokens_once_at_their_own_price() -> None:
    openai = _profile(price_provider="openai", model="gpt-5-mini")
    usage = Usage(input_tokens=MILLION, cached_tokens=600_000, output_tokens=MILLION)
    assert pricing.cost(openai, "gpt-5-mini-2025-08-07", usage) == Decimal("0.1") + Decimal("0.015") + Decimal(2)


def test_the_name_in_the_response_is_tried_before_the_one_asked_for() -> None:
    openai = _profile(price_provider="openai", model="gpt-5-mini")
    usage = Usage(input_tokens=MILLION)
    assert pricing.cost(openai, "gpt-5-nano", usage) == Decimal("0.05")
    assert pricing.cost(openai, "some-alias-of-theirs", usage) == Decimal("0.25")


def test_unknown_is_not_free() -> None:
    usage = Usage(input_tokens=MILLION)
    assert pricing.cost(_profile(), "test-model", usage) is None
    assert pricing.cost(_profile(price_provider="openai", model=""), "nobody-knows", usage) is None
    assert pricing.cost(_profile(price_provider="no-such-provider"), "gpt-5-mini", usage) is None
    assert pricing.estimate(_profile(), request()).usd is None


def test_local_models_are_free() -> None:
    local = _profile(price=Price(input=Decimal(0), output=Decimal(0)))
    assert pricing.cost(local, "llama", Usage(input_tokens=MILLION, output_tokens=MILLION)) == 0
    assert pricing.estimate(local, request()).usd == 0


def test_parts_larger_than_their_whole_do_no_harm() -> None:
    usage = Usage(input_tokens=10, cached_tokens=60, cache_write_tokens=5)
    openai = _profile(price_provider="openai", model="gpt-5-mini")
    assert pricing.cost(openai, "gpt-5-mini", usage) == Decimal("0.00000025")


def test_estimates_are_upper_bounds() -> None:
    claude = _profile(price=Price(input=Decimal(10), output=Decimal(30), cached=Decimal(1), cache_write=Decimal(20)))
    asked = request(Message(role="user", content="x" * 4_000), max_output_tokens=1_000)
    estimate = pricing.estimate(claude, asked)
    assert estimate.tokens == 1_100 + 1_000
    assert estimate.usd == (1_100 * Decimal(20) + 1_000 * Decimal(30)) / MILLION
    listed = pricing.estimate(_profile(price_provider="anthropic", model="claude-sonnet-4-5"), asked)
    assert listed.usd == (1_100 * Decimal("3.75") + 1_000 * Decimal(15)) / MILLION
