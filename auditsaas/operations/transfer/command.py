"""``auditsaas move``: from the demo's servers to real ones, or to another PostgreSQL."""

from __future__ import annotations

import click
from sqlalchemy import make_url

from auditsaas.cli_errors import Refusal
from auditsaas.operations.transfer.files import copy_files
from auditsaas.operations.transfer.move import move
from auditsaas.storage.address import storage_at
from auditsaas.storage.base import StorageError
from config.settings import Settings
from config.start import load

SUPERUSER = "postgres"


@click.command("move")
@click.option(
    "--to",
    "target",
    required=True,
    metavar="URL",
    help="The empty database to fill, as its superuser; `db upgrade` has made its tables.",
)
@click.option(
    "--from",
    "source",
    metavar="URL",
    help="The database to read, as its superuser; the demo's own if it is not given.",
)
@click.option(
    "--files",
    metavar="URL",
    help="The storage to copy files into, as in STORAGE_URL: file:///… or s3://bucket.",
)
def move_command(target: str, source: str | None, files: str | None) -> None:
    """Copy this installation into an empty database of any version of PostgreSQL.

    Stop what writes to this one first. Ids, sequence numbers, passwords and keys stay the same;
    the new installation needs the same SECRET_KEY. Nothing is kept unless all arrived.
    """
    settings = load()
    if files:
        _move_files(settings, files)
    move(source or _embedded(settings), target, settings.secret_key, _say)
    click.echo("Moved. Keep SECRET_KEY, and start the new installation: auditsaas doctor")


def _embedded(settings: Settings) -> str:
    """Return the URL of the embedded server's superuser, whom its socket lets in."""
    url = make_url(settings.owner_url)
    if url.host is not None:
        raise Refusal("Name the database to read as its superuser: --from postgresql://…")
    return url.set(username=SUPERUSER).render_as_string(hide_password=False)


def _move_files(settings: Settings, files: str) -> None:
    try:
        sizes = [
            size for _, size in copy_files(storage_at(settings.storage_url), storage_at(files))
        ]
    except StorageError as error:
        raise Refusal(f"{error} The database was not touched.") from error
    click.echo(f"{len(sizes):,} files, {sum(sizes):,} bytes")


def _say(table: str, rows: int) -> None:
    if rows:
        click.echo(f"{table}: {rows:,} rows")
