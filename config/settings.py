"""Layered settings: defaults, then `botted.toml` in the working directory, then BOTTED_* variables."""

import os
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


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
