"""``auditsaas witness``: this installation as a witness of other logs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click
from sqlalchemy.orm import Session

from auditsaas import own_actions
from auditsaas.cli_session import open_session, operator
from auditsaas.commands.listing import json_option, show
from auditsaas.events import system_log
from auditsaas.events.schema import TargetInput
from auditsaas.events.system_log import SYSTEM_WORKSPACE_ID
from auditsaas.evidence.witnesses import known_logs, own_key
from auditsaas.own_activities import Activity
from config.start import load

COLUMNS = ("origin", "size", "at", "vkeys")


@click.group("witness")
def witness_group() -> None:
    """Be a witness for logs of others; all but “list” as the owner of the tables."""


@witness_group.command("key")
def key_command() -> None:
    """Print the key and the address by which others ask this witness; made at the first time."""
    settings = load()
    with open_session(settings, as_owner=True) as session:
        made = own_key.made(session, settings.secret_keys, settings.base_url)
        session.commit()
    click.echo(str(made.verifier))
    click.echo(f"{settings.base_url}/witness")


@witness_group.command("add-log")
@click.argument("vkey")
def add_log_command(vkey: str) -> None:
    """Cosign the log whose verifier key is VKEY, or take another key of a log that is known."""
    settings = load()
    with open_session(settings, as_owner=True) as session:
        own_key.made(session, settings.secret_keys, settings.base_url)
        added = known_logs.add(session, vkey)
        _record(session, Activity.WITNESS_ADD_LOG, added.origin, {"key": vkey})
        session.commit()
    click.echo(f"{added.origin}: its checkpoints are cosigned from now on")


@witness_group.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """List the logs that are cosigned here, and how far each was."""
    with open_session() as session:
        rows = [asdict(log) for log in known_logs.listed(session)]
    show(rows, COLUMNS, as_json=as_json)


@witness_group.command("remove-log")
@click.argument("origin")
def remove_log_command(origin: str) -> None:
    """Cosign the log ORIGIN no more; what was cosigned stays true."""
    with open_session(as_owner=True) as session:
        gone = known_logs.remove(session, origin)
        _record(session, Activity.WITNESS_REMOVE_LOG, origin, {"size": gone.size})
        session.commit()
    click.echo(f"{origin}: is cosigned no more")


def _record(session: Session, activity: Activity, origin: str, facts: dict[str, Any]) -> None:
    """Record in the log of the installation what the operator did."""
    by = operator()
    system_log.admit(session, SYSTEM_WORKSPACE_ID)
    system_log.ensure(session)
    own_actions.record(
        session,
        activity,
        workspaces=[SYSTEM_WORKSPACE_ID],
        actor=by.actor,
        targets=[TargetInput(type="log", id=origin[:256])],
        metadata={**by.metadata, **facts},
    )
