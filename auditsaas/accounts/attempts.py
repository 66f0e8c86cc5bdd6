"""Limits attempts, counted in PostgreSQL, so that limits hold without Redis.

An account is counted by the address that was typed, whether an account has it or not, so that the
answers tell nothing of who has an account.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

from sqlalchemy import delete, text, update
from sqlalchemy.orm import Session

from auditsaas.accounts.models import Attempts

KEPT_FOR = timedelta(days=1)


@dataclass(frozen=True)
class Limit:
    """So many tries of a kind, then a pause; tries are forgotten after as long as it takes."""

    kind: str
    most: int
    pause: timedelta = timedelta(minutes=15)


ACCOUNT = Limit("account", 5)
ADDRESS = Limit("address", 100)
"""Far more than one person needs, for a whole office may share an address."""
CODE = Limit("code", 5)
PASSWORD = Limit("password", 5)
RESET_ACCOUNT = Limit("reset-account", 3, timedelta(hours=1))
RESET_ADDRESS = Limit("reset-address", 20, timedelta(hours=1))
INVITATIONS = Limit("invitations", 3, timedelta(hours=1))
"""Mails to one address from one workspace, sent again or anew."""
WORKSPACE_INVITATIONS = Limit("workspace-invitations", 100, timedelta(days=1))
"""Mails of one workspace, to whomever; far more than a large team needs in a day."""


@dataclass(frozen=True)
class Standing:
    """The state of a limit after one more attempt."""

    left: int
    """Tries before the pause; negative once it holds, −1 for the try that first meets it."""
    seconds: int
    """Until the pause ends."""

    @property
    def paused(self) -> bool:
        return self.left < 0


COUNT = text("""
INSERT INTO attempts AS a (subject, n, began_at) VALUES (:subject, 1, :now)
ON CONFLICT (subject) DO UPDATE SET
    n = CASE WHEN a.began_at <= :forgotten THEN 1 ELSE a.n + 1 END,
    began_at = CASE WHEN a.began_at <= :forgotten OR a.n + 1 = :most THEN :now ELSE a.began_at END
RETURNING n, began_at
""")


def count(session: Session, limit: Limit, who: str, now: datetime | None = None) -> Standing:
    """Count one try, before it is known how it ends; commit at once, so that it holds."""
    now = now or datetime.now(UTC)
    values = {
        "subject": _subject(limit, who),
        "now": now,
        "forgotten": now - limit.pause,
        "most": limit.most,
    }
    row = session.execute(COUNT, values).one()
    if row.n == 1:
        _clear(session, now)
    ends = (row.began_at + limit.pause - now).total_seconds()
    return Standing(limit.most - row.n, max(1, round(ends)))


def forget(session: Session, limit: Limit, who: str) -> None:
    """Clear the attempts of a limit after a right one."""
    session.execute(delete(Attempts).where(Attempts.subject == _subject(limit, who)))


def take_back(session: Session, limit: Limit, who: str) -> None:
    """Uncount one attempt, which was right; those before it still count."""
    session.execute(
        update(Attempts)
        .where(Attempts.subject == _subject(limit, who), Attempts.n > 0)
        .values(n=Attempts.n - 1)
    )


def network_of(address: str | None) -> str:
    """Return the network that attempts are counted by: an IPv4 address, or an IPv6 /64."""
    if address is None:
        return ""
    return str(ip_network(f"{address}/64", strict=False)) if ":" in address else address


def _subject(limit: Limit, who: str) -> bytes:
    return hashlib.sha256(f"{limit.kind}:{who.strip().lower()[:320]}".encode()).digest()


CLEAR = text("""
DELETE FROM attempts WHERE subject IN (
    SELECT subject FROM attempts WHERE began_at < :before LIMIT 100 FOR UPDATE SKIP LOCKED)
""")


def _clear(session: Session, now: datetime) -> None:
    session.execute(CLEAR, {"before": now - KEPT_FOR})
