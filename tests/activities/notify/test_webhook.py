import base64
import logging
import socket
import time
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from activities.notify import posting
from activities.notify.addresses import is_closed
from activities.notify.channel import ChannelRefused, ChannelUnavailable, Unusable
from activities.notify.webhook import WebhookChannel
from tests.activities.notify.letters import letter
from tests.fakes.certificates import server_for
from tests.fakes.receivers import SECRET, Receiver, Reply

OTHER = "whsec_" + base64.b64encode(b"another secret of 32 bytes......").decode()


async def test_an_independent_receiver_accepts_the_signature(receiver: Receiver) -> None:
    said = await WebhookChannel(f"{receiver.url}/hook", [SECRET]).send(letter(text="Grüße, 世界"))
    [got] = receiver.received
    told = Webhook(SECRET).verify(got.body, got.headers)
    assert said == "200 OK (ok)"
    assert got.path == "/hook"
    assert got.headers["content-type"] == "application/json"
    assert told["type"] == "approval.asked"
    assert told["timestamp"] == "2026-11-21T09:30:00+00:00"
    assert told["data"]["text"] == "Grüße, 世界"


async def test_a_changed_body_is_not_accepted(receiver: Receiver) -> None:
    await WebhookChannel(receiver.url, [SECRET]).send(letter())
    [got] = receiver.received
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(got.body.replace(b"asked", b"other"), got.headers)


async def test_while_a_secret_is_rotated_receivers_with_either_accept(receiver: Receiver) -> None:
    await WebhookChannel(receiver.url, [OTHER, SECRET]).send(letter())
    [got] = receiver.received
    assert Webhook(SECRET).verify(got.body, got.headers) == Webhook(OTHER).verify(got.body, got.headers)


async def test_a_letter_that_is_sent_again_has_the_same_id_and_a_new_time(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = WebhookChannel(receiver.url, [SECRET])
    await channel.send(letter())
    later = time.time() + 100
    monkeypatch.setattr(time, "time", lambda: later)
    await channel.send(letter())
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) >= 99
    assert first.body == second.body


