"""Sending mail: one message to one mail server, or into a folder where there is none.

Python's own ``smtplib`` and ``email`` do it: they are maintained with the language and know
STARTTLS and SMTPUTF8; a Flask extension would only wrap them. Headers are made by ``headers``.
"""

from __future__ import annotations

import os
import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import unquote, urlsplit

from auditsaas.mail.headers import mailbox, one_line, unstructured

TIMEOUT_SECONDS = 15
PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
PERMANENT = 500


class MailError(Exception):
    """The mail was not sent, which may be different later; ``str()`` says why."""


class MailRefused(MailError):
    """The mail can never be sent as it is."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """The mail server and how to connect to it."""

    scheme: str
    host: str
    port: int
    user: str | None
    password: str | None
    timeout_seconds: float = TIMEOUT_SECONDS

    @classmethod
    def of(cls, url: str) -> Server:
        """Read `smtp://`, `smtp+starttls://` or `smtps://`, with user and password if given.

        Raises:
            MailError: the address cannot be used.
        """
        parts = urlsplit(url)
        try:
            port = parts.port or PORTS[parts.scheme]
        except (KeyError, ValueError):
            raise MailError(
                "SMTP_URL must start with smtp://, smtp+starttls:// or smtps://."
            ) from None
        if not parts.hostname:
            raise MailError("SMTP_URL names no host.")
        return cls(
            scheme=parts.scheme,
            host=parts.hostname,
            port=port,
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
        )

    @property
    def encrypts_later(self) -> bool:
        """Whether STARTTLS is a must; a password never goes over the net in the clear."""
        if self.scheme == "smtp":
            return self.password is not None and not self._on_this_machine
        return self.scheme == "smtp+starttls"

    @property
    def _on_this_machine(self) -> bool:
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


@dataclass(frozen=True, kw_only=True)
class Letter:
    """A mail to one person, before it is put into a form that travels."""

    message_id: str
    """The same at every try, so that a mail that arrives twice can be told."""
    sender_name: str
    sender: str
    to_name: str
    to: str
    subject: str
    text: str
    html: str
    written_at: datetime
    request_id: str | None = None
    """The request that it came from, by which an operator can find a mail."""


def composed(letter: Letter) -> EmailMessage:
    """Compose the mail as RFC 5322 wants it, with both its bodies.

    Raises:
        MailRefused: an address or a header cannot be one.
    """
    message = EmailMessage(policy=SMTP)
    try:
        message["Subject"] = unstructured("Subject", letter.subject)
        message["From"] = mailbox("From", letter.sender_name, letter.sender)
        message["To"] = mailbox("To", letter.to_name, letter.to)
        message["Date"] = format_datetime(letter.written_at)
        message["Message-ID"] = f"<{letter.message_id}@{letter.sender.rpartition('@')[2]}>"
        if letter.request_id:
            message["X-Request-ID"] = unstructured("X-Request-ID", letter.request_id)
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office replies
        message.set_content(letter.text)
        message.add_alternative(letter.html, subtype="html")
        message.as_bytes()
    except (MessageError, ValueError, IndexError, UnicodeError) as error:
        raise MailRefused(f"The mail cannot be written: {error}.") from error
    return message


def greet(server: Server) -> None:
    """Connect and sign in, without sending anything; raises what ``smtplib`` and sockets do."""
    client = _connected(server)
    try:
        client.noop()
    finally:
        client.close()


def send(server: Server, message: EmailMessage) -> None:
    """Hand the message over; when it returns, the server has taken it.

    Raises:
        MailRefused: the server will never take it.
        MailError: it did not now.
    """
    try:
        client = _connected(server)
        try:
            client.send_message(message)
        finally:
            # Taken is taken: how the server then says goodbye changes nothing.
            with suppress(smtplib.SMTPException, OSError):
                client.quit()
            client.close()
    except smtplib.SMTPRecipientsRefused as error:
        code, words = next(iter(error.recipients.values()))
        raise _kind_of(code)(
            f"The mail server refused the address: {_said(code, words)}"
        ) from error
    except smtplib.SMTPDataError as error:
        raise _kind_of(error.smtp_code)(
            f"The mail server refused the mail: {_said(error.smtp_code, error.smtp_error)}"
        ) from error
    except smtplib.SMTPNotSupportedError as error:
        raise MailRefused(f"The mail server cannot take this mail: {error}") from error
    except smtplib.SMTPResponseException as error:
        said = _said(error.smtp_code, error.smtp_error)
        raise MailError(f"The mail server refused: {said}") from error
    except (smtplib.SMTPException, OSError) as error:
        raise MailError(f"The mail server does not answer: {error}") from error


def keep(folder: Path, name: str, message: EmailMessage) -> Path:
    """Write the message as a file, where there is no mail server; the same mail is one file."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path, draft = folder / f"{name}.eml", folder / f".{name}.draft"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(message.as_bytes())
    draft.replace(path)
    return path


def _connected(server: Server) -> smtplib.SMTP:
    if server.scheme == "smtps":
        client: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host,
            server.port,
            timeout=server.timeout_seconds,
            context=ssl.create_default_context(),
        )
    else:
        client = smtplib.SMTP(server.host, server.port, timeout=server.timeout_seconds)
    try:
        if server.encrypts_later:
            client.starttls(context=ssl.create_default_context())
        if server.user is not None:
            client.login(server.user, server.password or "")
    except BaseException:
        client.close()
        raise
    return client


def _kind_of(code: int) -> type[MailError]:
    return MailRefused if code >= PERMANENT else MailError


def _said(code: int, words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return f"{code} {one_line(text)[:200]}"
