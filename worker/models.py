"""From the models' settings to profiles and adapters."""

import json
from decimal import Decimal
from urllib.request import ProxyHandler, build_opener

import structlog
from pydantic import BaseModel, ConfigDict

from activities.llm.model import LanguageModel, Price, Profile, Wire
from activities.llm.providers import make_model
from config.models import KnownModels, KnownProfile, PriceSettings, Provider

log = structlog.get_logger("models")
PATIENCE_SECONDS = 5

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


class _Template(BaseModel):
    model_config = ConfigDict(extra="ignore")

    supports_tools: bool = False


class _Defaults(BaseModel):
    model_config = ConfigDict(extra="ignore")

    n_ctx: int = 0


class _Props(BaseModel):
    """What llama.cpp tells of the model that it serves."""

    model_config = ConfigDict(extra="ignore")

    chat_template_caps: _Template = _Template()
    default_generation_settings: _Defaults = _Defaults()


def with_facts_of(known: KnownModels, local_url: str) -> KnownModels:
    """The same, with what a llama.cpp server says of its model: whether it can call tools, and its context.

    It caps the context to what the model was trained for, and ignores tools that the model's template lacks, both
    without a word.
    """
    local = known.profiles.get("local")
    if not local_url or local is None:
        return known
    try:
        with build_opener(ProxyHandler({})).open(
            f"{local_url.removesuffix('/v1')}/props", timeout=PATIENCE_SECONDS
        ) as answer:
            props = _Props.model_validate(json.loads(answer.read(1_000_000)))
    except (OSError, ValueError) as error:
        log.warning("the local model's server tells nothing of its model", error=str(error))
        return known
    facts: dict[str, object] = {"native_tools": props.chat_template_caps.supports_tools}
    if context := props.default_generation_settings.n_ctx:
        facts |= {"context_tokens": context, "max_output_tokens": min(local.settings.max_output_tokens, context // 3)}
    told = local.model_copy(update={"settings": local.settings.model_copy(update=facts)})
    return known.model_copy(update={"profiles": {**known.profiles, "local": told}})


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
