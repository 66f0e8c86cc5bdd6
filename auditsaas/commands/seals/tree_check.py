"""``auditsaas tree check`` and ``auditsaas tree acknowledge``: logs against their seals."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas.cli_session import open_session, operator, workspace_called
from auditsaas.db.ids import new_id
from auditsaas.evidence.checking import scanning, service, told
from auditsaas.evidence.checking.finding import Finding
from auditsaas.workspaces.acting_member import acting_operator
from auditsaas.workspaces.models import NamedWorkspace, Workspace
from config.start import load

DIFFERS: Final = 1


@click.command("check")
@click.argument("slug", required=False)
@click.option("--all", "everything", is_flag=True, help="All of a log, not a sample of it.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object a log.")
@click.pass_context
def check_command(
    context: click.Context, slug: str | None, everything: bool, as_json: bool
) -> None:
    """Compare logs with their seals: that of the workspace SLUG, or every one.

    Without --all a hundredth of each is read, as every night, and all that stands above it. What
    differs is told to every admin, as it is at night; nothing else is changed. The exit code is 0
    when all is as it was sealed, and 1 when something differs.
    """
    settings = load()
    differs = False
    with open_session(settings) as session:
        for workspace in _workspaces(session, slug):
            found = _checked(session, workspace, everything=everything)
            told.tell_all(session, workspace.id, found, brand=settings.brand_name)
            session.commit()
            differs = differs or bool(found)
            (_told_as_json if as_json else _told)(workspace, found)
    context.exit(DIFFERS if differs else 0)


@click.command("acknowledge")
@click.argument("slug")
@click.argument("finding", type=click.UUID)
@click.option("--reason", required=True, help="Why it is taken off the page; recorded.")
def acknowledge_command(slug: str, finding: UUID, reason: str) -> None:
    """Take a finding of the workspace SLUG off its page and out of the figures; it is kept."""
    with open_session() as session:
        workspace = workspace_called(session, slug)
        by = acting_operator(workspace.id, operator())
        service.acknowledge(session, workspace.id, finding, by, reason)
        session.commit()
    click.echo("It is acknowledged.")


def _workspaces(session: Session, slug: str | None) -> Sequence[NamedWorkspace]:
    if slug is not None:
        found = workspace_called(session, slug)
        session.expunge(found)
        session.rollback()
        return [found]
    named = select(Workspace.id, Workspace.slug, Workspace.name).order_by(Workspace.slug)
    rows = session.execute(named).all()
    session.rollback()
    return rows


def _checked(session: Session, workspace: NamedWorkspace, *, everything: bool) -> list[Finding]:
    tiles = None
    if not everything:
        with scanning.snapshot(session, workspace.id):
            size = scanning.sealed_size(session, workspace.id)
            tiles = scanning.sampled(session, workspace.id, size, new_id())
    return scanning.check(session, workspace.id, tiles)


def _told(workspace: NamedWorkspace, found: Sequence[Finding]) -> None:
    for words in [each.words for each in found] or ["is as it was sealed"]:
        click.secho(f"{'fail' if found else 'ok':4}  ", fg="red" if found else "green", nl=False)
        click.echo(f"{workspace.slug}: {words}")


def _told_as_json(workspace: NamedWorkspace, found: Sequence[Finding]) -> None:
    documents = [each.document() for each in found]
    line = {"workspace": workspace.slug, "sound": not found, "findings": documents}
    click.echo(json.dumps(line, ensure_ascii=False))
