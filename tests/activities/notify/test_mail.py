import logging
import socket
import threading
import time
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from activities.notify import mail
from activities.notify.channel import ChannelRefused, ChannelUnavailable, Unusable
from activities.notify.mail import MailChannel, MailServer, Tls
from tests.activities.notify.letters import letter
from tests.fakes.certificates import server_for
from tests.fakes.receivers import PASSWORD, MailReceiver
from workflows.domain.notice import Occasion

SENDER, ANA, BEN = "Botted <botted@house.example>", "ana@house.example", "Ben Ünal <ben@house.example>"


def channel(receiver: MailReceiver, *to: str, **changes: Any) -> MailChannel:
    server = MailServer.model_validate({"host": "127.0.0.1", "port": receiver.port, "tls": Tls.NONE, **changes})
    return MailChannel(server, SENDER, to or (ANA,))


def read(receiver: MailReceiver, index: int = 0) -> EmailMessage:
    content = receiver.messages[index].original_content
    assert content is not None
    message = message_from_bytes(content, policy=default)
    assert isinstance(message, EmailMessage)
    return message


async def test_a_person_gets_a_mail() -> None:
    with MailReceiver().serving() as receiver:
        assert await channel(receiver, ANA, BEN).send(letter(text="der Plan für Zürich")) == (
            "the mail server took it for 2 of 2"
        )
        message = read(receiver)
    assert receiver.messages[0].rcpt_tos == ["ana@house.example", "ben@house.example"]
    assert receiver.messages[0].mail_from == "botted@house.example"
    assert message["subject"] == "[botted] Waits for you: der Plan für Zürich"
    assert message["from"] == SENDER
    assert message["auto-submitted"] == "auto-generated"
    assert message.get_content_type() == "text/plain"
    assert "what: der Plan für Zürich" in message.get_content()
    assert "botted approve churn-1.plan.1" in message.get_content()


async def test_a_mail_that_is_sent_again_is_the_same_one() -> None:
    with MailReceiver().serving() as receiver:
        for occasion in (Occasion.ASKED, Occasion.ASKED, Occasion.REMINDED):
            await channel(receiver).send(letter(occasion=occasion))
        first, again, reminder = (read(receiver, index)["message-id"] for index in range(3))
    assert first == again != reminder
    assert first.endswith("@house.example>")


async def test_no_header_comes_from_what_an_objective_says() -> None:
    hostile = "the plan\r\nBcc: eve@evil.example\r\n\r\n<script>\u2028Bcc: eve@evil.example"
    with MailReceiver().serving() as receiver:
        await channel(receiver).send(letter(text=hostile, about=hostile[:300], id="a.b\r\nBcc: eve@evil.example"))
        message = read(receiver)
    assert message["bcc"] is None
    assert receiver.messages[0].rcpt_tos == ["ana@house.example"]
    assert set(message.keys()) == {
        *("Message-ID", "Date", "From", "To", "Subject", "Auto-Submitted"),
        *("Content-Type", "Content-Transfer-Encoding", "MIME-Version"),
    }


