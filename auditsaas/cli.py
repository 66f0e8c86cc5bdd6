"""The operator's command line, ``auditsaas``."""

from __future__ import annotations

import sys
from typing import Any, Final

import click
from flask.cli import AppGroup

from auditsaas import cli_session
from auditsaas.accounts import passwords, second_factor, sessions
from auditsaas.accounts.service import create_user, find_by_email
from auditsaas.cli_session import Refusal, open_session, operator, workspace_called
from auditsaas.commands.doctor import doctor
from auditsaas.commands.mail import mail_group
from auditsaas.commands.secret import secret_group
from auditsaas.commands.verify import verify
from auditsaas.demo.command import demo
from auditsaas.exports.command import export_command
from auditsaas.imports.command import import_command
from auditsaas.operations import upgrade as schema
from auditsaas.operations.distribute import distribute
from auditsaas.operations.revisions import Standing
from auditsaas.operations.transfer import new_epoch
from auditsaas.operations.transfer.command import move_command
from auditsaas.own_activities import Activity
from auditsaas.permissions import ApiScope, Role
from auditsaas.version import version
from auditsaas.workspaces.account_events import record_for
from auditsaas.workspaces.api_keys import create_api_key
from auditsaas.workspaces.service import add_member, create_workspace
from config.start import load

HELP = {"help_option_names": ["-h", "--help"]}


class Commands(AppGroup):
    """A group whose commands say errors in a sentence and need no application."""

    def invoke(self, ctx: click.Context) -> Any:
        if ctx.params.get("traceback"):
            return super().invoke(ctx)
        with cli_session.errors_as_sentences():
            return super().invoke(ctx)


@click.group(cls=Commands, context_settings=HELP)
@click.version_option(version(), prog_name="AuditSaaS", message="%(prog)s %(version)s")
@click.option("--traceback", is_flag=True, help="Show where in the code a command went wrong.")
def cli(traceback: bool) -> None:  # read by Commands
    """Operate an AuditSaaS installation: its database, people, workspaces, keys and files.

    Settings come from the environment (DATABASE_URL, DATA_DIR and so on).
    """


@cli.group("db")
def database_group() -> None:
    """Manage the database."""


@database_group.command("upgrade", with_appcontext=False)
def upgrade() -> None:
    """Bring the schema to this version; safe to run again."""
    newer = schema.upgrade(load()) is Standing.NEWER
    click.echo(
        "The database is newer than this version; nothing was changed."
        if newer
        else "The database is up to date."
    )


@database_group.command("tighten", with_appcontext=False)
def tighten() -> None:
    """Take rights away that only the version before used; run it once none of it is left."""
    taken = schema.tighten(load())
    click.echo(f"{len(taken)} rights taken." if taken else "There was nothing to take.")


@database_group.command("new-epoch", with_appcontext=False)
def new_epoch_command() -> None:
    """Begin an epoch of every log's numbers; run it once after a restore, before anything starts.

    Readers of the feed are then told that numbers may name other events than before.
    """
    with open_session(as_owner=True) as session:
        begun = new_epoch.begin(session, operator())
        session.commit()
    click.echo(f"An epoch was begun in {begun:,} {'log' if begun == 1 else 'logs'}.")


@cli.group("workspace")
def workspace_group() -> None:
    """Manage workspaces."""


@workspace_group.command("create", with_appcontext=False)
@click.argument("name")
@click.option("--slug", help="The word in its addresses; made from the name if not given.")
def create_workspace_command(name: str, slug: str | None) -> None:
    """Create the workspace NAME with an empty log."""
    with open_session() as session:
        workspace = create_workspace(session, name, slug)
        session.commit()
    click.echo(f"{workspace.slug}: workspace created")


@cli.group("user")
def user_group() -> None:
    """Manage people."""


@user_group.command("create", with_appcontext=False)
@click.argument("email")
@click.option("--name", help="How they are called; the address's first part if not given.")
@click.option("--super-admin", is_flag=True, help="May read every workspace.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def create_user_command(
    email: str, name: str | None, super_admin: bool, password_stdin: bool
) -> None:
    """Create a person who signs in with EMAIL.

    A super-admin is created as the owner of the tables, so MIGRATION_DATABASE_URL must be set.
    """
    password = _read_password(from_stdin=password_stdin)
    # The role that serves people cannot give what reads every workspace.
    with open_session(as_owner=super_admin) as session:
        user = create_user(session, email, name=name, password=password, is_super_admin=super_admin)
        session.commit()
    click.echo(f"{user.email}: account created")


@user_group.command("remove-second-factor", with_appcontext=False)
@click.argument("email")
def remove_second_factor_command(email: str) -> None:
    """Remove the second factor of EMAIL, who lost the app and the recovery codes.

    Make sure that it is them who ask. Their sessions end, and their password still holds.
    """
    with open_session() as session:
        user = find_by_email(session, email)
        if user is None or user.totp_confirmed_at is None:
            raise Refusal(f"Nobody with the address {email} has a second factor.")
        second_factor.remove(session, user)
        sessions.end_all(session, user.id)
        record_for(session, Activity.USER_SECOND_FACTOR_DISABLE, user, operator())
        session.commit()
    click.echo(f"{user.email}: second factor removed")


def _read_password(*, from_stdin: bool) -> str:
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


@cli.group("member")
def member_group() -> None:
    """Manage the members of a workspace."""


@member_group.command("add", with_appcontext=False)
@click.argument("slug")
@click.argument("email")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
def add_member_command(slug: str, email: str, role: str) -> None:
    """Make the person with EMAIL a member of the workspace SLUG."""
    with open_session() as session:
        workspace = workspace_called(session, slug)
        user = find_by_email(session, email)
        if user is None:
            raise Refusal(f"Nobody has an account with the address {email}.")
        add_member(session, workspace.id, user.id, Role(role))
        session.commit()
    click.echo(f"{user.email}: {role} of {slug}")


@cli.group("api-key")
def api_key_group() -> None:
    """Manage the keys that applications send events with."""


@api_key_group.command("create", with_appcontext=False)
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
def create_api_key_command(slug: str, name: str, scopes: tuple[str, ...]) -> None:
    """Create a key of the workspace SLUG and print its secret, which is shown only now."""
    with open_session() as session:
        workspace = workspace_called(session, slug)
        made = create_api_key(
            session, workspace.id, name=name, scopes=frozenset(map(ApiScope, scopes))
        )
        session.commit()
    click.echo(made.secret)


COMMANDS: Final = (
    *(import_command, export_command, doctor, distribute, move_command, demo),
    *(verify, mail_group, secret_group),
)

for command in COMMANDS:
    cli.add_command(command)


def main() -> None:
    cli(prog_name="auditsaas")
