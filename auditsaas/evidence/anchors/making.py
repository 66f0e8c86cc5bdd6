"""Anchors one checkpoint at one place, by the way of its kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from cryptography.fernet import InvalidToken
from sqlalchemy.orm import Session

from auditsaas.evidence.anchors import elsewhere, object_lock, places, timestamps
from auditsaas.evidence.anchors.models import AnchorKind
from auditsaas.evidence.anchors.object_lock import Bucket
from auditsaas.evidence.anchors.places import Place
from auditsaas.evidence.anchors.receipt import AnchorFailed, Receipt
from auditsaas.evidence.format.notes import VerifierKey
from auditsaas.evidence.tree.checkpoints import Sealed
from auditsaas.evidence.witnesses import outside
from auditsaas.outgoing.policy import Policy
from auditsaas.outgoing.s3 import Access
from config.secret_keys import SecretKeys


@dataclass(frozen=True)
class Installation:
    """The settings of the installation that anchoring needs."""

    policy: Policy
    keys: SecretKeys
    brand: str


def make(
    session: Session,
    installation: Installation,
    workspace_id: UUID,
    place: Place,
    sealed: Sealed,
) -> Receipt:
    """Anchor a checkpoint by the way of the place's kind.

    Raises:
        AnchorFailed: it is not anchored.
    """
    ways: dict[str, Callable[[], Receipt]] = {
        AnchorKind.TSA: lambda: _stamped(session, installation.policy, place, sealed),
        AnchorKind.S3: lambda: _locked(session, installation, workspace_id, place, sealed),
        AnchorKind.WORKSPACE: lambda: elsewhere.put(
            session, installation.brand, workspace_id, place, sealed
        ),
    }
    return ways[place.kind]()


def _stamped(session: Session, policy: Policy, place: Place, sealed: Sealed) -> Receipt:
    session.commit()  # an authority may be slow, and a connection is not its to hold
    trusted = timestamps.roots(place.config["roots"])
    return timestamps.stamp(policy, place.config["url"], trusted, sealed.note)


def _locked(
    session: Session, installation: Installation, workspace_id: UUID, place: Place, sealed: Sealed
) -> Receipt:
    log_keys = outside.log_keys(session, workspace_id)
    bucket = _bucket(session, installation.keys, workspace_id, place)
    session.commit()  # as above
    _refuse_later(installation.policy, bucket, sealed, log_keys)
    return object_lock.put(installation.policy, bucket, sealed.size, sealed.note)


def _bucket(session: Session, keys: SecretKeys, workspace_id: UUID, place: Place) -> Bucket:
    try:
        secret = places.secret(session, keys, place)
    except InvalidToken as error:
        raise AnchorFailed("Its key can no longer be read: what sealed it is gone.") from error
    access = Access(secret["access_key"], secret["secret_key"], place.config["region"])
    url = str(place.config["url"]).rstrip("/")
    return Bucket(url, str(workspace_id), access, int(place.config["retain_days"]))


def _refuse_later(
    policy: Policy, bucket: Bucket, sealed: Sealed, log_keys: Sequence[VerifierKey]
) -> None:
    """Raise AnchorFailed where the store holds more of this log than there is."""
    later = object_lock.later(policy, bucket, sealed.size, log_keys)
    if later is not None:
        raise AnchorFailed(
            f"The store holds a checkpoint of {later.checkpoint.size:,} events with this log's"
            f" key; this log has {sealed.size:,}.",
            later,
        )
