"""``auditsaas tree key-rotate|begin-anew``: changes the key of a log, or closes it for another."""

from __future__ import annotations

import click

from auditsaas.cli_errors import Refusal
from auditsaas.cli_session import open_session, operator, workspace_called
from auditsaas.evidence.tree.keys import Keyring
from auditsaas.evidence.tree.upkeep import beginning, rotation
from auditsaas.evidence.tree.upkeep.beginning import NotBegun
from config.start import load


@click.command("key-rotate")
@click.argument("slug")
def key_rotate_command(slug: str) -> None:
    """Give the log of SLUG another key, which signs beside the old one until that is followed.

    With TREE_KEYS, run it as the account of the maintenance worker, whose folder it is.
    """
    settings = load()
    with open_session(settings) as session:
        workspace = workspace_called(session, slug)
        try:
            made = rotation.rotate(session, workspace.id, Keyring.of(settings), operator())
        except LookupError as error:
            raise Refusal(str(error)) from error
        session.commit()
    click.echo(f"{slug}: both keys sign from now on; the new one is\n{made}")


@click.command("begin-anew")
@click.argument("slug")
@click.option("--reason", required=True, help="Told in the log and on its page.")
@click.option("--rebuild", is_flag=True, help="Make the stored tree anew, too; it is not whole.")
def begin_anew_command(slug: str, reason: str, rebuild: bool) -> None:
    """Close the sealed log of SLUG, which can sign nothing more, and begin another.

    As the owner of the tables. What was signed stays true of a log that ends there; checkpoints of
    the new one have an origin and a key of their own, which auditors have to be given.
    """
    settings = load()
    if not reason.strip():
        raise Refusal("--reason must say why.")
    ring = Keyring.of(settings)
    with open_session(settings, as_owner=True) as session:
        workspace = workspace_called(session, slug)
        try:
            begun = beginning.begin_anew(
                session, workspace.id, ring, operator(), reason.strip(), rebuild=rebuild
            )
        except NotBegun as error:
            raise Refusal(str(error)) from error
        session.commit()
        rotation.destroy_retired(session, workspace.id, ring)
    click.echo(f"{slug}: {begun.closed} is closed, and {begun.origin} begins")
