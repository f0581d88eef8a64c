"""What a call costs, and what it may cost at most. Unknown is not free."""

import math
from decimal import Decimal

from activities.llm.messages import ModelRequest, Usage
from activities.llm.model import Price, Profile
from workflows.domain.model import Model

_MILLION = Decimal(1_000_000)


class Estimate(Model):
    """An upper bound for one call; `usd` is None where the price is unknown."""

    tokens: int
    usd: Decimal | None


def cost(profile: Profile, model: str, usage: Usage) -> Decimal | None:
    """US dollars. `model` is the name in the response, which says more than the one asked for. None: unknown."""
    usage = _plausible(usage)
    if profile.price is not None:
        return _at(profile.price, usage)
    if not profile.price_provider:
        return None
    listed = _listed(profile.price_provider, model, usage)
    return _listed(profile.price_provider, profile.model, usage) if listed is None else listed


def estimate(profile: Profile, request: ModelRequest) -> Estimate:
    """Four characters a token and a tenth more, all of the output, at the dearer of plain and cache-written input."""
    tokens = math.ceil(request.characters / 4 * 1.1)
    plain = Usage(input_tokens=tokens, output_tokens=request.max_output_tokens)
    written = plain.model_copy(update={"cache_write_tokens": tokens})
    prices = [cost(profile, profile.model, usage) for usage in (plain, written)]
    known = [price for price in prices if price is not None]
    return Estimate(tokens=tokens + request.max_output_tokens, usd=max(known, default=None))


def _plausible(usage: Usage) -> Usage:
    """Parts never larger than their whole: the price list refuses such figures."""
    cached = min(usage.cached_tokens, usage.input_tokens)
    written = min(usage.cache_write_tokens, usage.input_tokens - cached)
    return usage.model_copy(update={"cached_tokens": cached, "cache_write_tokens": written})


def _at(price: Price, usage: Usage) -> Decimal:
    plain = usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens
    total = (
        plain * price.input
        + usage.cached_tokens * (price.input if price.cached is None else price.cached)
        + usage.cache_write_tokens * (price.input if price.cache_write is None else price.cache_write)
        + usage.output_tokens * price.output
    )
    return total / _MILLION


def _listed(provider: str, model: str, usage: Usage) -> Decimal | None:
    if not model:
        return None
    # Takes a third of a second to import; its data lies in the package, nothing is fetched.
    import genai_prices

    counts = genai_prices.Usage(
        input_tokens=usage.input_tokens,  # with the cached ones: it takes them out itself
        cache_read_tokens=usage.cached_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        output_tokens=usage.output_tokens,
    )
    try:
        return genai_prices.calc_price(counts, model_ref=model, provider_id=provider).total_price
    except LookupError:
        return None
