"""API keys: made once, shown once, kept as a hash.

A key reads ``aud_<public id>_<secret><checksum>``. The public id finds it and may be shown; the
checksum lets a typing error, or a scanner of leaked secrets, be answered without the database.
"""

from __future__ import annotations

import hmac
import re
import secrets
import string
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from uuid import UUID

from sqlalchemy import bindparam, literal_column, select, update
from sqlalchemy.orm import Session

from auditsaas import tokens
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.errors import Forbidden, Invalid
from auditsaas.events.writing.sender import STATE, Sender
from auditsaas.extensions import db
from auditsaas.formatting.one_line import one_line
from auditsaas.permissions import ApiScope
from auditsaas.workspaces.models import ApiKey, ApiKeyLookup, ReadRecording, Workspace
from auditsaas.workspaces.networks import holds

ALPHABET = string.digits + string.ascii_letters
PUBLIC_LENGTH = 12
SECRET_LENGTH = 32  # 190 random bits
CHECKSUM_LENGTH = 6
MAX_NAME = 100
USE_NOTED_EVERY = timedelta(minutes=1)
MAX_TENANTS_KEPT = 100_000

_table, _workspaces = ApiKey.__table__, Workspace.__table__
FIND_KEY = select(
    _table.c.id,
    _table.c.name,
    _table.c.scopes,
    _table.c.secret_hash,
    _table.c.revoked_at,
    _table.c.expires_at,
    _table.c.last_used_at,
    _table.c.allowed_networks,
    _workspaces.c.suspended_at,
    _workspaces.c.retention_days,
    _workspaces.c.legal_hold,
    _workspaces.c.read_recording,
    _workspaces.c.quotas,
    literal_column(STATE).label("seen"),
).where(
    _table.c.workspace_id == bindparam("tenant"),
    _table.c.public_id == bindparam("public_id"),
    _workspaces.c.id == _table.c.workspace_id,
)

_KEY = re.compile(
    rf"(?P<body>aud_(?P<public>[0-9A-Za-z]{{{PUBLIC_LENGTH}}})_[0-9A-Za-z]{{{SECRET_LENGTH}}})"
    rf"(?P<checksum>[0-9A-Za-z]{{{CHECKSUM_LENGTH}}})"
)


@dataclass(frozen=True)
class NewKey:
    key: ApiKey
    secret: str
    """The whole key, which cannot be read again."""


@dataclass(frozen=True)
class KeyAccess:
    """The access that a key gives a request."""

    workspace_id: UUID
    key_id: UUID
    name: str
    scopes: frozenset[ApiScope]
    kept_days: int | None = None
    """The workspace's retention; None where it removes no events."""
    use_noted: bool = False
    """Whether this use was noted, which is then to be committed before anything else."""
    read_recording: str = ReadRecording.HOURLY
    """How the workspace has reads of its log recorded."""
    quotas: Mapping[str, int] | None = None
    """The workspace's own quotas, by name; None where they are all the installation's."""
    allowed_networks: tuple[str, ...] = ()
    seen: str = ""
    """All of this as the database writes it."""

    @property
    def sender(self) -> Sender:
        return Sender(key_id=self.key_id, seen=self.seen)


def create_api_key(
    session: Session,
    workspace_id: UUID,
    *,
    name: str,
    scopes: frozenset[ApiScope],
    created_by: UUID | None = None,
    expires_at: datetime | None = None,
    number: int | None = None,
) -> NewKey:
    """Make a key; the session's scope must hold the workspace.

    Its secret is random, or follows from ``number``, which must be as hard to guess.

    Raises:
        Invalid: no scope, or a name that cannot be used.
    """
    name = one_line(name, "A key name", MAX_NAME)
    if not scopes:
        raise Invalid("A key needs at least one scope.")
    public_id = _random_text(PUBLIC_LENGTH)
    secret = _written(public_id, number)
    key = ApiKey(
        workspace_id=workspace_id,
        public_id=public_id,
        secret_hash=tokens.digest(secret),
        name=name,
        scopes=sorted(scopes),
        created_by=created_by,
        expires_at=expires_at,
    )
    session.add_all([key, ApiKeyLookup(public_id=public_id, tenant=workspace_id)])
    session.flush()
    return NewKey(key, secret)


