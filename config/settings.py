"""Layered settings: defaults, then `botted.toml` in the working directory, then BOTTED_* variables."""

import os
from decimal import Decimal
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from config.models import ModelsSettings, Section
from config.notify import NotifySettings


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


class Environment(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"
    """The API refuses to start with anything that would leave it open; see api/production.py."""


class ApiSettings(Section):
    host: str = Field("127.0.0.1", min_length=1)
    port: int | None = Field(
        None, ge=1, le=65_535, description="unset: 8420; in the embedded stack a free one, which it keeps"
    )
    key: SecretStr | None = Field(
        None, description="by which the commands of this machine act; unset: the owner's, from the data folder"
    )
    owner_key: bool = Field(
        False, description="whether the service makes an admin's key in the data folder; the embedded stack has it so"
    )
    body_bytes: int = Field(1_000_000, ge=1_000, description="of a request; uploads have a limit of their own")
    upload_bytes: int = Field(1 << 30, ge=1)
    request_seconds: float = Field(30, gt=0, description="until an answer begins; streams end when they like")
    upload_seconds: float = Field(3_600, gt=0)
    requests_per_minute: int = Field(6_000, ge=1, description="of each key or token's subject, over all API processes")
    failures_per_minute: int = Field(
        60, ge=1, description="wrong keys and tokens from one address, until it has to wait for the next minute"
    )
    max_streams: int = Field(4_000, ge=1, description="open event streams and WebSockets of this process")
    max_streams_per_key: int = Field(2_000, ge=1, description="of these, with one key or by one token's subject")
    shutdown_seconds: int = Field(5, ge=1, description="for what is under way when the service stops")
    tls_certificate: Path | None = Field(None, description="PEM file; with tls_key, the service speaks HTTPS itself")
    tls_key: Path | None = None
    behind_tls_proxy: bool = Field(False, description="a proxy before the service speaks HTTPS")
    proxies: tuple[str, ...] = Field(
        ("127.0.0.1",), description="addresses of that proxy; what it says of a client's address is believed"
    )
    cors_origins: tuple[str, ...] = Field((), description="of pages in browsers that may call; none: none")
    metrics_public: bool = Field(False, description="whether /metrics needs no key, also from elsewhere")


class AuthSettings(Section):
    """JSON Web Tokens, beside API keys. Either a secret or an address of public keys; neither: no tokens."""

    jwt_secret: SecretStr | None = Field(None, description="for HS256; 32 random bytes or more")
    jwks_url: str | None = Field(None, description="of public keys, for RS256, ES256 and EdDSA")
    issuer: str | None = None
    audience: str | None = None
    leeway_seconds: float = Field(30, ge=0, le=600, description="by which clocks may differ")
    tenant_claim: str = Field("tenant", min_length=1, description="a.b is the claim b in the claim a")
    roles_claim: str = Field("roles", min_length=1)
    tenant: str | None = Field(None, description="of tokens that name none; unset: those are refused")

    @field_validator("*", mode="before")
    @classmethod
    def _unset_when_empty(cls, value: object) -> object:
        """As variables are that somebody passes on: an empty secret would be everybody's."""
        return None if value == "" else value

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        if self.jwt_secret is not None and self.jwks_url is not None:
            raise ValueError("set jwt_secret or jwks_url, not both: one of them fixes the algorithms")
        return self


class Settings(BaseSettings):
    """Read once at each door (worker, api) and handed down; a running workflow never reads it."""

    model_config = SettingsConfigDict(
        env_prefix="BOTTED_",
        env_nested_delimiter="__",
        frozen=True,
        extra="ignore",
        toml_file="botted.toml",
    )

    environment: Environment = Environment.DEVELOPMENT
    data_dir: Path = Path(".botted")
    log_level: str = "WARNING"
    temporal: TemporalSettings = TemporalSettings()
    database: DatabaseSettings = DatabaseSettings()
    stack: StackSettings = StackSettings()
    host: HostSettings = HostSettings()
    api: ApiSettings = ApiSettings()
    auth: AuthSettings = AuthSettings()
    models: ModelsSettings = ModelsSettings()
    budget: BudgetSettings = BudgetSettings()
    local: LocalModelSettings = LocalModelSettings()
    notify: NotifySettings = NotifySettings()

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
