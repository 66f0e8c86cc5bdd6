"""``auditsaas workspace``: the tenants of an installation."""

from __future__ import annotations

import click

from auditsaas import own_actions
from auditsaas.cli_session import open_session, operator, tenant_called
from auditsaas.commands.listing import json_option, show
from auditsaas.own_activities import Activity
from auditsaas.superadmin import directory, operator_mails
from auditsaas.superadmin.service import switch, target_workspace
from auditsaas.workspaces.acting_member import acting_operator
from auditsaas.workspaces.service import create_workspace


@click.group("workspace")
def workspace_group() -> None:
    """Manage workspaces."""


@workspace_group.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """List workspaces: their state, members and log."""
    with open_session() as session:
        show(directory.workspaces(session), directory.WORKSPACE_COLUMNS, as_json=as_json)


@workspace_group.command("create")
@click.argument("name")
@click.option("--slug", help="The word in its addresses; made from the name if not given.")
def create_command(name: str, slug: str | None) -> None:
    """Create the workspace NAME with an empty log."""
    by = operator()
    with open_session() as session:
        workspace = create_workspace(session, name, slug)
        workspace.first_steps = True
        own_actions.record(
            session,
            Activity.WORKSPACE_CREATE,
            workspaces=[workspace.id],
            actor=by.actor,
            targets=[target_workspace(workspace)],
            metadata=by.metadata,
        )
        session.commit()
    click.echo(f"{workspace.slug}: workspace created")


@workspace_group.command("suspend")
@click.argument("slug")
def suspend_command(slug: str) -> None:
    """Refuse the members and keys of the workspace SLUG at once; its admins are told by mail."""
    _switch(slug, suspended=True)


@workspace_group.command("resume")
@click.argument("slug")
def resume_command(slug: str) -> None:
    """Let the members and keys of the suspended workspace SLUG in again."""
    _switch(slug, suspended=False)


def _switch(slug: str, *, suspended: bool) -> None:
    by, word = operator(), "suspended" if suspended else "resumed"
    with open_session() as session:
        workspace = tenant_called(session, slug)
        activity, changes = switch(session, workspace, suspended=suspended)
        acting_operator(workspace.id, by).record(
            session, activity, targets=[target_workspace(workspace)], changes=changes
        )
        operator_mails.tell_admins(session, workspace.id, by, f"The workspace is {word}")
        session.commit()
    click.echo(f"{slug}: {word}")
