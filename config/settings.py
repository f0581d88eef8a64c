"""Layered settings: defaults, then `botted.toml` in the working directory, then BOTTED_* variables."""

import os
from decimal import Decimal
from functools import cache
from pathlib import Path

from pydantic import Field
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from config.models import ModelsSettings, Section


class BudgetSettings(Section):
    """What an objective may use of models, unless it says otherwise."""

    usd: Decimal | None = Field(Decimal(5), ge=0, description="US dollars")
    tokens: int | None = Field(2_000_000, ge=0)
    turns: int | None = Field(300, ge=0, description="model calls")
    minutes: float | None = Field(None, gt=0, description="from the first model call on")
    worker_usd: Decimal | None = Field(None, ge=0, description="of each worker in an objective")
    worker_tokens: int | None = Field(None, ge=0)


class TemporalSettings(Section):
    address: str | None = Field(None, description="host:port of a Temporal server; unset: the embedded one")
    namespace: str = "default"


class DatabaseSettings(Section):
    url: str | None = Field(None, description="postgresql://user:password@host:port/name; unset: the embedded one")


class StackSettings(Section):
    linger_seconds: float = Field(
        600, ge=0, description="how long an embedded stack that nobody uses stays up, in seconds"
    )


class HostSettings(Section):
    max_concurrent_steps: int = Field(8, ge=1, le=256)


class LocalModelSettings(Section):
    gguf: Path | None = Field(None, description="a GGUF model file to serve with llama.cpp; needs botted[local]")
    threads: int | None = Field(None, ge=1, description="unset: as many as llama.cpp thinks best")
    context_tokens: int = Field(16_384, ge=256, description="per slot")
    slots: int = Field(1, ge=1, le=64, description="requests answered at the same time")
    alias: str = Field("local", min_length=1, description="the model's name for clients of the server")
    url: str | None = Field(
        None,
        description="base URL of a llama.cpp server that runs already; the embedded stack sets it for its host",
    )


class Settings(BaseSettings):
    """Read once at each door (worker, api) and handed down; a running workflow never reads it."""

    model_config = SettingsConfigDict(
        env_prefix="BOTTED_",
        env_nested_delimiter="__",
        frozen=True,
        extra="ignore",
        toml_file="botted.toml",
    )

    data_dir: Path = Path(".botted")
    log_level: str = "WARNING"
    temporal: TemporalSettings = TemporalSettings()
    database: DatabaseSettings = DatabaseSettings()
    stack: StackSettings = StackSettings()
    host: HostSettings = HostSettings()
    models: ModelsSettings = ModelsSettings()
    budget: BudgetSettings = BudgetSettings()
    local: LocalModelSettings = LocalModelSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls))

    @property
    def folder(self) -> Path:
        """The data folder as an absolute path."""
        return Path(os.path.abspath(self.data_dir.expanduser()))


@cache
def load() -> Settings:
    return Settings()
