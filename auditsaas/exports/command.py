"""``auditsaas export``: a workspace's log into a file, at once and without the queue."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from zoneinfo import ZoneInfo

import click
from sqlalchemy.orm import Session

from auditsaas import cli_session, own_actions
from auditsaas.cli_errors import Refusal
from auditsaas.cli_session import open_session, workspace_called
from auditsaas.events.filter import text as filter_text
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.reading import pages
from auditsaas.events.reading.scans.source import source
from auditsaas.events.schema import TargetInput
from auditsaas.evidence.tree import checkpoints
from auditsaas.evidence.tree.checkpoints import Sealed
from auditsaas.exports.asking import with_proof
from auditsaas.exports.building.file_header import period_words
from auditsaas.exports.building.pieces import Log
from auditsaas.exports.building.proven import FileWithProof, Wanted
from auditsaas.exports.building.reader import ONE_SNAPSHOT
from auditsaas.exports.building.sealing import wait
from auditsaas.exports.formats import FORMATS, Format
from auditsaas.exports.source import About, Source
from auditsaas.formatting.viewer import Viewer
from auditsaas.own_activities import Activity
from auditsaas.workspaces.former_slugs import with_current_slugs
from auditsaas.workspaces.models import Workspace
from config.start import load


@click.command("export")
@click.argument("slug")
@click.option("--format", "file_format", type=click.Choice(sorted(FORMATS)), required=True)
@click.option("--query", default="", help="A filter, as in a page's address: status=error&q=…")
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, allow_dash=True),
    default="-",
    help="The file to write; standard output if not given.",
)
@click.option(
    "--proof",
    is_flag=True,
    help="Write a .zip: the file, its proof, and what checks both offline.",
)
def export_command(slug: str, file_format: str, query: str, output: str, *, proof: bool) -> None:
    """Write the log of the workspace SLUG, or what of it matches a filter, newest first.

    Dates are read, and times written, in the workspace's zone. With proof the JSONL is in the
    order of the log, and people are those that each event names.
    """
    chosen = FORMATS[file_format]
    with open_session() as session:
        workspace = workspace_called(session, slug)
        event_filter = _filter(session, query, workspace)
        with _opened(output) as file:
            if proof:
                rows = _write_with_proof(session, workspace, event_filter, chosen, file)
            else:
                source = _source(session, workspace, event_filter)
                rows = chosen.write(source, file, lambda _rows: None)
        _record(session, workspace, chosen, event_filter, rows, proof=proof)
        session.commit()
    noun = "event" if rows == 1 else "events"
    click.echo(f"{rows:,} {noun} written", err=True)


def _filter(session: Session, query: str, workspace: Workspace) -> EventFilter:
    args, zone = filter_text.arguments(query), ZoneInfo(workspace.time_zone)
    event_filter = EventFilter.from_args(args, zone=zone, now=datetime.now(UTC), beside=())
    event_filter = with_current_slugs(session, event_filter, [workspace])
    if set(event_filter.workspace) - {workspace.slug}:
        raise Refusal(f"This exports {workspace.slug} only; the filter names another workspace.")
    return event_filter


def _write_with_proof(
    session: Session,
    workspace: Workspace,
    event_filter: EventFilter,
    chosen: Format,
    out: BinaryIO,
) -> int:
    """Write the archive of a file and its proof, of one moment; return its rows."""
    plan = with_proof.plan(session, [workspace.id], event_filter)
    slug, workspace_id = workspace.slug, workspace.id

    def newest() -> Sealed | None:
        session.commit()
        return checkpoints.newest(session, workspace_id)

    sealed = wait(newest, plan.last)
    checkpoints.keep(session, workspace_id, sealed.size)
    session.commit()
    session.connection(execution_options={"isolation_level": ONE_SNAPSHOT})
    wanted = Wanted(
        log=Log(workspace_id=workspace_id, event_filter=plan.event_filter, last=plan.last),
        format=chosen,
        gzip=False,
        name=slug,
        made_at=sealed.at,
    )
    source = _source(session, workspace, plan.event_filter, plan.last)
    made = FileWithProof.of(session, source, sealed, wanted, lambda _rows: None)
    proven = made.write_archive(out, made.write_file, None)
    session.commit()
    return sum(one.shown.rows for one in proven)


def _source(
    session: Session, workspace: Workspace, event_filter: EventFilter, last: int | None = None
) -> Source:
    """Open the rows of a workspace that match, up to a number, or to its last one."""
    ids = [workspace.id]
    snapshot = pages.heads(session, ids) if last is None else {workspace.id: last}
    viewer, now = Viewer(zone=ZoneInfo(workspace.time_zone)), datetime.now(UTC)
    return Source(
        connection=session.connection(),
        select=source(session, ids, event_filter, snapshot).ordered,
        slugs={workspace.id: workspace.slug},
        zone=viewer.zone,
        about=About(
            export_id=None,
            filter=event_filter.describe(),
            period=period_words(event_filter.period, now, viewer),
            requester="an operator",
            asked_at=now,
            viewer=viewer,
            names={workspace.id: workspace.name},
            brand=load().brand_name,
        ),
    )


@contextmanager
def _opened(output: str) -> Iterator[BinaryIO]:
    """Open the output; a file appears under its name only when it is whole."""
    if output == "-":
        yield sys.stdout.buffer
        sys.stdout.flush()
        return
    target = Path(output)
    if target.exists() and not target.is_file():  # a pipe or a device, which a rename would replace
        with target.open("wb") as file:
            yield file
        return
    try:
        descriptor, draft = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise Refusal(f"{output} cannot be written: {error.strerror}.") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        Path(draft).replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(draft).unlink()
        raise


def _record(
    session: Session,
    workspace: Workspace,
    chosen: Format,
    event_filter: EventFilter,
    rows: int,
    *,
    proof: bool,
) -> None:
    own_actions.record(
        session,
        Activity.EXPORT_DOWNLOADED,
        workspaces=[workspace.id],
        actor=cli_session.operator().actor,
        targets=[TargetInput(type="workspace", id=str(workspace.id), name=workspace.name)],
        metadata={
            "format": chosen.key,
            "query": event_filter.query_string(),
            "rows": rows,
            **({"proof": True} if proof else {}),
        },
    )