def made_before(key: ApiKey, number: int) -> NewKey | None:
    """Make the key of ``number`` again; None where it is another's number."""
    secret = _written(key.public_id, number)
    if not hmac.compare_digest(key.secret_hash, tokens.digest(secret)):
        return None
    return NewKey(key, secret)


def _written(public_id: str, number: int | None) -> str:
    text = _random_text(SECRET_LENGTH) if number is None else _digits(number, SECRET_LENGTH)
    body = f"aud_{public_id}_{text}"
    return body + _checksum(body)


def well_formed(secret: str) -> bool:
    """Check that it is written as keys are, checksum included, whatever it opens."""
    return _parsed(secret) is not None


def authenticate_key(
    secret: str,
    session: Session | None = None,
    now: datetime | None = None,
    *,
    address: str | None = None,
) -> KeyAccess | None:
    """Authenticate a key's secret; None for anything but a live key.

    Binds the session to the key's workspace. The use is noted at most once a minute; commit before
    the request's own work, so that the note neither waits for that work nor holds up others.

    Raises:
        Forbidden: the key is right, but does not allow ``address``, or its workspace is suspended.
    """
    session = session or db.session()
    now = now or datetime.now(UTC)
    parsed = _parsed(secret)
    if parsed is None:
        return None
    tenant = _tenant_of(session, parsed["public"])
    if tenant is None:
        return None
    tenancy.bind(Scope.of(tenant), session)
    key = session.execute(FIND_KEY, {"tenant": tenant, "public_id": parsed["public"]}).one_or_none()
    if key is None or not hmac.compare_digest(key.secret_hash, tokens.digest(secret)):
        return None
    if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
        return None
    if key.suspended_at is not None:
        raise Forbidden("The workspace of this key is suspended.")
    access = KeyAccess(
        tenant,
        key.id,
        key.name,
        _scopes(tuple(key.scopes)),
        None if key.legal_hold else key.retention_days,
        key.last_used_at is None or key.last_used_at <= now - USE_NOTED_EVERY,
        key.read_recording,
        key.quotas,
        tuple(key.allowed_networks),
        key.seen,
    )
    if not allows(access, address):
        raise Forbidden(f"This key may not be used from {address or 'here'}.")
    if access.use_noted:
        session.execute(
            update(ApiKey)
            .where(ApiKey.workspace_id == tenant, ApiKey.id == key.id)
            .values(last_used_at=now)
        )
    return access


def allows(access: KeyAccess, address: str | None) -> bool:
    """Tell whether a key may be used from an address."""
    return not access.allowed_networks or holds(access.allowed_networks, address)


_tenants: dict[str, UUID] = {}
"""Public id → workspace, which never changes; what the key may do is read at every request."""


def _tenant_of(session: Session, public_id: str) -> UUID | None:
    known = _tenants.get(public_id)
    if known is None:
        known = session.scalar(
            select(ApiKeyLookup.tenant).where(ApiKeyLookup.public_id == public_id)
        )
        if known is not None and len(_tenants) < MAX_TENANTS_KEPT:
            _tenants[public_id] = known
    return known


@cache
def _scopes(names: tuple[str, ...]) -> frozenset[ApiScope]:
    return frozenset(map(ApiScope, names))


def _parsed(secret: str) -> re.Match[str] | None:
    parsed = _KEY.fullmatch(secret)
    if parsed is None or parsed["checksum"] != _checksum(parsed["body"]):
        return None
    return parsed


def _random_text(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _checksum(body: str) -> str:
    return _digits(zlib.crc32(body.encode()), CHECKSUM_LENGTH)


def _digits(number: int, length: int) -> str:
    """Write the last digits of a number in the alphabet of keys."""
    text = ""
    for _ in range(length):
        number, digit = divmod(number, len(ALPHABET))
        text = ALPHABET[digit] + text
    return text
