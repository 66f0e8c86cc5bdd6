"""``auditsaas doctor``: looks at every part of an installation and says what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import click
from sqlalchemy import Connection, NullPool
from sqlalchemy.exc import SQLAlchemyError

from auditsaas.db import failures, tickets
from auditsaas.db.encoding import WrongEncoding
from auditsaas.db.pools import make_engine
from auditsaas.operations import doctor_database, doctor_services
from auditsaas.operations.finding import Finding, Verdict, fail, ok
from config.settings import Settings
from config.start import load

CONNECT_SECONDS = 5
COLOURS = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "red"}


@click.command("doctor")
@click.pass_context
def doctor(context: click.Context) -> None:
    """Check settings, database, Redis, storage and mail; the exit code is 1 if one has failed."""
    worst = 0
    for finding in examine(load()):
        worst |= finding.verdict is Verdict.FAIL
        click.secho(f"{finding.verdict:4}  ", fg=COLOURS[finding.verdict], nl=False)
        click.echo(f"{finding.part}: {finding.words}")
        if finding.remedy:
            click.echo(f"      {finding.remedy}")
    context.exit(int(worst))


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield each finding as soon as it is made; an unreachable part costs seconds, not the rest."""
    tickets.sign_with(settings.secret_key)
    yield from doctor_services.settings(settings)
    yield from _connected("app role", settings.database_url, doctor_database.as_app)
    yield from _connected(
        "platform role", settings.platform_database_url, doctor_database.as_platform
    )
    if settings.migration_database_url:
        yield from _connected(
            "owner role", settings.migration_database_url, doctor_database.as_owner
        )
    else:
        yield ok(
            "owner role", "is not known to this process, as it should be where people are served"
        )
    if settings.replica_database_url:
        yield from _connected(
            "replica", settings.replica_database_url, doctor_database.as_replica(settings)
        )
    yield from doctor_services.queue(settings.redis_url)
    yield doctor_services.storage(settings.storage_url)
    yield doctor_services.mail(settings.smtp_url)
    yield doctor_services.pdf()
    yield doctor_services.fonts()


def _connected(
    part: str, url: str, look: Callable[[Connection], Iterator[Finding]]
) -> Iterator[Finding]:
    engine = make_engine(
        url,
        poolclass=NullPool,
        connect_args={"connect_timeout": CONNECT_SECONDS, "application_name": "auditsaas doctor"},
    )
    try:
        with engine.connect() as connection:
            yield from look(connection)
    except WrongEncoding as error:
        yield fail(part, error.words, error.remedy)
    except SQLAlchemyError as error:
        cause = str(getattr(error, "orig", error)).strip().splitlines()[0]
        yield fail(part, f"the database refuses: {cause}", failures.told(error).remedy)
