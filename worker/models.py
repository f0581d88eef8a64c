"""From the models' settings to profiles and adapters."""

from decimal import Decimal

from activities.llm.model import LanguageModel, Price, Profile, Wire
from activities.llm.providers import make_model
from config.models import KnownModels, KnownProfile, PriceSettings, Provider

_WIRES = {
    Provider.OPENAI: Wire.RESPONSES,
    Provider.ANTHROPIC: Wire.CLAUDE,
    Provider.GEMINI: Wire.CHAT,
    Provider.COMPATIBLE: Wire.CHAT,
}
_PRICE_LISTS = {
    Provider.OPENAI: "openai",
    Provider.ANTHROPIC: "anthropic",
    Provider.GEMINI: "google",
    Provider.COMPATIBLE: "",
}


def profiles_of(known: KnownModels) -> dict[str, Profile]:
    return {name: _profile(profile) for name, profile in known.profiles.items()}


def models_of(profiles: dict[str, Profile]) -> dict[str, LanguageModel]:
    return {name: make_model(profile) for name, profile in profiles.items()}


def _profile(known: KnownProfile) -> Profile:
    settings = known.settings
    shared = settings.model_dump(
        include={
            "model",
            "max_output_tokens",
            "context_tokens",
            "fallbacks",
            "cheaper",
            "native_tools",
            "structured",
            "stream",
            "deadline_seconds",
        }
    )
    compatible = settings.provider is Provider.COMPATIBLE
    return Profile(
        **shared,
        name=known.name,
        # A breaker is per server: two compatible servers are two providers.
        provider=f"{settings.provider} {known.base_url}"[:60] if compatible else str(settings.provider),
        wire=_WIRES[settings.provider],
        base_url=known.base_url,
        key=known.key,
        price=_price(settings.price),
        price_provider=_PRICE_LISTS[settings.provider],
        tokens_parameter="max_tokens" if compatible else "max_completion_tokens",
    )


def _price(price: PriceSettings | None) -> Price | None:
    if price is None:
        return None
    amounts: dict[str, Decimal | None] = price.model_dump()
    return Price.model_validate(amounts)
