"""``auditsaas member``: who belongs to a workspace.

An operator is above its admins, so no change of theirs waits; admins are told of changes of admins.
"""

from __future__ import annotations

from dataclasses import asdict

import click
from sqlalchemy.orm import Session

from auditsaas.accounts.models import User
from auditsaas.cli_session import open_session, operator, person_called, tenant_called
from auditsaas.commands.listing import json_option, show
from auditsaas.permissions import Role
from auditsaas.superadmin import operator_mails
from auditsaas.workspaces import members
from auditsaas.workspaces.acting_member import acting_operator
from auditsaas.workspaces.models import Workspace

COLUMNS = ("email", "name", "role", "active", "second_factor", "joined_at")


@click.group("member")
def member_group() -> None:
    """Manage the members of a workspace."""


@member_group.command("list")
@click.argument("slug")
@json_option
def list_command(slug: str, as_json: bool) -> None:
    """List the members of the workspace SLUG, those who are shut out too."""
    with open_session() as session:
        workspace = tenant_called(session, slug)
        rows = [asdict(member) for member in members.members_of(session, workspace.id)]
    show(rows, COLUMNS, as_json=as_json)


@member_group.command("add")
@click.argument("slug")
@click.argument("email")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
def add_command(slug: str, email: str, role: str) -> None:
    """Make the person with EMAIL a member of the workspace SLUG."""
    with open_session() as session:
        workspace = tenant_called(session, slug)
        user = person_called(session, email)
        members.add(session, acting_operator(workspace.id, operator()), user, Role(role))
        if role == Role.ADMIN:
            _tell(session, workspace, f"{user.name} is made an admin")
        session.commit()
    click.echo(f"{user.email}: {role} of {slug}")


@member_group.command("set-role")
@click.argument("slug")
@click.argument("email")
@click.argument("role", type=click.Choice([role.value for role in Role]))
def set_role_command(slug: str, email: str, role: str) -> None:
    """Give the member EMAIL of the workspace SLUG another ROLE, at once.

    The last active admin stays one. Of an admin who is made, or is one no longer, all are told.
    """
    with open_session() as session:
        workspace, user, before = _member(session, slug, email)
        members.change_role(session, acting_operator(workspace.id, operator()), user.id, Role(role))
        if before.value != role and Role.ADMIN in (before, Role(role)):
            _tell(session, workspace, f"{user.name} is made {role}", user)
        session.commit()
    click.echo(f"{user.email}: {role} of {slug}")


@member_group.command("remove")
@click.argument("slug")
@click.argument("email")
def remove_command(slug: str, email: str) -> None:
    """End the membership of EMAIL in the workspace SLUG, at once; the last active admin stays."""
    with open_session() as session:
        workspace, user, role = _member(session, slug, email)
        members.remove(session, acting_operator(workspace.id, operator()), user.id)
        if role is Role.ADMIN:
            _tell(session, workspace, f"{user.name} is removed", user)
        session.commit()
    click.echo(f"{user.email}: removed from {slug}")


def _member(session: Session, slug: str, email: str) -> tuple[Workspace, User, Role]:
    workspace = tenant_called(session, slug)
    user = person_called(session, email)
    return workspace, user, members.member_of(session, workspace.id, user.id).role


def _tell(session: Session, workspace: Workspace, words: str, also: User | None = None) -> None:
    operator_mails.tell_admins(session, workspace.id, operator(), words, also=also)
