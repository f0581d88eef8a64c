from typing import Any

import pytest
from pydantic import ValidationError

from activities.notify.channel import ChannelRefused
from config.notify import NotifySettings
from config.settings import Settings
from tests.fakes.receivers import PASSWORD, SECRET
from worker.channels import channels_of

HOOK = {"kind": "webhook", "url": "https://receiver.example/SECRETPATH", "secret": SECRET}
CHAT = {"kind": "slack", "url": "https://chat.example/services/SECRETPATH"}
MAIL = {"kind": "email", "host": "mail.example", "from": "botted@house.example", "to": ["ana@house.example"]}


def settings(**channels: dict[str, Any]) -> NotifySettings:
    return NotifySettings.model_validate({"channels": channels})


def test_channels_are_shown_without_what_is_secret() -> None:
    channels = channels_of(settings(hook=HOOK, chat=CHAT, mail={**MAIL, "user": "a", "password": PASSWORD}), {})
    assert channels.faults == {}
    assert {name: channel.where for name, channel in channels.usable.items()} == {
        "hook": "https://receiver.example",
        "chat": "https://chat.example",
        "mail": "ana@house.example by mail.example:587",
    }


def test_secrets_may_come_from_the_environment() -> None:
    named = settings(
        hook={"kind": "webhook", "url_env": "HOOK_URL", "secret_env": "HOOK_SECRET"},
        chat={"kind": "slack", "url_env": "CHAT_URL"},
        mail={**MAIL, "user": "a", "password_env": "MAIL_PASSWORD"},
    )
    there = {
        "HOOK_URL": HOOK["url"],
        "HOOK_SECRET": f"{SECRET} {SECRET}",
        "CHAT_URL": CHAT["url"],
        "MAIL_PASSWORD": PASSWORD,
    }
    assert channels_of(named, there).faults == {}
    assert channels_of(named, {}).faults == {
        "hook": "HOOK_URL is not set",
        "chat": "CHAT_URL is not set",
        "mail": "MAIL_PASSWORD is not set",
    }


def test_production_sends_nothing_that_others_could_read() -> None:
    open_ones = settings(
        hook={**HOOK, "url": "http://receiver.example"},
        chat={**CHAT, "url": "http://chat.example"},
        mail={**MAIL, "tls": "none", "user": "a", "password": PASSWORD},
    )
    assert set(channels_of(open_ones, {}, production=True).faults) == {"hook", "chat", "mail"}
    assert channels_of(open_ones, {}).faults == {}


def test_one_that_cannot_be_used_leaves_the_others_alone() -> None:
    channels = channels_of(settings(hook={**HOOK, "secret": "whsec_short"}, chat=CHAT), {})
    assert set(channels.usable) == {"chat"}
    with pytest.raises(ChannelRefused, match="the channel 'hook' cannot be used on this host: its secret"):
        channels.named("hook")


def test_a_name_that_nobody_knows_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ChannelRefused, match="this host knows no channel 'nope'; it knows: chat, hook"):
        channels_of(settings(hook=HOOK, chat=CHAT), {}).named("nope")
    with pytest.raises(ChannelRefused, match="it knows: none"):
        channels_of(NotifySettings(), {}).named("nope")


@pytest.mark.parametrize(
    "channel",
    [
        {**HOOK, "urll": "typo"},
        {**CHAT, "secret": SECRET},
        {**MAIL, "password": PASSWORD, "host": ""},
        {"kind": "email", "password": PASSWORD},
        {"kind": "pigeon", "secret": SECRET, "url": HOOK["url"]},
    ],
)
def test_a_mistake_in_the_settings_is_told_without_the_secrets(channel: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        settings(ops=channel)
    told = str(refused.value) + str(refused.value.errors())
    for secret in (SECRET, PASSWORD, "SECRETPATH"):
        assert secret not in told


@pytest.mark.parametrize("name", ["", "Ops", "a b", "../x", "a" * 61])
def test_names_of_channels_are_plain(name: str) -> None:
    with pytest.raises(ValidationError):
        settings(**{name: CHAT})


def test_a_channel_can_come_from_variables_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {"KIND": "email", "HOST": "mail.example", "PORT": "2525", "FROM": "a@b.example", "PASSWORD": "12345"}
    for name, value in {**variables, "TO": "ana@b.example, ben@b.example", "USER": "a"}.items():
        monkeypatch.setenv(f"BOTTED_NOTIFY__CHANNELS__OPS__{name}", value)
    channels = channels_of(Settings().notify, {})
    assert channels.usable["ops"].where == "ana@b.example, ben@b.example by mail.example:2525"