@pytest.mark.parametrize(
    ("secrets", "complaint"),
    [([], "no secret"), (["whsec_%%%"], "not base64"), (["whsec_c2hvcnQ="], "5 bytes"), ([SECRET + "é"], "not base64")],
)
def test_a_secret_that_protects_nothing_is_refused_and_never_quoted(secrets: list[str], complaint: str) -> None:
    with pytest.raises(Unusable, match=complaint) as refused:
        WebhookChannel("https://receiver.example", secrets)
    assert not any(secret in str(refused.value) for secret in secrets)


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("", "not an http"),
        ("ftp://receiver.example/SECRETPATH", "not an http"),
        ("file:///etc/passwd", "not an http"),
        ("https:///SECRETPATH", "not an http"),
        ("http://receiver.example:99999/SECRETPATH", "is none"),
        ("https://user:SECRETPATH@receiver.example", "user or a password"),
        ("http://receiver.example/SECRETPATH", "not https"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_and_never_quoted(url: str, complaint: str) -> None:
    with pytest.raises(Unusable, match=complaint) as refused:
        WebhookChannel(url, [SECRET], only_https=True)
    assert "SECRETPATH" not in str(refused.value)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_any_2xx_is_a_success(receiver: Receiver, status: int) -> None:
    receiver.replies = [Reply(status, b"")]
    assert (await WebhookChannel(receiver.url, [SECRET]).send(letter())).startswith(str(status))


@pytest.mark.parametrize("status", [400, 401, 404, 408, 429, 500, 502, 503, 504])
async def test_any_other_failure_is_worth_another_try(receiver: Receiver, status: int) -> None:
    receiver.replies = [Reply(status, headers={"Retry-After": "120"})]
    with pytest.raises(ChannelUnavailable, match=str(status)) as refused:
        await WebhookChannel(receiver.url, [SECRET]).send(letter())
    assert refused.value.seconds == 120


async def test_gone_means_never_again(receiver: Receiver) -> None:
    receiver.replies = [Reply(410)]
    with pytest.raises(ChannelRefused, match="410 Gone"):
        await WebhookChannel(receiver.url, [SECRET]).send(letter())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(receiver: Receiver, status: int) -> None:
    with Receiver().serving() as elsewhere:
        receiver.replies = [Reply(status, headers={"Location": f"{elsewhere.url}/SECRETPATH"})]
        with pytest.raises(ChannelRefused, match="redirects are not followed") as refused:
            await WebhookChannel(receiver.url, [SECRET]).send(letter())
        assert elsewhere.received == []
    assert "SECRETPATH" not in str(refused.value)


async def test_a_receiver_that_repeats_the_address_gives_nothing_away(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.replies = [Reply(404, b"Cannot POST /services/T0/SECRETPATH")]
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ChannelUnavailable) as refused:
        await WebhookChannel(f"{receiver.url}/services/T0/SECRETPATH", [SECRET]).send(letter())
    assert str(refused.value) == "it answers 404 Not Found"
    assert refused.value.__cause__ is None
    assert "SECRETPATH" not in caplog.text
    assert SECRET.removeprefix("whsec_") not in caplog.text


async def test_one_that_never_answers_is_given_up_in_time(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "PATIENCE_SECONDS", 0.3)
    receiver.replies = [Reply(seconds=2)]
    began = time.monotonic()
    with pytest.raises(ChannelUnavailable, match="no answer"):
        await WebhookChannel(receiver.url, [SECRET]).send(letter())
    assert time.monotonic() - began < 1.5


async def test_once_it_has_said_yes_a_slow_or_endless_body_changes_nothing(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "_BODY_SECONDS", 0.2)
    receiver.replies = [Reply(200, b"x" * 40, drip=0.1), Reply(200, b"y" * 50_000_000)]
    channel = WebhookChannel(receiver.url, [SECRET])
    began = time.monotonic()
    assert [await channel.send(letter()), await channel.send(letter())] == ["200 OK", "200 OK"]
    assert time.monotonic() - began < 3


async def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(ChannelUnavailable, match="nothing listens"):
            await WebhookChannel(f"http://127.0.0.1:{taken.getsockname()[1]}", [SECRET]).send(letter())


async def test_https_by_name_with_an_authority_that_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`localhost` may have an IPv6 address first, where nothing listens: the next one is tried."""
    tls, authority = server_for("localhost", tmp_path)
    with Receiver(tls).serving() as served:
        channel = WebhookChannel(f"https://localhost:{served.port}/hook", [SECRET], only_https=True)
        with pytest.raises(ChannelUnavailable, match="certificate is not accepted"):
            await channel.send(letter())
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        assert await channel.send(letter()) == "200 OK (ok)"
        assert served.received[0].headers["host"] == f"localhost:{served.port}"


async def test_https_under_another_name_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tls, authority = server_for("elsewhere.example", tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with Receiver(tls).serving() as served:
        with pytest.raises(ChannelUnavailable, match="certificate is not accepted"):
            await WebhookChannel(f"https://localhost:{served.port}", [SECRET]).send(letter())
        assert served.received == []


@pytest.mark.parametrize(
    "host",
    ["169.254.169.254", "169.254.170.2", "[fd00:ec2::254]", "[::ffff:169.254.169.254]", "[fe80::1]", "0.0.0.0"],
)
async def test_no_notice_goes_to_a_machines_own_credentials(host: str) -> None:
    with pytest.raises(ChannelRefused, match="no notice goes there"):
        await WebhookChannel(f"http://{host}/latest/meta-data", [SECRET]).send(letter())


async def test_nor_by_a_name_that_leads_there(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    def lookup(*arguments: Any, **options: Any) -> list[Any]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, receiver.port))
            for address in ("127.0.0.1", "169.254.169.254")
        ]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    with pytest.raises(ChannelRefused, match="no notice goes there"):
        await WebhookChannel(f"http://rebound.example:{receiver.port}", [SECRET]).send(letter())
    assert receiver.received == []


async def test_a_name_is_looked_up_once(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checked and connected to are the same address, whatever the name server says the second time."""
    asked: list[str] = []

    def lookup(host: str, port: int, *arguments: Any, **options: Any) -> list[Any]:
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else "169.254.169.254"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    await WebhookChannel(f"http://rebound.example:{receiver.port}", [SECRET]).send(letter())
    assert asked == ["rebound.example"]
    assert receiver.received[0].headers["host"] == f"rebound.example:{receiver.port}"


@pytest.mark.parametrize(
    ("address", "closed"),
    [
        ("169.254.169.254", True),
        ("::ffff:169.254.169.254", True),
        ("2002:a9fe:a9fe::1", True),
        ("64:ff9b::a9fe:a9fe", True),
        ("100.100.100.200", True),
        ("fd20:ce::254", True),
        ("224.0.0.1", True),
        ("127.0.0.1", False),
        ("10.0.0.5", False),
        ("::1", False),
        ("93.184.215.14", False),
        ("2606:2800:220::1", False),
    ],
)
def test_which_addresses_are_closed(address: str, closed: bool) -> None:
    assert is_closed(ip_address(address)) is closed


async def test_a_proxy_of_the_environment_is_used_and_not_for_this_machine(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", receiver.url)
    monkeypatch.delenv("no_proxy", raising=False)
    await WebhookChannel("http://receiver.example/hook", [SECRET]).send(letter())
    assert receiver.received[0].path == "http://receiver.example/hook"
    with Receiver().serving() as near:
        await WebhookChannel(near.url, [SECRET]).send(letter())
        assert near.received[0].path == "/"
