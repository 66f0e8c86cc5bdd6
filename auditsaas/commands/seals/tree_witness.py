"""``auditsaas tree witness``: who cosigns the log of a workspace."""

from __future__ import annotations

from dataclasses import asdict
from typing import TextIO

import click
from sqlalchemy.orm import Session

from auditsaas import own_actions
from auditsaas.cli_errors import Refusal
from auditsaas.cli_session import open_session, operator, workspace_called
from auditsaas.commands.listing import json_option, show
from auditsaas.events.schema import TargetInput
from auditsaas.evidence.format.notes import NoteRefused
from auditsaas.evidence.witnesses import outside, registry
from auditsaas.evidence.witnesses.registry import WantedWitness, Witness
from auditsaas.outgoing.errors import Unanswered
from auditsaas.outgoing.policy import Policy
from auditsaas.own_activities import Activity
from auditsaas.workspaces.models import Workspace
from config.start import load

COLUMNS = (
    *("id", "name", "required", "last_size", "last_at", "last_error", "failing_since"),
    *("next_try_at", "url", "vkey"),
)


@click.group("witness")
def tree_witness_group() -> None:
    """Have the log of a workspace cosigned by others (C2SP tlog-witness)."""


@tree_witness_group.command("add")
@click.argument("slug")
@click.argument("vkey")
@click.argument("url")
@click.option("--name", help="What it is called here; its key's name, if nothing is given.")
@click.option("--required", is_flag=True, help="Nothing counts as cosigned without it.")
def add_command(slug: str, vkey: str, url: str, name: str | None, required: bool) -> None:
    """Ask the witness at URL, whose verifier key is VKEY, to cosign the log of SLUG.

    URL is what stands before /add-checkpoint. The witness is told the log's own key, which
    auditsaas tree status prints.
    """
    settings = load()
    wanted = WantedWitness(
        name=name or vkey.partition("+")[0], vkey=vkey, url=url, required=required
    )
    with open_session(settings) as session:
        workspace = workspace_called(session, slug)
        try:
            added = registry.add(session, Policy.of(settings), workspace.id, wanted)
        except Unanswered as error:
            raise Refusal(str(error)) from error
        _record(session, Activity.TREE_WITNESS_ADD, workspace, added)
        session.commit()
    click.echo(f"{added.name}: is asked from now on")


@tree_witness_group.command("list")
@click.argument("slug")
@json_option
def list_command(slug: str, as_json: bool) -> None:
    """List the witnesses of the log of SLUG, and how it is with each."""
    with open_session() as session:
        workspace = workspace_called(session, slug)
        rows = [asdict(witness) for witness in registry.listed(session, workspace.id)]
    show(rows, COLUMNS, as_json=as_json)


@tree_witness_group.command("remove")
@click.argument("slug")
@click.argument("name")
def remove_command(slug: str, name: str) -> None:
    """Ask the witness NAME of the log of SLUG no more; what it signed is kept."""
    with open_session() as session:
        workspace = workspace_called(session, slug)
        gone = registry.remove(session, workspace.id, name)
        _record(session, Activity.TREE_WITNESS_REMOVE, workspace, gone)
        session.commit()
    click.echo(f"{gone.name}: is asked no more")


@click.command("known")
@click.argument("slug")
@click.argument("note", type=click.File())
def known_command(slug: str, note: TextIO) -> None:
    """Compare the log of SLUG with a checkpoint that was kept elsewhere; NOTE is its file, or -.

    A log that lacks what the checkpoint says signs nothing more from then on, and says why. Do it
    after a restore, before the workers run.
    """
    with open_session() as session:
        workspace = workspace_called(session, slug)
        try:
            head = outside.note_shown(session, workspace.id, "the operator", note.read())
        except NoteRefused as error:
            raise Refusal(f"That is no checkpoint of this log: {error}.") from error
        why = outside.refusal(session, workspace.id)
        session.commit()
    click.echo(why or f"The log has all {head.size:,} events of it, unchanged.")
    if why:
        click.get_current_context().exit(1)


def _record(session: Session, activity: Activity, workspace: Workspace, of: Witness) -> None:
    by = operator()
    facts = {"key": of.vkey, "url": of.url, "required": of.required}
    own_actions.record(
        session,
        activity,
        workspaces=[workspace.id],
        actor=by.actor,
        targets=[TargetInput(type="witness", id=str(of.id), name=of.name)],
        metadata={**by.metadata, **facts},
    )
