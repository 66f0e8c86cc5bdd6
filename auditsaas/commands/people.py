"""``auditsaas user``: the people of an installation."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from uuid import UUID

import click
from sqlalchemy.orm import Session

from auditsaas.accounts import passwords
from auditsaas.accounts.models import User
from auditsaas.cli_errors import Refusal
from auditsaas.cli_session import open_session, operator, person_called
from auditsaas.commands.listing import json_option, show
from auditsaas.own_actions import Operator
from auditsaas.superadmin import directory, operator_acts
from auditsaas.workspaces.models import Workspace

password_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input."
)


@click.group("user")
def user_group() -> None:
    """Manage people."""


@user_group.command("list")
@click.option("--search", default="", help="Only those whose name or address contains this.")
@json_option
def list_command(search: str, as_json: bool) -> None:
    """List people: their state, rights, second factor and workspaces."""
    with open_session() as session:
        show(directory.people(session, search), directory.USER_COLUMNS, as_json=as_json)


@user_group.command("create")
@click.argument("email")
@click.option("--name", help="How they are called; the address's first part if not given.")
@click.option("--super-admin", is_flag=True, help="May read every workspace.")
@password_option
def create_command(email: str, name: str | None, super_admin: bool, password_stdin: bool) -> None:
    """Create a person who signs in with EMAIL.

    A super-admin is created as the owner of the tables, so MIGRATION_DATABASE_URL must be set.
    """
    password = read_password(from_stdin=password_stdin)
    # The role that serves people cannot give what reads every workspace.
    with open_session(as_owner=super_admin) as session:
        user = operator_acts.create(
            session, operator(), email, name=name, password=password, is_super_admin=super_admin
        )
        session.commit()
    click.echo(f"{user.email}: account created")


@user_group.command("set-password")
@click.argument("email")
@password_option
def set_password_command(email: str, password_stdin: bool) -> None:
    """Set the password of EMAIL, who is told by mail; their sessions end."""
    with open_session() as session:
        user = person_called(session, email)
        password = read_password(from_stdin=password_stdin)
        operator_acts.set_password(session, operator(), user, password)
        session.commit()
    click.echo(f"{user.email}: password set, signed out everywhere")


@user_group.command("sign-out")
@click.argument("email")
def sign_out_command(email: str) -> None:
    """End every session of EMAIL."""
    with open_session() as session:
        user = person_called(session, email)
        ended = operator_acts.sign_out(session, operator(), user)
        session.commit()
    click.echo(f"{user.email}: {ended:,} {'session' if ended == 1 else 'sessions'} ended")


@user_group.command("remove-second-factor")
@click.argument("email")
def remove_second_factor_command(email: str) -> None:
    """Remove the second factor of EMAIL, who lost the app and the recovery codes.

    Make sure that it is them who ask. Their sessions end, and their password still holds.
    """
    with open_session() as session:
        user = person_called(session, email)
        operator_acts.remove_second_factor(session, operator(), user)
        session.commit()
    click.echo(f"{user.email}: second factor removed")


@user_group.command("disable")
@click.argument("email")
def disable_command(email: str) -> None:
    """Shut EMAIL out of everything at once; as the owner of the tables."""
    with open_session(as_owner=True) as session:
        user = person_called(session, email)
        left = operator_acts.disable(session, operator(), user)
        slugs = _slugs(session, left)
        session.commit()
    click.echo(f"{user.email}: disabled, signed out everywhere")
    if slugs:
        click.echo(f"Without an active admin now: {', '.join(slugs)}", err=True)


@user_group.command("enable")
@click.argument("email")
def enable_command(email: str) -> None:
    """Let EMAIL in again, who then signs in anew; as the owner of the tables."""
    _act(email, operator_acts.enable, "enabled")


@user_group.command("promote")
@click.argument("email")
def promote_command(email: str) -> None:
    """Make EMAIL a super-admin; every super-admin is told by mail. As the owner of the tables."""
    _act(email, operator_acts.promote, "super-admin, signed out everywhere")


@user_group.command("demote")
@click.argument("email")
def demote_command(email: str) -> None:
    """Make the super-admin EMAIL one no longer; the last one stays. As the owner of the tables."""
    _act(email, operator_acts.demote, "no super-admin any more, signed out everywhere")


def _act(email: str, act: Callable[[Session, Operator, User], None], done: str) -> None:
    with open_session(as_owner=True) as session:
        user = person_called(session, email)
        act(session, operator(), user)
        session.commit()
    click.echo(f"{user.email}: {done}")


def _slugs(session: Session, ids: Sequence[UUID]) -> list[str]:
    return sorted(session.get_one(Workspace, one).slug for one in ids)


def read_password(*, from_stdin: bool) -> str:
    """Read a password from standard input, or ask for it twice; never from an argument."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not _has_terminal():
        raise Refusal("No terminal to ask for the password on; use --password-stdin.")
    password: str = click.prompt(
        f"Password, at least {passwords.MIN_LENGTH} characters",
        hide_input=True,
        confirmation_prompt=True,
    )
    return password


def _has_terminal() -> bool:
    return sys.stdin.isatty()
