"""Password resets: a link by e-mail, good once and for an hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, false, select
from sqlalchemy.orm import Session

from auditsaas import tokens
from auditsaas.accounts import passwords, sessions
from auditsaas.accounts.models import PasswordReset, User
from auditsaas.errors import Gone

GOOD_FOR = timedelta(hours=1)
OVER = (
    "This link does not work: it or another was used, it is older than an hour,"
    " or a newer one was sent."
)


def begin(
    session: Session,
    user: User,
    now: datetime | None = None,
    *,
    beside_others: bool = False,
) -> str:
    """Create a reset link and return its token.

    Earlier links become invalid, or go on ``beside_others`` until one is used.
    """
    now = now or datetime.now(UTC)
    earlier = delete(PasswordReset).where(PasswordReset.user_id == user.id)
    session.execute(earlier.where(PasswordReset.expires_at <= now) if beside_others else earlier)
    token = tokens.new()
    session.add(
        PasswordReset(
            token_hash=tokens.digest(token),
            user_id=user.id,
            created_at=now,
            expires_at=now + GOOD_FOR,
        )
    )
    session.flush()
    return token


def find(session: Session, token: str) -> User:
    """Find the person of a live link.

    Raises:
        Gone: it opens nothing, whatever the reason.
    """
    return _owner(session, session.scalar(select(PasswordReset.user_id).where(_opened_by(token))))


def use(session: Session, token: str) -> User:
    """Consume a live link and return its person, in the caller's transaction.

    Raises:
        Gone: it opens nothing, whatever the reason.
    """
    used = delete(PasswordReset).where(_opened_by(token)).returning(PasswordReset.user_id)
    return _owner(session, session.scalar(used))


def complete(session: Session, user: User, password: str) -> None:
    """Set the password; every link and every session of the person's ends.

    Raises:
        Invalid: the password is too weak.
    """
    passwords.refuse_weak(password, owner=(user.email, user.name))
    user.password_hash = passwords.hashed(password)
    session.execute(delete(PasswordReset).where(PasswordReset.user_id == user.id))
    sessions.end_all(session, user.id)


def _opened_by(token: str) -> ColumnElement[bool]:
    """Build the condition for the live link with this token; false for a malformed token."""
    if not tokens.well_formed(token):
        return false()
    return and_(
        PasswordReset.token_hash == tokens.digest(token),
        PasswordReset.expires_at > datetime.now(UTC),
    )


def _owner(session: Session, user_id: UUID | None) -> User:
    user = session.get(User, user_id) if user_id else None
    if user is None or user.disabled_at is not None:
        raise Gone(OVER)
    return user
