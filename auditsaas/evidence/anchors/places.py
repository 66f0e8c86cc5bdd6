"""Places where a log is anchored: added, listed and removed; what was anchored stays."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from auditsaas.accounts import encryption
from auditsaas.db.ids import new_id
from auditsaas.errors import Conflict, Invalid, NotFound
from auditsaas.evidence.anchors.models import AnchorKind, AnchorSecret, anchor_places
from auditsaas.outgoing.policy import Policy, check
from config.secret_keys import SecretKeys

MOST: Final = 16
HOURLY, DAILY = 1, 24
LONGEST_RETENTION: Final = 36_500
_NAME: Final = re.compile(r"[^\x00-\x1f\x7f]{1,100}")


@dataclass(frozen=True)
class Place:
    """A place where a log's checkpoints are anchored, and how it is with it."""

    id: UUID
    kind: str
    name: str
    config: Mapping[str, Any]
    hours: int
    last_size: int
    last_at: datetime | None
    last_error: str | None
    failing_since: datetime | None
    attempts: int
    next_try_at: datetime
    added_at: datetime


COLUMNS: Final = tuple(anchor_places.c[name] for name in Place.__dataclass_fields__)


@dataclass(frozen=True, kw_only=True)
class WantedPlace:
    """A place to be added."""

    kind: AnchorKind
    name: str
    hours: int = DAILY
    config: Mapping[str, Any]
    """Of ``s3``: url, region, retain_days; of ``tsa``: url, roots (PEM); of ``workspace``: the
    other's id as ``workspace``, and its slug."""
    secret: Mapping[str, str] | None = None
    """Of ``s3``: access_key and secret_key; it is kept sealed."""


def add(
    session: Session, policy: Policy, keys: SecretKeys, workspace_id: UUID, wanted: WantedPlace
) -> Place:
    """Add a place, to be used at once; flush.

    Raises:
        Invalid: something of it is none, or its address is not spoken to.
        Unanswered: its name leads nowhere.
        Conflict: the log has one of its name, or as many as it may.
    """
    name = wanted.name.strip()
    if not _NAME.fullmatch(name):
        raise Invalid("An anchor has a name of 1 to 100 characters.")
    _check(policy, workspace_id, wanted)
    others = listed(session, workspace_id)
    if len(others) >= MOST or any(other.name == name for other in others):
        raise Conflict(f"A log has at most {MOST} anchors, each of another name.")
    identity = new_id()
    values: dict[str, Any] = {
        "workspace_id": workspace_id,
        "id": identity,
        "kind": wanted.kind.value,
    }
    values |= {"name": name, "config": dict(wanted.config), "hours": wanted.hours}
    session.execute(
        insert(anchor_places).values(values | {"next_try_at": func.now(), "added_at": func.now()})
    )
    if wanted.secret:
        sealed = encryption.seal(keys, json.dumps(dict(wanted.secret)))
        session.add(AnchorSecret(id=identity, sealed=sealed))
        session.flush()
    return next(each for each in listed(session, workspace_id) if each.id == identity)


def listed(session: Session, workspace_id: UUID) -> list[Place]:
    """Return the places of a log, in the order in which they were added."""
    found = (
        select(*COLUMNS)
        .where(anchor_places.c.workspace_id == workspace_id, anchor_places.c.removed_at.is_(None))
        .order_by(anchor_places.c.id)
    )
    return [Place(*row) for row in session.execute(found)]


def remove(session: Session, workspace_id: UUID, name: str) -> Place:
    """Remove a place, and forget its key; flush.

    Raises:
        NotFound: the log has none of this name.
    """
    found = next((each for each in listed(session, workspace_id) if each.name == name), None)
    if found is None:
        raise NotFound(f"This log has no anchor {name}.")
    session.execute(
        update(anchor_places)
        .where(anchor_places.c.workspace_id == workspace_id, anchor_places.c.id == found.id)
        .values(removed_at=func.now())
    )
    session.execute(delete(AnchorSecret).where(AnchorSecret.id == found.id))
    return found


def secret(session: Session, keys: SecretKeys, place: Place) -> dict[str, str]:
    """Open the key of a place.

    Raises:
        cryptography.fernet.InvalidToken: none of the secrets opens it.
    """
    sealed = session.scalars(select(AnchorSecret.sealed).where(AnchorSecret.id == place.id)).one()
    opened: dict[str, str] = json.loads(encryption.unseal(keys, sealed))
    return opened


def _check(policy: Policy, workspace_id: UUID, wanted: WantedPlace) -> None:
    """Check what a kind needs."""
    config = wanted.config
    if wanted.hours not in (HOURLY, DAILY):
        raise Invalid("An anchor is made hourly or daily.")
    if wanted.kind in (AnchorKind.S3, AnchorKind.TSA):
        check(policy, str(config["url"]))
    if wanted.kind == AnchorKind.TSA:
        from auditsaas.evidence.anchors import timestamps

        timestamps.roots(str(config["roots"]))
    elif wanted.kind == AnchorKind.S3 and not 1 <= config["retain_days"] <= LONGEST_RETENTION:
        raise Invalid(f"Checkpoints are locked for 1 to {LONGEST_RETENTION:,} days.")
    elif wanted.kind == AnchorKind.WORKSPACE and config["workspace"] == str(workspace_id):
        raise Invalid("A log is anchored in the log of another workspace.")
