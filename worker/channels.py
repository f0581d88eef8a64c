"""From the notices' settings to the channels of a host."""

from collections.abc import Mapping
from typing import assert_never

from activities.notify.channel import Channel, Channels, Unusable
from activities.notify.slack import SlackChannel
from activities.notify.webhook import WebhookChannel
from config.notify import ChannelSettings, EmailSettings, NotifySettings, SlackSettings, WebhookSettings, found


def channels_of(settings: NotifySettings, environment: Mapping[str, str], *, production: bool = False) -> Channels:
    """In production what would travel unencrypted cannot be used."""
    usable: dict[str, Channel] = {}
    faults: dict[str, str] = {}
    for name, channel in settings.channels.items():
        try:
            usable[name] = _channel(channel, environment, production)
        except Unusable as error:
            faults[name] = str(error)
    return Channels(usable, faults, settings.base_url)


def _channel(settings: ChannelSettings, environment: Mapping[str, str], production: bool) -> Channel:
    for variable in _variables(settings):
        if not environment.get(variable):
            raise Unusable(f"{variable} is not set")
    match settings:
        case WebhookSettings():
            secrets = found(settings.secret, settings.secret_env, environment).split()
            return WebhookChannel(found(settings.url, settings.url_env, environment), secrets, only_https=production)
        case SlackSettings():
            return SlackChannel(found(settings.url, settings.url_env, environment), only_https=production)
        case EmailSettings():
            return _mail(settings, found(settings.password, settings.password_env, environment), production)
        case _:
            assert_never(settings)


def _mail(settings: EmailSettings, password: str, production: bool) -> Channel:
    from activities.notify.mail import MailChannel, MailServer, Tls  # what it builds on takes a while to import

    server = MailServer(
        host=settings.host, port=settings.port, tls=Tls(settings.tls), user=settings.user, password=password
    )
    return MailChannel(server, settings.sender, settings.to, only_tls=production)


def _variables(settings: ChannelSettings) -> tuple[str, ...]:
    match settings:
        case WebhookSettings():
            named = (settings.url_env, settings.secret_env)
        case SlackSettings():
            named = (settings.url_env, "")
        case EmailSettings():
            named = (settings.password_env, "")
        case _:
            assert_never(settings)
    return tuple(variable for variable in named if variable)
