from pathlib import Path

import pytest

from tests.e2e.command import Botted
from tests.fakes.receivers import PASSWORD, SECRET, MailReceiver, Receiver, Reply

SETTINGS = """
[notify]
base_url = "https://botted.example"

[notify.channels.hook]
kind = "webhook"
url = "{hook}/SECRETPATH"
secret = "{secret}"

[notify.channels.mail]
kind = "email"
host = "127.0.0.1"
port = {port}
tls = "none"
from = "botted@house.example"
to = ["ana@house.example"]

[notify.channels.chat]
kind = "slack"
url_env = "CHAT_URL"
"""


@pytest.fixture
def botted(tmp_path: Path) -> Botted:
    return Botted(tmp_path / "data", tmp_path)


def test_without_channels_it_says_how_one_is_made(botted: Botted) -> None:
    ended = botted("notify", "list")
    assert ended.code == 0
    assert "[notify.channels.team]" in ended.out
    assert botted("notify", "list", "--json").json == []  # type: ignore[comparison-overlap]


def test_channels_are_listed_and_tried_without_a_stack_and_without_showing_a_secret(botted: Botted) -> None:
    with Receiver().serving() as hook, MailReceiver().serving() as mail:
        text = SETTINGS.format(hook=hook.url, secret=SECRET, port=mail.port)
        (botted.cwd / "botted.toml").write_text(text)
        listed, told, mailed = botted("notify"), botted("notify", "test", "hook"), botted("notify", "test", "mail")
        hook.replies = [Reply(503)]
        failed = botted("notify", "test", "hook")
    assert "CHAT_URL is not set" in listed.out
    assert f"{hook.url} " in listed.out
    assert told.out == "hook was told: 200 OK (ok)\n"
    assert hook.received[0].json["type"] == "notice.test"
    assert mailed.out == "mail was told: the mail server took it for 1 of 1\n"
    assert (failed.code, "it answers 503 Service Unavailable" in failed.err) == (1, True)
    for ended in (listed, told, mailed, failed):
        assert not any(secret in ended.out + ended.err for secret in (SECRET, "SECRETPATH"))
    assert not (botted.cwd / "data").exists()


def test_a_channel_that_is_not_there_or_cannot_be_used_is_bad_input(botted: Botted) -> None:
    (botted.cwd / "botted.toml").write_text(SETTINGS.format(hook="http://x.example", secret=SECRET, port=25))
    unknown, unusable = botted("notify", "test", "nope"), botted("notify", "test", "chat")
    assert (unknown.code, unusable.code) == (2, 2)
    assert "knows no channel 'nope'; it knows: chat, hook, mail" in unknown.err
    assert "CHAT_URL is not set" in unusable.err


def test_a_mistake_in_the_settings_is_told_without_the_secrets(botted: Botted) -> None:
    (botted.cwd / "botted.toml").write_text(
        f'[notify.channels.mail]\nkind = "email"\npassword = "{PASSWORD}"\nfrom = "a@b.example"\nto = ["c@d.example"]\n'
    )
    ended = botted("notify", "list")
    assert ended.code == 2
    assert "notify.channels.mail.email.host: Field required" in ended.err
    assert PASSWORD not in ended.err
