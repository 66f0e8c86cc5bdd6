"""``auditsaas tree status|signed``: how far logs are sealed, and whether that holds."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas.cli_errors import Refusal
from auditsaas.cli_session import open_session, workspace_called
from auditsaas.commands.listing import json_option, show
from auditsaas.db import platform, tenancy
from auditsaas.db.platform import JOBS
from auditsaas.db.tenancy import Scope
from auditsaas.evidence.tree import keys
from auditsaas.evidence.tree.keys import Keyring
from auditsaas.evidence.tree.upkeep import overview
from auditsaas.workspaces.models import Workspace
from config.start import load


@click.command("status")
@click.argument("slug", required=False)
@json_option
@click.pass_context
def status_command(context: click.Context, slug: str | None, as_json: bool) -> None:
    """Tell how far each log is sealed, or that of SLUG with its keys; 1 where one is forked."""
    settings = load()
    with open_session(settings, as_platform=True) as session:
        rows = list(overview.overview(platform.bind(session, JOBS), slug))
    if slug is not None and not rows:
        raise Refusal(f"There is no workspace {slug}.")
    show(rows, overview.COLUMNS, as_json=as_json)
    if slug is not None and not as_json:
        with open_session(settings) as session:
            workspace = workspace_called(session, slug)
            click.echo(_keys(session, workspace))
    context.exit(int(any(row["state"] == "forked" for row in rows)))


@click.command("signed")
@click.argument("slug", required=False)
@json_option
@click.pass_context
def signed_command(context: click.Context, slug: str | None, as_json: bool) -> None:
    """Compare what was signed of each log, or of SLUG, with its tree; 1 where it contradicts.

    A forked log that nothing is against any more signs again. Events are compared with their
    leaves by auditsaas tree check.
    """
    settings = load()
    ring, found = Keyring.of(settings), {}
    with open_session(settings) as session:
        for workspace in _chosen(session, slug):
            tenancy.bind(Scope.of(workspace.id), session)
            wrong = list(overview.contradictions(session, workspace.id, ring))
            resumed = not wrong and overview.resume(session, workspace.id)
            session.commit()
            found[workspace.slug] = wrong
            if not as_json:
                _say(workspace.slug, wrong, resumed=resumed)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
    context.exit(int(any(found.values())))


def _say(slug: str, wrong: list[str], *, resumed: bool) -> None:
    if not wrong:
        again = "; it signs again" if resumed else ""
        click.echo(f"{slug}: what was signed is in the tree{again}")
    for sentence in wrong:
        click.echo(f"{slug}: {sentence}")


def _chosen(session: Session, slug: str | None) -> Iterator[Workspace]:
    if slug is not None:
        yield workspace_called(session, slug)
        return
    yield from session.scalars(select(Workspace).order_by(Workspace.slug)).all()


def _keys(session: Session, workspace: Workspace) -> str:
    known = keys.verifier_keys(session, workspace.id)
    lines = [
        f"{'retired' if key.retired_at else 'signs'}: {key.verifier} (told by event {key.seq:,})"
        for key in known
    ]
    return "\n".join(["keys:", *lines] if lines else ["It has no key yet."])
