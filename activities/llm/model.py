"""The port that every provider's adapter fills."""

from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum, auto
from typing import Protocol

from pydantic import Field, SecretStr

from activities.llm.messages import ModelRequest, ModelResponse
from workflows.domain.model import Model

OnText = Callable[[str], None]
"""Called with each piece of text as it streams in; must be quick."""


class Wire(StrEnum):
    """The protocol that a provider speaks."""

    RESPONSES = auto()
    CHAT = auto()
    CLAUDE = auto()


class Price(Model):
    """US dollars per million tokens."""

    input: Decimal
    output: Decimal
    cached: Decimal | None = None
    cache_write: Decimal | None = None


class Profile(Model):
    """A named way of asking a model, ready to use: everything that an adapter and the ledger need to know."""

    name: str
    provider: str = Field(description="whose breaker, keys and limits it shares")
    wire: Wire
    model: str = Field("", description="empty: the first one that the server lists")
    base_url: str
    key: SecretStr = SecretStr("not-needed")
    context_tokens: int = 128_000
    max_output_tokens: int = 8_192
    price: Price | None = Field(None, description="overrides the price list; all zero for a local model")
    price_provider: str = Field("", description="the provider's id in the price list; empty: only `price` counts")
    fallbacks: tuple[str, ...] = ()
    cheaper: str = Field("", description="the profile to degrade to when the budget runs out")
    native_tools: bool = Field(True, description="false: calls are asked for as structured output")
    structured: bool = Field(True, description="false: the schema is only told in the prompt")
    tokens_parameter: str = "max_completion_tokens"
    stream: bool = False
    deadline_seconds: float = 180


class LanguageModel(Protocol):
    """One provider's model. Holds one client, made on first use, for the life of the host."""

    async def ask(self, request: ModelRequest, on_text: OnText | None = None) -> ModelResponse:
        """Exactly one HTTP request; streams when `on_text` is given. Raises ModelFault and nothing else
        (asyncio.CancelledError apart). Every response that comes back is complete: cut, filtered, refused,
        truncated and empty ones are faults that carry the usage."""
        ...

    async def close(self) -> None: ...
