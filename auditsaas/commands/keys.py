"""``auditsaas api-key``: the keys of a workspace's applications."""

from __future__ import annotations

from dataclasses import asdict
from uuid import UUID

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas.cli_errors import Refusal
from auditsaas.cli_session import open_session, operator, tenant_called
from auditsaas.commands.listing import json_option, show
from auditsaas.pages.workspaces import key_list
from auditsaas.permissions import ApiScope
from auditsaas.workspaces import key_making
from auditsaas.workspaces.acting_member import acting_operator
from auditsaas.workspaces.api_keys import create_api_key
from auditsaas.workspaces.models import ApiKey, Workspace

COLUMNS = (
    *("id", "prefix", "name", "state", "scopes", "networks", "created_by", "created_at"),
    *("last_used_at", "expires_at"),
)


@click.group("api-key")
def api_key_group() -> None:
    """Manage the keys that applications send events with."""


@api_key_group.command("list")
@click.argument("slug")
@json_option
def list_command(slug: str, as_json: bool) -> None:
    """List the keys of the workspace SLUG, revoked ones too; no secret is kept to be shown."""
    with open_session() as session:
        workspace = tenant_called(session, slug)
        rows = [asdict(key) for key in key_list.list_keys(session, workspace.id)]
    show(rows, COLUMNS, as_json=as_json)


@api_key_group.command("create")
@click.argument("slug")
@click.option("--name", required=True, help="What it is for, e.g. the application's name.")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice([scope.value for scope in ApiScope]),
    multiple=True,
    required=True,
    help="What it may do; repeatable.",
)
def create_command(slug: str, name: str, scopes: tuple[str, ...]) -> None:
    """Create a key of the workspace SLUG and print its secret, which is shown only now."""
    with open_session() as session:
        workspace = tenant_called(session, slug)
        made = create_api_key(
            session, workspace.id, name=name, scopes=frozenset(map(ApiScope, scopes))
        )
        key_making.record_made(session, acting_operator(workspace.id, operator()), made.key)
        session.commit()
    click.echo(made.secret)


@api_key_group.command("revoke")
@click.argument("slug")
@click.argument("key")
def revoke_command(slug: str, key: str) -> None:
    """Close a key of the workspace SLUG for ever; KEY is its id, or aud_ and its public part."""
    with open_session() as session:
        workspace = tenant_called(session, slug)
        found = _key_called(session, workspace, key)
        key_list.revoke(session, acting_operator(workspace.id, operator()), found.id)
        session.commit()
    click.echo(f"{found.name}: revoked")


def _key_called(session: Session, workspace: Workspace, name: str) -> ApiKey:
    """Find a key by its id, or by what may be shown of its secret."""
    found = select(ApiKey).where(ApiKey.workspace_id == workspace.id)
    try:
        key = session.scalar(found.where(ApiKey.id == UUID(name)))
    except ValueError:
        public_id = name.removeprefix("aud_").partition("_")[0]
        key = session.scalar(found.where(ApiKey.public_id == public_id))
    if key is None:
        raise Refusal(f"{workspace.slug} has no such key; auditsaas api-key list names them.")
    return key
