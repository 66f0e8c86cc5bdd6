"""``auditsaas import``: log files into a workspace."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta, timezone, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
import msgspec
from sqlalchemy.orm import Session

from auditsaas import cli_errors, cli_session
from auditsaas.cli_session import open_session, workspace_called
from auditsaas.events.importers.format import Format
from auditsaas.events.importers.lines import Source, SourceError, UnknownFormat, open_source
from auditsaas.events.importers.mapping.checking import mapping_from_json
from auditsaas.events.importers.mapping.faults import MappingError
from auditsaas.events.importers.mapping.inputs import INPUTS
from auditsaas.events.importers.mapping.parsing import format_of
from auditsaas.events.importers.outcome import Refused
from auditsaas.events.importers.registry import AUTO, FORMATS, NAMES
from auditsaas.events.importers.times import NO_ZONE
from auditsaas.imports.expired import Expired, ExpiredEvents
from auditsaas.imports.load import import_source
from auditsaas.imports.mappings import format_by
from auditsaas.imports.models import ImportMapping
from auditsaas.imports.outcome import Outcome
from auditsaas.imports.preview import preview
from auditsaas.workspaces.models import Workspace

_OFFSET = re.compile(r"([-+])([0-9]{2}):?([0-9]{2})")


def _zone(_context: click.Context, _option: click.Parameter, text: str | None) -> tzinfo | None:
    """Read `Europe/Berlin`, `UTC` or `+02:00`."""
    if text is None:
        return None
    if offset := _OFFSET.fullmatch(text):
        ahead = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
        if ahead < timedelta(days=1):
            return timezone(-ahead if offset[1] == "-" else ahead)
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise click.BadParameter(f"{text} is no zone, such as Europe/Berlin or +02:00.") from None


@click.command("import")
@click.argument("slug")
@click.argument(
    "files",
    metavar="FILE...|-",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
)
@click.option("--format", "file_format", type=click.Choice(NAMES), default=AUTO, show_default=True)
@click.option(
    "--mapping",
    metavar="NAME|FILE",
    help="Read the files by a mapping: one that the workspace keeps, one that comes with the"
    " product, or one in a JSON file.",
)
@click.option(
    "--assume-zone",
    "zone",
    metavar="ZONE",
    callback=_zone,
    help="The zone of times that name none.",
)
@click.option(
    "--expired",
    type=click.Choice([policy.value for policy in Expired]),
    default=Expired.REFUSE.value,
    show_default=True,
    help="What to do with a file that holds events older than the workspace keeps: refuse it, skip"
    " those events, or import them all the same.",
)
@click.option("--dry-run", is_flag=True, help="Show the first ten events and store nothing.")
@click.pass_context
def import_command(
    context: click.Context,
    slug: str,
    files: tuple[str, ...],
    file_format: str,
    mapping: str | None,
    zone: tzinfo | None,
    expired: str,
    dry_run: bool,
) -> None:
    """Import log files, plain or gzip, into the workspace SLUG; - is standard input.

    Lines that are no events are refused by number and the rest goes in, and so are lines whose id
    stands for other content; a file that is not of the format is refused whole. Importing a file
    again adds nothing.
    """
    run = _show if dry_run else _load
    troubled, unread = 0, 0
    with open_session() as session:
        workspace = workspace_called(session, slug)
        wanted = _mapped(session, workspace, mapping) if mapping else file_format
        for name in files:
            try:
                outcome = run(session, workspace, name, wanted, zone, Expired(expired))
            except SourceError as error:
                click.echo(f"Error: {error}.{_hint(error)}", err=True)
                unread += 1
                continue
            _report(outcome, name if len(files) > 1 else None, dry_run=dry_run)
            troubled += outcome.refused + outcome.conflicts
    if unread == len(files):
        context.exit(cli_errors.NOT_DONE)
    context.exit(cli_errors.PARTLY_REFUSED if troubled or unread else cli_errors.DONE)


def _mapped(session: Session, workspace: Workspace, named: str) -> str | Format:
    """Load the mapping of a file or a name; raise BadParameter if there is none, or it is wrong."""
    file = Path(named)
    if named in FORMATS:
        return named
    if not file.suffix and (kept := session.get(ImportMapping, (workspace.id, named))):
        return format_by(kept.name, kept.form)
    try:
        return format_of(_key_of(file), mapping_from_json(file.read_bytes(), INPUTS))
    except OSError:
        words = f"{workspace.slug} keeps no mapping called {named}, and there is no such file."
        raise click.BadParameter(words, param_hint="--mapping") from None
    except MappingError as error:
        raise click.BadParameter(f"{named}: {error}", param_hint="--mapping") from None


def _key_of(file: Path) -> str:
    """Return the beginning of the events' keys; a file named as a kept mapping stands for it."""
    return re.sub(r"[^a-z0-9]+", "-", file.stem.lower()).strip("-")[:32] or "mapping"


def _hint(error: SourceError) -> str:
    if isinstance(error, ExpiredEvents):
        return " Use --expired skip to leave them out, or --expired import to add them too."
    if isinstance(error, UnknownFormat):
        return " CSV and JSON of any kind can be read by a mapping: see --mapping."
    return " Use --assume-zone." if NO_ZONE in str(error) else ""


def _load(
    session: Session,
    workspace: Workspace,
    name: str,
    file_format: str | Format,
    zone: tzinfo | None,
    expired: Expired,
) -> Outcome:
    with open_source(name) as source, _progress(source) as advance:
        return import_source(
            session,
            workspace,
            source,
            file_format,
            actor=cli_session.operator().actor,
            zone=zone,
            expired=expired,
            progress=advance,
        )


def _show(
    session: Session,
    workspace: Workspace,
    name: str,
    file_format: str | Format,
    zone: tzinfo | None,
    expired: Expired,
) -> Outcome:
    with open_source(name) as source:
        shown = preview(session, workspace, source, file_format, zone=zone, expired=expired)
    for event in shown.events:
        click.echo(msgspec.json.encode(event, enc_hook=str))
    return shown.outcome


@contextmanager
def _progress(source: Source) -> Iterator[Callable[[int], object]]:
    """Show how much of the file was read, on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda _bytes: None
        return
    with click.progressbar(length=source.size, label=source.name, file=sys.stderr) as bar:
        yield bar.update


def _report(outcome: Outcome, name: str | None, *, dry_run: bool) -> None:
    _list(outcome.first_refused, outcome.refused, "refused lines")
    _list(outcome.first_conflicts, outcome.conflicts, "lines in conflict")
    said = outcome.foreseen if dry_run else str(outcome)
    # What a dry run shows may be piped on, so its summary stays out of the way.
    click.echo(f"{name}: {said}" if name else said, err=dry_run)


def _list(first: Sequence[Refused], number: int, what: str) -> None:
    for line in first:
        click.echo(f"{line.place}: {line.reason}", err=True)
    if number > len(first):
        click.echo(f"and {number - len(first):,} more {what}", err=True)
