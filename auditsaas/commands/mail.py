"""``auditsaas mail``: what the mail server did not take."""

from __future__ import annotations

import click
from sqlalchemy import Row, func, select, update
from sqlalchemy.orm import Session

from auditsaas.cli_session import open_session
from auditsaas.db import platform, tenancy
from auditsaas.db.platform import JOBS
from auditsaas.mail.models import Mail, MailState
from auditsaas.mail.outbox import HOLDING_SECRETS, MAILS
from config.settings import Settings
from config.start import load

OVER = "Its link was forgotten, so it is to be asked for again."


@click.group("mail")
def mail_group() -> None:
    """Manage mails."""


@mail_group.command("retry")
def retry_command() -> None:
    """Send the mails again that were given up.

    Those whose link opened something are not: what they said is forgotten. Invitations and
    password resets are asked for again by people.
    """
    settings = load()
    failed = _failed(settings)
    over = [mail for mail in failed if mail.kind in HOLDING_SECRETS]
    with open_session(settings) as session:
        for mail in failed:
            _settle(session, mail)
        session.commit()
    click.echo(f"{len(failed) - len(over):,} mails are sent again within a minute.")
    if over:
        click.echo(f"{len(over):,} held a link, and are to be asked for again.")


def _failed(settings: Settings) -> list[Row[tuple[object, ...]]]:
    wanted = select(Mail.id, Mail.kind, *MAILS.scope_columns).where(Mail.state == MailState.FAILED)
    with open_session(settings, as_platform=True) as session:
        return [*platform.bind(session, JOBS).execute(wanted)]


def _settle(session: Session, mail: Row[tuple[object, ...]]) -> None:
    """Let one mail wait again from its first attempt, or drop it where its words are gone."""
    changed = update(Mail).where(Mail.id == mail.id, Mail.state == MailState.FAILED)
    if mail.kind in HOLDING_SECRETS:
        changed = changed.values(state=MailState.DROPPED, error=OVER)
    else:
        again = {"state": MailState.WAITING, "attempts": 0, "next_try_at": func.now()}
        changed = changed.values(error=None, **again)
    tenancy.bind(MAILS.scope_of(mail), session).execute(changed)
