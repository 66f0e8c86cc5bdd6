"""Sign-in sessions, kept on the server; a browser holds a random id and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session

from auditsaas import tokens
from auditsaas.accounts.models import SignInSession, User
from auditsaas.own_actions import MAX_USER_AGENT, RequestFacts

IDLE_LIMIT = timedelta(hours=12)
ABSOLUTE_LIMIT = timedelta(days=7)
AWAITING_LIMIT = timedelta(minutes=10)
SEEN_NOTED_EVERY = timedelta(minutes=1)


LIVE: Final = (
    SignInSession.expires_at > bindparam("now"),
    SignInSession.last_seen_at > bindparam("idle_since"),
    SignInSession.awaits_second_factor.is_(False),
    User.disabled_at.is_(None),
)
"""The conditions of a session that signs its person in ``now``, with ``IDLE_LIMIT`` before it."""


def start(
    session: Session,
    user_id: UUID,
    facts: RequestFacts | None = None,
    now: datetime | None = None,
    *,
    second_factor: bool = False,
    awaits_second_factor: bool = False,
) -> str:
    """Start a session and return its id, stored only as a hash; delete the person's expired ones.

    One that ``awaits_second_factor`` does not sign in: it only remembers that the password was
    right, and whose.
    """
    now = now or datetime.now(UTC)
    session.execute(
        delete(SignInSession).where(
            SignInSession.user_id == user_id,
            (SignInSession.expires_at <= now) | (SignInSession.last_seen_at <= now - IDLE_LIMIT),
        )
    )
    session_id = tokens.new()
    agent = facts.user_agent if facts else None
    session.add(
        SignInSession(
            id_hash=tokens.digest(session_id),
            user_id=user_id,
            created_at=now,
            last_seen_at=now,
            expires_at=now + (AWAITING_LIMIT if awaits_second_factor else ABSOLUTE_LIMIT),
            confirmed_at=None if awaits_second_factor else now,
            second_factor_at=now if second_factor else None,
            awaits_second_factor=awaits_second_factor,
            ip=facts.ip if facts else None,
            user_agent=agent.replace("\x00", "")[:MAX_USER_AGENT] if agent else None,
        )
    )
    session.flush()
    return session_id


def find_awaiting(session: Session, session_id: str, now: datetime | None = None) -> User | None:
    """Find the person of a session that awaits the second factor."""
    now = now or datetime.now(UTC)
    return session.scalar(
        select(User)
        .join(SignInSession, SignInSession.user_id == User.id)
        .where(
            SignInSession.id_hash == tokens.digest(session_id),
            SignInSession.expires_at > now,
            SignInSession.awaits_second_factor,
            User.disabled_at.is_(None),
        )
    )


def live_sessions(
    session: Session, user_id: UUID, now: datetime | None = None
) -> Sequence[SignInSession]:
    """List the browsers where a person is signed in, the last used first."""
    now = now or datetime.now(UTC)
    return session.scalars(
        select(SignInSession)
        .where(
            SignInSession.user_id == user_id,
            SignInSession.expires_at > now,
            SignInSession.last_seen_at > now - IDLE_LIMIT,
            SignInSession.awaits_second_factor.is_(False),
        )
        .order_by(SignInSession.last_seen_at.desc())
    ).all()


def note_use(session: Session, session_id: str, now: datetime | None = None) -> None:
    """Extend the session's idle limit."""
    now = now or datetime.now(UTC)
    session.execute(
        update(SignInSession)
        .where(SignInSession.id_hash == tokens.digest(session_id), SignInSession.last_seen_at < now)
        .values(last_seen_at=now)
    )


def confirm(
    session: Session, session_id: str, *, second_factor: bool, now: datetime | None = None
) -> str:
    """Note that the person has shown again who they are; return the session's new id.

    The one before no longer signs in (ASVS 5.0, 7.2.4).
    """
    now, new_id = now or datetime.now(UTC), tokens.new()
    before = session.get_one(SignInSession, tokens.digest(session_id))
    session.add(
        SignInSession(
            id_hash=tokens.digest(new_id),
            user_id=before.user_id,
            created_at=before.created_at,
            last_seen_at=now,
            expires_at=before.expires_at,
            confirmed_at=now,
            second_factor_at=now if second_factor else before.second_factor_at,
            ip=before.ip,
            user_agent=before.user_agent,
        )
    )
    session.delete(before)
    session.flush()
    return new_id


def end(session: Session, session_id: str) -> None:
    session.execute(delete(SignInSession).where(SignInSession.id_hash == tokens.digest(session_id)))


def end_all(session: Session, user_id: UUID, *, but: str | None = None) -> int:
    """End a person's sessions, all or all ``but`` one; how many there were."""
    gone = delete(SignInSession).where(SignInSession.user_id == user_id)
    if but is not None:
        gone = gone.where(SignInSession.id_hash != tokens.digest(but))
    return len(session.scalars(gone.returning(SignInSession.user_id)).all())


def end_by_name(session: Session, user_id: UUID, name: str) -> bool:
    """End the one of a person's sessions that ``name_of`` calls so; whether there was one."""
    mine = session.scalars(
        select(SignInSession.id_hash).where(SignInSession.user_id == user_id)
    ).all()
    chosen = [id_hash for id_hash in mine if name_of(id_hash) == name]
    session.execute(delete(SignInSession).where(SignInSession.id_hash.in_(chosen)))
    return bool(chosen)


def name_of(id_hash: bytes) -> str:
    """Return a public name of a session, which cannot sign anyone in."""
    return hashlib.sha256(b"name" + id_hash).hexdigest()[:32]


def is_named(session_id: str, name: str) -> bool:
    """Tell whether ``name`` is the public name of the session with this id."""
    return name_of(tokens.digest(session_id)) == name
