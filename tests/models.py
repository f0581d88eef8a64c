"""Hosts of tests ask a scripted provider on loopback, by each of the three wires."""

from decimal import Decimal
from typing import Any

from config.models import KnownModels, ModelsSettings, PriceSettings, ProfileSettings, Provider, Role, known_models

KEY = "sk-test-0123456789abcdef0123456789abcdef"
PRICE = PriceSettings(input=Decimal(1), output=Decimal(4), cached=Decimal("0.1"))


def settings(base_url: str, **changes: Any) -> ModelsSettings:
    """`planner` by Responses, `worker` by Chat Completions, `judge` and `second` by two wires too."""
    root = base_url.removesuffix("/v1")
    shared: dict[str, Any] = {"price": PRICE, "deadline_seconds": 4, **changes}
    return ModelsSettings(
        profiles={
            "planner": ProfileSettings(
                provider=Provider.OPENAI, model="gpt-5.4", base_url=base_url, stream=True, **shared
            ),
            "worker": ProfileSettings(
                provider=Provider.COMPATIBLE,
                model="served",
                base_url=base_url,
                api_key_env="OPENAI_API_KEY",
                cheaper="cheap",
                **shared,
            ),
            "cheap": ProfileSettings(
                provider=Provider.COMPATIBLE,
                model="cheap",
                base_url=base_url,
                api_key_env="OPENAI_API_KEY",
                **{**shared, "price": PriceSettings(input=Decimal("0.01"), output=Decimal("0.04"))},
            ),
            "judge": ProfileSettings(provider=Provider.ANTHROPIC, model="claude-sonnet-5-5", base_url=root, **shared),
            "second": ProfileSettings(provider=Provider.OPENAI, model="gpt-5.4-mini", base_url=base_url, **shared),
        },
        roles={Role.PLANNER: ("planner",), Role.EXECUTOR: ("worker",), Role.VERIFIER: ("judge", "second")},
    )


def known(base_url: str, **changes: Any) -> KnownModels:
    return known_models(settings(base_url, **changes), {"OPENAI_API_KEY": KEY, "ANTHROPIC_API_KEY": KEY})
