"""By which channels people are told outside botted that something waits for them."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from config.models import Section

_SECRET = ("url", "secret", "password")
_NONE = SecretStr("")

ChannelName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$")]


class WebhookSettings(Section):
    """An address that is told by the Standard Webhooks convention."""

    kind: Literal["webhook"]
    url: SecretStr = _NONE
    url_env: str = Field("", description="the variable that holds the url")
    secret: SecretStr = Field(_NONE, description="whsec_…; while one is rotated out several, separated by spaces")
    secret_env: str = Field("", description="the variable that holds it, or them")


class SlackSettings(Section):
    """An incoming webhook of Slack, or of what is compatible with it. Whoever knows its address may write there."""

    kind: Literal["slack"]
    url: SecretStr = _NONE
    url_env: str = Field("", description="the variable that holds the url")


class Tls(StrEnum):
    STARTTLS = "starttls"
    IMPLICIT = "implicit"
    NONE = "none"


class EmailSettings(Section):
    kind: Literal["email"]
    host: str = Field(min_length=1)
    port: int | None = Field(None, ge=1, le=65_535, description="unset: 587, 465 or 25, after tls")
    tls: Tls = Tls.STARTTLS
    user: str = Field("", description="empty: no login")
    password: SecretStr = _NONE
    password_env: str = Field("", description="the variable that holds the password")
    sender: str = Field(alias="from", min_length=3)
    to: Annotated[tuple[str, ...], NoDecode] = Field(min_length=1, max_length=50)

    @field_validator("to", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        """As a variable has them: separated by commas."""
        return [one.strip() for one in value.split(",") if one.strip()] if isinstance(value, str) else value


ChannelSettings = Annotated[WebhookSettings | SlackSettings | EmailSettings, Field(discriminator="kind")]


class NotifySettings(Section):
    base_url: str = Field("", description="where people reach botted, such as https://botted.example; for links")
    channels: dict[ChannelName, ChannelSettings] = Field({}, description="by the name that objectives use")

    @field_validator("channels", mode="before")
    @classmethod
    def _hide(cls, value: object) -> object:
        """Before anything is checked: an error quotes what was given, and that may hold a secret."""
        if not isinstance(value, Mapping):
            return value
        return {name: _hidden(channel) if isinstance(channel, Mapping) else channel for name, channel in value.items()}


def found(given: SecretStr, variable: str, environment: Mapping[str, str]) -> str:
    """A secret: from the variable if one is named, else as the settings have it. Empty: there is none."""
    return environment.get(variable, "") if variable else given.get_secret_value()


def _hidden(channel: Mapping[object, object]) -> dict[object, object]:
    return {
        name: SecretStr(value) if name in _SECRET and isinstance(value, str) else value
        for name, value in channel.items()
    }
