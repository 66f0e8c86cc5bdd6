"""The operator's command line, ``auditsaas``; a command's module is loaded once it is called."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import click

from auditsaas import cli_errors

HELP: Final = {"help_option_names": ["-h", "--help"]}


@dataclass(frozen=True)
class Place:
    """The module of a command, and the words of the list of commands."""

    module: str
    name: str
    words: str
    """The first paragraph of its help."""

    def command(self) -> click.Command:
        found: click.Command = getattr(import_module(self.module), self.name)
        return found


COMMANDS: Final = {
    "api-key": Place(
        "auditsaas.commands.keys",
        "api_key_group",
        "Manage the keys that applications send events with.",
    ),
    "db": Place(
        "auditsaas.commands.database",
        "database_group",
        "Manage the database.",
    ),
    "demo": Place(
        "auditsaas.demo.command",
        "demo",
        "Fill a demo once and run it until Ctrl-C; a later start keeps its data.",
    ),
    "distribute": Place(
        "auditsaas.operations.distribute",
        "distribute",
        "Spread the tables over a Citus cluster; does nothing on plain PostgreSQL, or again.",
    ),
    "doctor": Place(
        "auditsaas.commands.doctor",
        "doctor",
        "Check settings, database, Redis, workers, storage and mail; say what to do about each.",
    ),
    "export": Place(
        "auditsaas.exports.command",
        "export_command",
        "Write the log of the workspace SLUG, or what of it matches a filter, newest first.",
    ),
    "import": Place(
        "auditsaas.imports.command",
        "import_command",
        "Import log files, plain or gzip, into the workspace SLUG; - is standard input.",
    ),
    "mail": Place(
        "auditsaas.commands.mail",
        "mail_group",
        "Manage mails.",
    ),
    "member": Place(
        "auditsaas.commands.members",
        "member_group",
        "Manage the members of a workspace.",
    ),
    "move": Place(
        "auditsaas.operations.transfer.command",
        "move_command",
        "Copy this installation into an empty database of any version of PostgreSQL.",
    ),
    "quota": Place(
        "auditsaas.commands.quota",
        "quota_command",
        "Show the quotas of the workspace SLUG, or set some of them.",
    ),
    "secret": Place(
        "auditsaas.commands.secret",
        "secret_group",
        "Change SECRET_KEY: docs/operate.md has the order.",
    ),
    "tree": Place(
        "auditsaas.commands.seals.tree",
        "tree_group",
        "Look after the tree over a log, by which a stranger can check what is in it.",
    ),
    "user": Place(
        "auditsaas.commands.people",
        "user_group",
        "Manage people.",
    ),
    "verify": Place(
        "auditsaas.commands.verify",
        "verify",
        "Compare every log with its seal, its numbering and its counts, and files with their rows.",
    ),
    "version": Place(
        "auditsaas.commands.about",
        "version_command",
        "Tell the version of the product, of Python, and the schema that it needs.",
    ),
    "welcome": Place(
        "auditsaas.commands.welcome",
        "welcome_command",
        "Print a link that makes the first super-admin, workspace and key; the one before ends.",
    ),
    "witness": Place(
        "auditsaas.commands.seals.witness",
        "witness_group",
        "Be a witness for logs of others; all but “list” as the owner of the tables.",
    ),
    "workspace": Place(
        "auditsaas.commands.workspaces",
        "workspace_group",
        "Manage workspaces.",
    ),
}


class Commands(click.Group):
    """A group that loads the command it runs, and says errors in a sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = COMMANDS.get(cmd_name)
        return place.command() if place else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands as click does, of their words alone."""
        width = formatter.width - 6 - max(map(len, COMMANDS))
        named = [
            (name, click.Command(name, help=COMMANDS[name].words)) for name in sorted(COMMANDS)
        ]
        with formatter.section("Commands"):
            formatter.write_dl([(name, each.get_short_help_str(width)) for name, each in named])

    def invoke(self, ctx: click.Context) -> Any:
        if ctx.params.get("traceback"):
            return super().invoke(ctx)
        with cli_errors.errors_as_sentences():
            return super().invoke(ctx)


@click.group(cls=Commands, context_settings=HELP)
@click.version_option(
    package_name="auditsaas", prog_name="AuditSaaS", message="%(prog)s %(version)s"
)
@click.option("--traceback", is_flag=True, help="Show where in the code a command went wrong.")
def cli(traceback: bool) -> None:  # read by Commands
    """Operate an AuditSaaS installation: its database, people, workspaces, keys and files.

    Settings come from the environment (DATABASE_URL, DATA_DIR and so on).
    """


def main() -> None:
    cli(prog_name="auditsaas")
