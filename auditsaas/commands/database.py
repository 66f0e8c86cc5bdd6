"""``auditsaas db``: the schema, and how the database stands."""

from __future__ import annotations

import json
from dataclasses import asdict

import click
from sqlalchemy import select

from auditsaas.cli_session import open_session, operator, workspace_called
from auditsaas.commands.listing import json_option
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.events.columns import forgetting
from auditsaas.events.words import heads
from auditsaas.formatting.numbers import size
from auditsaas.operations import database_status
from auditsaas.operations import upgrade as schema
from auditsaas.operations.database_status import DatabaseStatus
from auditsaas.operations.revisions import Standing
from auditsaas.operations.transfer import new_epoch
from auditsaas.workspaces.models import Workspace
from config.start import load


@click.group("db")
def database_group() -> None:
    """Manage the database."""


@database_group.command("upgrade")
def upgrade() -> None:
    """Bring the schema to this version; safe to run again."""
    newer = schema.upgrade(load()) is Standing.NEWER
    click.echo(
        "The database is newer than this version; nothing was changed."
        if newer
        else "The database is up to date."
    )


@database_group.command("tighten")
def tighten() -> None:
    """Take rights away that only the version before used; run it once none of it is left."""
    taken = schema.tighten(load())
    click.echo(f"{len(taken)} rights taken." if taken else "There was nothing to take.")


@database_group.command("new-epoch")
def new_epoch_command() -> None:
    """Begin an epoch of every log's numbers; run it once after a restore, before anything starts.

    Readers of the feed are then told that numbers may name other events than before.
    """
    with open_session(as_owner=True) as session:
        begun = new_epoch.begin(session, operator().actor)
        session.commit()
    click.echo(f"An epoch was begun in {begun:,} {'log' if begun == 1 else 'logs'}.")


@database_group.command("rebuild-words")
@click.argument("slug", required=False)
def rebuild_words(slug: str | None) -> None:
    """Make the dictionary of a log anew, or all, behind it; the doctor tells how far it is.

    Until then the log is searched event by event.
    """
    with open_session(as_owner=True) as session:
        every = [] if slug else session.scalars(select(Workspace.id)).all()
        chosen = [workspace_called(session, slug).id] if slug else every
        tenancy.bind(Scope.of(*chosen), session)
        begun = heads.distrust(session, chosen)
        session.commit()
    noun = "dictionary is" if begun == 1 else "dictionaries are"
    click.echo(f"{begun:,} {noun} made anew, behind their logs. See: auditsaas doctor --only words")


@database_group.command("rebuild-columns")
@click.argument("slug", required=False)
def rebuild_columns(slug: str | None) -> None:
    """Make the columns of a log anew, or of all, behind it.

    Until then the log is counted by its newest events.
    """
    with open_session(as_owner=True) as session:
        every = [] if slug else session.scalars(select(Workspace.id)).all()
        chosen = [workspace_called(session, slug).id] if slug else every
        tenancy.bind(Scope.of(*chosen), session)
        begun = forgetting.distrust(session, chosen)
        session.commit()
    logs = "1 log are" if begun == 1 else f"{begun:,} logs are"
    click.echo(f"The columns of {logs} made anew, behind it.")


@database_group.command("status")
@json_option
@click.pass_context
def status(context: click.Context, as_json: bool) -> None:
    """Tell revision, migrations, partitions, sizes and connections.

    The exit code is 1 where migrations are missing.
    """
    with open_session() as session:
        found = database_status.read(session)
    click.echo(json.dumps(asdict(found)) if as_json else _words(found))
    context.exit(int(bool(found.pending)))


def _words(found: DatabaseStatus) -> str:
    months = f"{found.first_partition} to {found.last_partition}" if found.partitions else "none"
    lines = [
        f"database: {found.database}, PostgreSQL {found.server}, {size(found.bytes)}",
        f"schema: {found.revision or 'none'}; this version ends with {found.head}",
        f"migrations: {_migrations(found)}",
        f"partitions: {found.partitions:,}, {months}; months without a gap: {found.months_ahead}",
        f"connections: {sum(found.connections.values()):,} of {found.max_connections:,}",
        *(f"  {role}: {number:,}" for role, number in found.connections.items()),
        "largest tables:",
        *(f"  {name}: {size(number)}" for name, number in found.largest_tables.items()),
    ]
    return "\n".join(lines)


def _migrations(found: DatabaseStatus) -> str:
    if found.newer:
        return "the database is of a newer version, which serves this one too"
    if found.pending:
        return f"{', '.join(found.pending)} are missing. Run: auditsaas db upgrade"
    return "none is missing"
