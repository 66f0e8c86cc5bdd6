"""``auditsaas secret``: changes SECRET_KEY while people stay signed in."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click
from sqlalchemy.orm import Session

from auditsaas import own_actions
from auditsaas.cli_session import open_session, operator
from auditsaas.events import system_log
from auditsaas.events.system_log import SYSTEM_WORKSPACE_ID
from auditsaas.operations import rights, secret_rotation
from auditsaas.operations.secret_rotation import KnownKeys, Openings
from auditsaas.own_activities import Activity
from config.start import load

ROTATE = "Run: auditsaas secret rotate"
MAY_DROP = (
    "SECRET_KEY_FALLBACKS may be dropped once every process runs with this SECRET_KEY as the new"
    " one; then run: auditsaas db tighten"
)
LOST = (
    "What no key opens is lost: add the key before to SECRET_KEY_FALLBACKS, or let those people"
    " sign in with a recovery code or a passkey and set their app up again."
)


@click.group("secret")
def secret_group() -> None:
    """Change SECRET_KEY: docs/operate.md has the order."""


@secret_group.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def status(context: click.Context, as_json: bool) -> None:
    """Tell which keys open what is sealed; exit code 1 if SECRET_KEY or a fallback is missing."""
    settings = load()
    with open_session(settings, as_owner=True) as session:
        found = secret_rotation.openings(session, settings.secret_keys)
        known = secret_rotation.known_keys(session, settings.secret_keys)
    fallbacks = len(settings.secret_key_fallbacks)
    click.echo(_document(found, known, fallbacks) if as_json else _words(found, known, fallbacks))
    lost = any(each.none for each in found.values())
    context.exit(int(lost or not known.current))


@secret_group.command("rotate")
@click.pass_context
def rotate(context: click.Context) -> None:
    """Seal under SECRET_KEY what a fallback opens; safe to stop, and to run again.

    As the owner of the tables, so MIGRATION_DATABASE_URL must be set.
    """
    settings = load()
    keys = settings.secret_keys
    with open_session(settings, as_owner=True) as session:
        rights.keep_keys(session.connection(), keys)
        session.commit()
        done = secret_rotation.rotate(session, keys, _tell)
        if any(done.values()):
            _record(session, done)
        found = secret_rotation.openings(session, keys)
        known = secret_rotation.known_keys(session, keys)
    for name, changed in done.items():
        click.echo(f"{name}: {changed:,} sealed anew")
    click.echo(_words(found, known, len(keys.fallbacks)))
    context.exit(int(any(each.none for each in found.values())))


def _tell(name: str, looked_at: int, total: int) -> None:
    click.echo(f"{name}: {looked_at:,} of {total:,}", err=True)


def _record(session: Session, done: dict[str, int]) -> None:
    by = operator()
    system_log.admit(session, SYSTEM_WORKSPACE_ID)
    system_log.ensure(session)
    own_actions.record(
        session,
        Activity.SECRET_ROTATE,
        workspaces=[SYSTEM_WORKSPACE_ID],
        actor=by.actor,
        metadata={**by.metadata, "sealed_anew": done},
    )
    session.commit()


def _words(found: dict[str, Openings], known: KnownKeys, fallbacks: int) -> str:
    lines = [
        f"{name}: {each.total:,} sealed, {each.current:,} under SECRET_KEY,"
        f" {each.fallback:,} under a fallback, {each.none:,} under neither"
        for name, each in found.items()
    ]
    lines.append(
        f"scopes: the database {'knows' if known.current else 'does not know'} SECRET_KEY, and"
        f" {known.fallbacks:,} of {fallbacks:,} fallbacks; {known.others:,} other keys"
    )
    return "\n".join([*lines, *_advice(found, known, fallbacks)])


def _advice(found: dict[str, Openings], known: KnownKeys, fallbacks: int) -> list[str]:
    """Tell what to do next."""
    lost = [LOST] if any(each.none for each in found.values()) else []
    if any(each.fallback for each in found.values()) or not known.current:
        return [*lost, ROTATE]
    return [*lost, MAY_DROP] if fallbacks else lost


def _document(found: dict[str, Openings], known: KnownKeys, fallbacks: int) -> str:
    waits = any(each.fallback for each in found.values())
    document: dict[str, Any] = {
        "sealed": {name: asdict(each) for name, each in found.items()},
        "scopes": asdict(known),
        "fallbacks": fallbacks,
        "fallbacks_may_be_dropped": known.current and not waits,
    }
    return json.dumps(document)