@pytest.mark.parametrize("address", ["", "ana", "ana@a.example\r\nBcc: eve@evil.example", "a@b, c@d", "a b@c"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(Unusable):
        MailChannel(MailServer(host="h"), SENDER, (address,))
    with pytest.raises(Unusable):
        MailChannel(MailServer(host="h"), address, (ANA,))


@pytest.mark.filterwarnings("ignore:Requiring AUTH:UserWarning")  # of the receiver, which does not see implicit TLS
@pytest.mark.parametrize(("tls", "implicit"), [(Tls.STARTTLS, False), (Tls.IMPLICIT, True)])
async def test_with_tls_and_a_login(
    tls: Tls, implicit: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    context, authority = server_for("localhost", tmp_path)
    with MailReceiver(tls=context, implicit=implicit, login=PASSWORD).serving() as receiver:
        known = {"host": "localhost", "tls": tls, "user": "botted"}
        with pytest.raises(ChannelUnavailable, match="certificate is not accepted"):
            await channel(receiver, **known, password=PASSWORD).send(letter())
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        assert "1 of 1" in await channel(receiver, **known, password=PASSWORD).send(letter())
        with pytest.raises(ChannelRefused, match=r"535 5\.7\.8") as refused:
            await channel(receiver, **known, password="wrong-" + PASSWORD).send(letter())
    assert len(receiver.messages) == 1
    assert implicit or receiver.secured == [True]
    assert "wrong" not in str(refused.value)
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("mail.")]
    assert not any(PASSWORD in line for line in ours)


async def test_a_password_never_goes_over_a_line_that_anybody_reads_in_production() -> None:
    with pytest.raises(Unusable, match="without TLS"):
        MailChannel(MailServer(host="h", tls=Tls.NONE, user="a", password="b"), SENDER, (ANA,), only_tls=True)


async def test_a_server_without_starttls_is_not_told_anything() -> None:
    with MailReceiver().serving() as receiver:
        with pytest.raises(ChannelRefused, match="lacks"):
            await channel(receiver, tls=Tls.STARTTLS).send(letter())
        assert receiver.messages == []


@pytest.mark.parametrize(
    ("answer", "fault"), [("451 4.3.0 later", ChannelUnavailable), ("554 5.7.1 never, SECRETWORD", ChannelRefused)]
)
async def test_by_its_code_a_refusal_is_for_now_or_for_good(answer: str, fault: type[Exception]) -> None:
    with MailReceiver().serving() as receiver:
        receiver.answer = answer
        with pytest.raises(fault, match=f"answers {answer[:9]}") as refused:
            await channel(receiver).send(letter())
    assert "SECRETWORD" not in str(refused.value)


async def test_some_addresses_are_refused_and_the_others_are_told() -> None:
    with MailReceiver().serving() as receiver:
        receiver.refuse = {"ana@house.example": "550 5.1.1 no such user"}
        said = await channel(receiver, ANA, BEN).send(letter())
    assert said == "the mail server took it for 1 of 2, and refused the others: 550"


async def test_all_addresses_are_refused_one_of_them_for_now() -> None:
    with MailReceiver().serving() as receiver:
        receiver.refuse = {"ana@house.example": "550 5.1.1 no such user", "ben@house.example": "450 4.2.1 greylisted"}
        with pytest.raises(ChannelUnavailable, match=r"450 4\.2\.1"):
            await channel(receiver, ANA, BEN).send(letter())
        receiver.refuse["ben@house.example"] = "551 5.1.6 moved"
        with pytest.raises(ChannelRefused, match="refuses all addresses"):
            await channel(receiver, ANA, BEN).send(letter())


async def test_a_server_that_says_nothing_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "PATIENCE_SECONDS", 0.6)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        with pytest.raises(ChannelUnavailable):
            await MailChannel(
                MailServer(host="127.0.0.1", port=silent.getsockname()[1], tls=Tls.NONE), SENDER, (ANA,)
            ).send(letter())
    assert time.monotonic() - began < 3


async def test_a_server_that_drips_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time; the whole never would."""
    monkeypatch.setattr(mail, "PATIENCE_SECONDS", 1.5)
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as slow:
        thread = threading.Thread(target=_drip, args=(slow, stop))
        thread.start()
        began = time.monotonic()
        with pytest.raises(ChannelUnavailable, match="in time"):
            await MailChannel(
                MailServer(host="127.0.0.1", port=slow.getsockname()[1], tls=Tls.NONE), SENDER, (ANA,)
            ).send(letter())
        assert time.monotonic() - began < 4
        stop.set()
        thread.join()


def _drip(server: socket.socket, stop: threading.Event) -> None:
    connection, _ = server.accept()
    with connection:
        connection.sendall(b"220 hello\r\n")
        connection.recv(1000)
        while not stop.wait(0.1):
            try:
                connection.sendall(b"250-more\r\n")
            except OSError:
                return
