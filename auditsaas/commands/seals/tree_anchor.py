"""``auditsaas tree anchor``: where checkpoints of a workspace's log are kept besides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, TextIO

import click
from sqlalchemy.orm import Session

from auditsaas import own_actions
from auditsaas.cli_errors import Refusal
from auditsaas.cli_session import open_session, operator, tenant_called, workspace_called
from auditsaas.commands.listing import json_option, show
from auditsaas.events.schema import TargetInput
from auditsaas.evidence.anchors import places
from auditsaas.evidence.anchors.models import AnchorKind
from auditsaas.evidence.anchors.places import DAILY, HOURLY, Place, WantedPlace
from auditsaas.outgoing.errors import Unanswered
from auditsaas.outgoing.policy import Policy
from auditsaas.own_activities import Activity
from auditsaas.workspaces.models import Workspace
from config.start import load

COLUMNS = (
    *("id", "name", "kind", "hours", "last_size", "last_at", "last_error", "failing_since"),
    *("next_try_at", "config"),
)
often = click.option("--hourly", is_flag=True, help="Every hour, and not once a day.")
named = click.option("--name", required=True, help="What it is called here.")


@click.group("anchor")
def tree_anchor_group() -> None:
    """Keep checkpoints of a workspace's log at places that its server cannot rewrite."""


@tree_anchor_group.command("add-store")
@click.argument("slug")
@click.argument("url")
@named
@click.option("--access-key", required=True, help="The key's public half.")
@click.option("--secret-key", prompt=True, hide_input=True, help="Asked for, if not given.")
@click.option("--region", default="us-east-1", show_default=True)
@click.option(
    "--retain-days", type=int, default=3650, show_default=True, help="Locked for so long."
)
@often
def add_store_command(slug: str, url: str, name: str, hourly: bool, **given: Any) -> None:
    """Keep checkpoints of the log of SLUG in the bucket at URL, which has Object Lock on.

    Each is locked in compliance mode, so it cannot be removed before its day. The key needs
    s3:PutObject, s3:PutObjectRetention, s3:GetObjectRetention, s3:GetObject and s3:ListBucket.
    """
    secret = {name: given[name] for name in ("access_key", "secret_key")}
    config = {
        "url": url.rstrip("/"),
        "region": given["region"],
        "retain_days": given["retain_days"],
    }
    wanted = WantedPlace(
        kind=AnchorKind.S3, name=name, hours=_hours(hourly), config=config, secret=secret
    )
    _add(slug, wanted)


@tree_anchor_group.command("add-timestamps")
@click.argument("slug")
@click.argument("url")
@click.argument("roots", type=click.File())
@named
@often
def add_timestamps_command(slug: str, url: str, roots: TextIO, name: str, hourly: bool) -> None:
    """Have checkpoints of the log of SLUG time-stamped by the authority at URL (RFC 3161).

    ROOTS is a PEM file with the certificates that its time-stamps lead to.
    """
    config = {"url": url, "roots": roots.read()}
    _add(slug, WantedPlace(kind=AnchorKind.TSA, name=name, hours=_hours(hourly), config=config))


@tree_anchor_group.command("add-workspace")
@click.argument("slug")
@click.argument("other")
@click.option("--name", help="What it is called here; the other's slug, if nothing is given.")
@often
def add_workspace_command(slug: str, other: str, name: str | None, hourly: bool) -> None:
    """Keep checkpoints of the log of SLUG as events of the workspace OTHER."""
    with open_session() as session:
        there = tenant_called(session, other)
        config = {"workspace": str(there.id), "slug": there.slug}
    _add(
        slug,
        WantedPlace(
            kind=AnchorKind.WORKSPACE, name=name or other, hours=_hours(hourly), config=config
        ),
    )


@tree_anchor_group.command("list")
@click.argument("slug")
@json_option
def list_command(slug: str, as_json: bool) -> None:
    """List where checkpoints of the log of SLUG are kept, and how it is with each."""
    with open_session() as session:
        workspace = workspace_called(session, slug)
        rows = [
            asdict(place) | {"config": _shown(place)}
            for place in places.listed(session, workspace.id)
        ]
    show(rows, COLUMNS, as_json=as_json)


@tree_anchor_group.command("remove")
@click.argument("slug")
@click.argument("name")
def remove_command(slug: str, name: str) -> None:
    """Keep no more checkpoints of the log of SLUG at NAME; those that are there stay."""
    with open_session() as session:
        workspace = workspace_called(session, slug)
        gone = places.remove(session, workspace.id, name)
        _record(session, Activity.ANCHOR_REMOVE, workspace, gone)
        session.commit()
    click.echo(f"{gone.name}: is used no more")


def _add(slug: str, wanted: WantedPlace) -> None:
    settings = load()
    with open_session(settings) as session:
        workspace = workspace_called(session, slug)
        policy = Policy.of(settings)
        try:
            added = places.add(session, policy, settings.secret_keys, workspace.id, wanted)
        except Unanswered as error:
            raise Refusal(str(error)) from error
        _record(session, Activity.ANCHOR_ADD, workspace, added)
        session.commit()
    click.echo(f"{added.name}: is used from now on")


def _hours(hourly: bool) -> int:
    return HOURLY if hourly else DAILY


def _shown(place: Place) -> Mapping[str, Any]:
    """Return what a place is configured with, without certificates, which are long."""
    return {name: value for name, value in place.config.items() if name != "roots"}


def _record(session: Session, activity: Activity, workspace: Workspace, place: Place) -> None:
    by = operator()
    own_actions.record(
        session,
        activity,
        workspaces=[workspace.id],
        actor=by.actor,
        targets=[TargetInput(type="anchor", id=str(place.id), name=place.name)],
        metadata={**by.metadata, "kind": place.kind, "hours": place.hours, **_shown(place)},
    )
