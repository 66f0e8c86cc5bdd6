"""A mail that was kept as a file, in the words that its reader sees."""

from __future__ import annotations

from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass(frozen=True, kw_only=True)
class ShownMail:
    sender: str
    recipient: str
    subject: str
    text: str
    """Its plain text, which says all that its HTML says."""


def read_mail(content: bytes) -> ShownMail:
    """Read a mail's headers and its plain text."""
    mail = message_from_bytes(content, _class=EmailMessage, policy=policy.default)
    body = mail.get_body(("plain",))
    return ShownMail(
        sender=str(mail.get("From", "")),
        recipient=str(mail.get("To", "")),
        subject=str(mail.get("Subject", "")),
        text=body.get_content() if body is not None else "",
    )
