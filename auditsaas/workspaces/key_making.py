"""Makes API keys on behalf of a person, and records it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from auditsaas.events.schema import TargetInput
from auditsaas.own_activities import Activity
from auditsaas.permissions import ApiScope
from auditsaas.workspaces.acting_member import ActingMember
from auditsaas.workspaces.api_keys import NewKey, create_api_key
from auditsaas.workspaces.models import ApiKey


def create(
    session: Session,
    actor: ActingMember,
    *,
    name: str,
    scopes: frozenset[ApiScope],
    expires_at: datetime | None,
    networks: list[str],
    number: int | None = None,
) -> NewKey:
    """Make a key and record it.

    Raises:
        Invalid: no scope, or a name that cannot be used.
    """
    made = create_api_key(
        session,
        actor.workspace_id,
        name=name,
        scopes=scopes,
        created_by=actor.user_id,
        expires_at=expires_at,
        number=number,
    )
    made.key.allowed_networks = networks
    session.flush()
    record_made(session, actor, made.key)
    return made


def record_made(session: Session, actor: ActingMember, key: ApiKey) -> None:
    actor.record(
        session,
        Activity.API_KEY_CREATE,
        targets=[target(key)],
        status_code=200,  # the page that shows the secret
        changes={
            "name": [None, key.name],
            "scopes": [None, key.scopes],
            "expires_at": [None, key.expires_at.isoformat() if key.expires_at else None],
            "allowed_networks": [None, key.allowed_networks],
        },
    )


def target(key: ApiKey) -> TargetInput:
    return TargetInput(type="api_key", id=str(key.id), name=key.name)
