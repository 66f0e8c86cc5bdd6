"""Fills the demo: workspaces, the three people who sign in, a key, and activity.

Everything is looked for before it is made, and events carry idempotency keys, so a start that was
cut off is completed by the next one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from auditsaas.accounts import passwords
from auditsaas.accounts.models import User
from auditsaas.accounts.service import create_user, find_by_email
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.demo.activity import generate
from auditsaas.demo.credentials import Account, Credentials
from auditsaas.demo.people import WORKSPACES
from auditsaas.events.event_sources import CLI
from auditsaas.events.models import log_heads
from auditsaas.events.schema import from_mapping
from auditsaas.events.writing.append import MAX_BATCH, append
from auditsaas.permissions import ApiScope, Role
from auditsaas.workspaces.api_keys import authenticate_key, create_api_key
from auditsaas.workspaces.models import Membership
from auditsaas.workspaces.service import add_member, create_workspace, find_workspace

SEED = 20_261_119
ADMINISTERED = ("acme", "globex")
AUDITED = ("acme",)
KEY_OF = "acme"


def ensure_workspaces(session: Session) -> dict[str, UUID]:
    """Make the demo's missing workspaces, return all by slug, and bind them as the scope."""
    found = {
        demo.slug: find_workspace(session, demo.slug)
        or create_workspace(session, demo.name, demo.slug)
        for demo in WORKSPACES
    }
    for demo in WORKSPACES:
        found[demo.slug].time_zone = demo.zone
    ids = {slug: workspace.id for slug, workspace in found.items()}
    tenancy.bind(Scope.of(*ids.values()), session)
    return ids


def ensure_super_admin(owner: Session, credentials: Credentials) -> None:
    """Make the account that reads every workspace, which only the owner of the tables can make."""
    _ensure_user(owner, credentials.super_admin, is_super_admin=True)


def ensure_people(session: Session, ids: dict[str, UUID], credentials: Credentials) -> UUID:
    """Make the members' accounts, with the passwords that are printed and their memberships.

    Returns the admin's id.
    """
    admin = _ensure_user(session, credentials.admin)
    auditor = _ensure_user(session, credentials.auditor)
    for slug in ADMINISTERED:
        _ensure_member(session, ids[slug], admin, Role.ADMIN)
    for slug in AUDITED:
        _ensure_member(session, ids[slug], auditor, Role.AUDITOR)
    return admin.id


def ensure_key(session: Session, ids: dict[str, UUID], known: str | None) -> str:
    """Make a key of acme with every scope, unless the known one still works; return it."""
    if known is not None and authenticate_key(known, session) is not None:
        return known
    tenancy.bind(Scope.of(ids[KEY_OF]), session)
    made = create_api_key(session, ids[KEY_OF], name="Demo", scopes=frozenset(ApiScope))
    return made.secret


def log_is_empty(session: Session, ids: dict[str, UUID]) -> bool:
    return not session.scalar(
        select(func.sum(log_heads.c.seq)).where(log_heads.c.workspace_id.in_(ids.values()))
    )


def add_activity(
    session: Session,
    ids: dict[str, UUID],
    *,
    total: int,
    until: datetime,
    progress: Callable[[int], object] = lambda _events: None,
) -> None:
    """Append ``total`` events that end at ``until``, a committed batch at a time.

    The same arguments add what an earlier call did not get to, and nothing twice.
    """
    tenancy.bind(Scope.of(*ids.values()), session)
    now = datetime.now(UTC)
    waiting: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)

    def store(slug: str) -> None:
        events = waiting.pop(slug)
        made = [from_mapping(event, now) for event in events]
        append(session, ids[slug], made, source=CLI)
        session.commit()
        progress(len(events))

    for slug, event in generate(seed=SEED, total=total, now=until):
        waiting[slug].append(event)
        if len(waiting[slug]) == MAX_BATCH:
            store(slug)
    for slug in list(waiting):
        store(slug)


def _ensure_user(session: Session, account: Account, *, is_super_admin: bool = False) -> User:
    user = find_by_email(session, account.email)
    if user is None:
        return create_user(
            session,
            account.email,
            name=account.name,
            password=account.password,
            is_super_admin=is_super_admin,
        )
    if not passwords.matches(account.password, user.password_hash):
        user.password_hash = passwords.hashed(account.password)
    return user


def _ensure_member(session: Session, workspace_id: UUID, user: User, role: Role) -> None:
    if session.get(Membership, (workspace_id, user.id)) is None:
        add_member(session, workspace_id, user.id, role)
