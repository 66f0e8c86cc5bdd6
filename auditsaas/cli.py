"""The operator's command line, ``auditsaas``."""

from __future__ import annotations

from typing import Any, Final

import click
from flask.cli import AppGroup

from auditsaas import cli_session
from auditsaas.commands.about import version_command
from auditsaas.commands.database import database_group
from auditsaas.commands.doctor import doctor
from auditsaas.commands.keys import api_key_group
from auditsaas.commands.mail import mail_group
from auditsaas.commands.members import member_group
from auditsaas.commands.people import user_group
from auditsaas.commands.quota import quota_command
from auditsaas.commands.seals.tree import tree_group
from auditsaas.commands.seals.witness import witness_group
from auditsaas.commands.secret import secret_group
from auditsaas.commands.verify import verify
from auditsaas.commands.workspaces import workspace_group
from auditsaas.demo.command import demo
from auditsaas.exports.command import export_command
from auditsaas.imports.command import import_command
from auditsaas.operations.distribute import distribute
from auditsaas.operations.transfer.command import move_command
from auditsaas.version import version

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


COMMANDS: Final = (
    *(database_group, workspace_group, user_group, member_group, api_key_group, secret_group),
    *(mail_group, import_command, export_command, doctor, distribute, move_command, demo),
    *(verify, version_command, quota_command, tree_group, witness_group),
)
for command in COMMANDS:
    cli.add_command(command)


def main() -> None:
    cli(prog_name="auditsaas")
