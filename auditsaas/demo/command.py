"""``auditsaas demo``: from an empty folder to a running product."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import click

from auditsaas.cli_session import open_session
from auditsaas.demo import credentials as sign_ins
from auditsaas.demo import seed
from auditsaas.demo.credentials import Credentials, Filling
from auditsaas.demo.views import ensure_views
from auditsaas.operations import upgrade
from config import settings as environment
from config import start
from config.settings import Settings

MAX_EVENTS = 10_000_000


@click.command("demo")
@click.option(
    "--events",
    envvar="EVENTS",
    type=click.IntRange(0, MAX_EVENTS),
    default=50_000,
    show_default=True,
    help="How many events a first start makes.",
)
@click.pass_context
def demo(context: click.Context, events: int) -> None:
    """Fill a demo once and run it until Ctrl-C; a later start keeps its data.

    The port is PORT (8000), the data folder DATA_DIR (./var).
    """
    from auditsaas.demo import processes

    port, data_dir = environment.port(), environment.data_folder()
    processes.claim(data_dir, port)
    settings = start.load(start.demo(environment.environment()))
    upgrade.upgrade(settings)
    # Nothing else runs on a demo's folder, so no process of the version before is left.
    upgrade.tighten(settings)
    credentials = fill(settings, events)
    announce(settings, credentials)
    context.exit(processes.run(settings, port))


def fill(settings: Settings, events: int) -> Credentials:
    """Make what is missing of the demo; returns how to get in."""
    data_dir = settings.data_dir
    credentials = sign_ins.load(data_dir)
    # Kept before use: a start that is cut off must not leave accounts with unknown passwords.
    sign_ins.keep(data_dir, credentials)
    with open_session(settings, as_owner=True) as owner:
        seed.ensure_super_admin(owner, credentials)
        owner.commit()
    with open_session(settings) as session:
        ids = seed.ensure_workspaces(session)
        admin = seed.ensure_people(session, ids, credentials)
        if credentials.filling is None:
            until = datetime.now(UTC).isoformat()
            filling = Filling(events, until, done=not seed.log_is_empty(session, ids))
            credentials = replace(credentials, filling=filling)
        api_key = seed.ensure_key(session, ids, credentials.api_key)
        session.commit()
        credentials = replace(credentials, api_key=api_key)
        sign_ins.keep(data_dir, credentials)
        if credentials.filling and not credentials.filling.done:
            ensure_views(session, [ids[slug] for slug in seed.ADMINISTERED], admin)
            with _progress(credentials.filling.events) as advance:
                seed.add_activity(
                    session,
                    ids,
                    total=credentials.filling.events,
                    until=credentials.filling.until_time,
                    progress=advance,
                )
            credentials = sign_ins.with_filling_done(credentials)
            sign_ins.keep(data_dir, credentials)
    return credentials


def announce(settings: Settings, credentials: Credentials) -> None:
    """Write the lines that tell people and scripts how to sign in."""
    admin, auditor, above = credentials.admin, credentials.auditor, credentials.super_admin
    click.echo(f"url: {settings.base_url}")
    click.echo(f"sign-in: admin {admin.email} {admin.password}")
    click.echo(f"sign-in: auditor {auditor.email} {auditor.password}")
    click.echo(f"sign-in: super-admin {above.email} {above.password}")
    click.echo(f"api-key: acme {credentials.api_key}")
    click.echo("The super-admin sets up a second factor on the way to /admin.", err=True)
    sys.stdout.flush()


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], object]]:
    """Show the progress of filling, on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda _events: None
        return
    with click.progressbar(length=total, label="Adding events", file=sys.stderr) as bar:
        yield bar.update
