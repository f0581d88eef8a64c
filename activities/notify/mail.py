"""E-mail by a server of the house."""

import asyncio
import hashlib
import re
import smtplib
import socket
import ssl
from contextlib import suppress
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, getaddresses, parseaddr
from enum import StrEnum

from pydantic import Field

from activities.notify.channel import ChannelRefused, ChannelUnavailable, Unusable
from activities.notify.letter import Letter, plain
from activities.threads import Threads
from workflows.domain.model import Model

PATIENCE_SECONDS = 45
"""For all that is said to a server; each single answer may take a third of it."""
_ADDRESS = re.compile(r"[^@\s<>,]+@[^@\s<>,]+")
_ENHANCED = re.compile(rb"^([245]\.\d{1,3}\.\d{1,3})\b")


class Tls(StrEnum):
    STARTTLS = "starttls"
    IMPLICIT = "implicit"
    NONE = "none"


_PORTS = {Tls.STARTTLS: 587, Tls.IMPLICIT: 465, Tls.NONE: 25}


class MailServer(Model):
    host: str
    port: int | None = None
    tls: Tls = Tls.STARTTLS
    user: str = ""
    password: str = Field("", repr=False)

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port or _PORTS[self.tls]


class MailChannel:
    def __init__(self, server: MailServer, sender: str, to: tuple[str, ...], *, only_tls: bool = False) -> None:
        if only_tls and server.user and server.tls is Tls.NONE:
            raise Unusable("it would send a password without TLS, which the production environment forbids")
        if server.user and not server.password:
            raise Unusable("it has a user and no password")
        for address in (sender, *to):
            _check_address(address)
        self._server = server
        self._sender = sender
        self._to = to

    @property
    def where(self) -> str:
        host, port = self._server.address
        return f"{', '.join(self._to)} by {host}:{port}"

    async def send(self, letter: Letter) -> str:
        threads = Threads(1)
        attempt = _Attempt(self._server)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                refused = await threads.run(lambda: attempt.send(self._message(letter)), stop=attempt.stop)
        except TimeoutError:
            raise ChannelUnavailable("the mail server does not answer in time") from None
        finally:
            threads.close()
        taken = f"the mail server took it for {len(self._to) - len(refused)} of {len(self._to)}"
        codes = sorted({str(code) for code, _ in refused.values()})
        return f"{taken}, and refused the others: {', '.join(codes)}" if codes else taken

    def _message(self, letter: Letter) -> EmailMessage:
        """Its headers hold single clean lines only; the library refuses any other, too."""
        digest = hashlib.sha256(letter.id.encode()).hexdigest()[:32]
        message = EmailMessage(policy=SMTP)
        message["Message-ID"] = f"<{digest}@{_domain(self._sender)}>"
        message["Date"] = format_datetime(letter.at)
        message["From"] = self._sender
        message["To"] = ", ".join(self._to)
        message["Subject"] = f"[botted] {letter.title}"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(plain(letter), cte="quoted-printable")
        return message


class _Attempt:
    """One conversation with a server, which another thread may break off."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._open: smtplib.SMTP | None = None

    def send(self, message: EmailMessage) -> dict[str, tuple[int, bytes]]:
        """Whom the server refused, if it took the message for anybody. Raises ChannelFault."""
        try:
            smtp = self._open = self._connect()
            self._introduce(smtp)
            refused = smtp.send_message(message)
            with suppress(OSError, smtplib.SMTPException):  # it has the message, however it takes its leave
                smtp.quit()
            return refused
        except smtplib.SMTPRecipientsRefused as error:
            raise _fault(min(error.recipients.values()), "it refuses all addresses") from None
        except smtplib.SMTPResponseException as error:
            raise _fault((error.smtp_code, error.smtp_error), "it refuses") from None
        except smtplib.SMTPNotSupportedError:
            raise ChannelRefused("the mail server lacks what the settings ask for: STARTTLS or a login") from None
        except ssl.SSLCertVerificationError as error:
            raise ChannelUnavailable(f"its certificate is not accepted: {error.verify_message}") from None
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise ChannelUnavailable(f"the mail server cannot be reached ({type(error).__name__})") from None
        finally:
            if self._open is not None:
                self._open.close()

    def stop(self) -> None:
        connection = self._open.sock if self._open else None
        if connection is not None:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _connect(self) -> smtplib.SMTP:
        host, port = self._server.address
        seconds = PATIENCE_SECONDS / 3
        if self._server.tls is Tls.IMPLICIT:
            return smtplib.SMTP_SSL(host, port, timeout=seconds, context=ssl.create_default_context())
        return smtplib.SMTP(host, port, timeout=seconds)

    def _introduce(self, smtp: smtplib.SMTP) -> None:
        if self._server.tls is Tls.STARTTLS:
            smtp.starttls(context=ssl.create_default_context())
        if self._server.user:
            smtp.login(self._server.user, self._server.password)


def _fault(answer: tuple[int, bytes | str], what: str) -> ChannelRefused | ChannelUnavailable:
    """By its code alone: its words may repeat what it was told."""
    code, said = answer
    enhanced = _ENHANCED.match(said if isinstance(said, bytes) else said.encode())
    text = f"the mail server answers {code}{f' {enhanced[1].decode()}' if enhanced else ''}: {what}"
    return ChannelRefused(text) if 500 <= code < 600 else ChannelUnavailable(text)


def _check_address(address: str) -> None:
    [(_, bare), *more] = getaddresses([address]) or [("", "")]
    if more or any(ord(letter) < 32 for letter in address) or not _ADDRESS.fullmatch(bare):
        raise Unusable("one of its addresses is none")


def _domain(sender: str) -> str:
    return parseaddr(sender)[1].rpartition("@")[2]
