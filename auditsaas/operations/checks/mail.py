"""Checks the way to the mail server."""

from __future__ import annotations

from dataclasses import replace
from smtplib import SMTPAuthenticationError, SMTPException

from auditsaas.mail.transport import MailError, Server, greet
from auditsaas.operations.checks.check import CONNECT_SECONDS, Sight, either
from auditsaas.operations.finding import Finding, fail, ok, warn


def _mail(sight: Sight) -> Finding:
    return server(sight.settings.smtp_url)


def server(url: str | None) -> Finding:
    """Connect as the product does, without sending anything."""
    if not url:
        return warn(
            "mail",
            "SMTP_URL is not set, so nobody gets invitations or reports",
            "Set it, such as smtp+starttls://user:password@mail.example.com:587.",
        )
    try:
        greet(replace(Server.of(url), timeout_seconds=CONNECT_SECONDS))
    except SMTPAuthenticationError as error:
        words = f"the server refuses the user or the password: {error}"
        return fail("mail", words, "Put those that the mail server knows into SMTP_URL.")
    except (OSError, SMTPException, MailError) as error:
        return fail("mail", f"the server refuses: {error}", "Mend SMTP_URL, or the mail server.")
    return ok("mail", "the server takes us")


CHECKS = (either("mail", _mail),)
