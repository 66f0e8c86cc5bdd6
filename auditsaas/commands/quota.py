"""``auditsaas quota``: what a workspace may use, beside what the installation allows all."""

from __future__ import annotations

import click

from auditsaas.cli_session import open_session, operator, workspace_called
from auditsaas.own_actions import record
from auditsaas.own_activities import Activity
from auditsaas.quotas.known import QUOTAS
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from config.start import load

NAMES = tuple(quota.name for quota in QUOTAS)
INHERIT = "default"


@click.command("quota")
@click.argument("slug")
@click.argument("changes", metavar="[NAME=AMOUNT]...", nargs=-1)
def quota_command(slug: str, changes: tuple[str, ...]) -> None:
    """Show the quotas of the workspace SLUG, or set some of them.

    NAME is events, mib (both a day), seconds (of work, a minute) or jobs; AMOUNT a whole number, 0
    for no bound, or “default” for what the installation allows. Setting them takes the owner of the
    tables.
    """
    made, by = load(), operator()
    wanted = dict(_read(change) for change in changes)
    with open_session(made, as_owner=bool(wanted)) as session:
        workspace = workspace_called(session, slug)
        if wanted:
            before = workspace.quotas
            merged = {**before, **wanted}
            workspace.quotas = {name: of for name, of in merged.items() if of is not None}
            record(
                session,
                Activity.WORKSPACE_UPDATE,
                workspaces=[workspace.id],
                actor=by.actor,
                metadata={"quotas": workspace.quotas, "before": before, **by.metadata},
            )
            session.commit()
        _show(workspace, made)


def _read(change: str) -> tuple[str, int | None]:
    name, equals, amount = change.partition("=")
    if name not in NAMES or not equals:
        raise click.BadParameter(f"{change} is not NAME=AMOUNT; names are {', '.join(NAMES)}.")
    if amount == INHERIT:
        return name, None
    if not (amount.isascii() and amount.isdigit() and len(amount) < 16):
        raise click.BadParameter(f"{name} takes a whole number or {INHERIT}, not {amount}.")
    return name, int(amount)


def _show(workspace: Workspace, made: Settings) -> None:
    for quota in QUOTAS:
        own = workspace.quotas.get(quota.name)
        amount = getattr(made, quota.setting) if own is None else own
        whose = "the installation's" if own is None else "its own"
        click.echo(f"{quota.name}: {f'{amount:,}' if amount else 'no bound'} ({whose})")
