"""``auditsaas welcome``: another link that sets a new installation up."""

from __future__ import annotations

import click

from auditsaas.cli_session import open_session, operator
from auditsaas.first_run import links
from config.start import load


@click.command("welcome")
def welcome_command() -> None:
    """Print a link that makes the first super-admin, workspace and key; the one before ends.

    It works once, within 24 hours, and only where no account exists.
    """
    settings, by = load(), operator()
    with open_session(settings) as session:
        link = links.renew(session, by.actor, **by.metadata)
        session.commit()
    click.echo(f"{settings.base_url}{link.path}")
    click.echo(f"It works once, until {link.expires_at:%Y-%m-%d %H:%M} UTC.", err=True)
