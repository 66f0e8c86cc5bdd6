"""Limits attempts, counted in PostgreSQL, so that limits hold without Redis.

An account is counted by the address that was typed, whether an account has it or not, so that the
answers tell nothing of who has an account; and by the place that it comes from, so that strangers
pause themselves and not its owner.
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
"""By account and place, so that a stranger elsewhere pauses only themselves."""
ACCOUNT_ANYWHERE = Limit("account-anywhere", 50, timedelta(hours=1))
"""By account, from many places at once."""
ADDRESS = Limit("address", 100)
"""Far more than one person needs, for a whole office may share an address."""
DEVICE = Limit("device", 5)
"""By known device, which no other limit of sign-ins holds up."""
PASSKEY = Limit("passkey", 100)
"""By place, apart from passwords, for no passkey is guessed: it bounds what is recorded."""
CODE = Limit("code", 5)
PASSWORD = Limit("password", 5)
RESET_ACCOUNT = Limit("reset-account", 3, timedelta(hours=1))
"""By typed address and place, or by known device."""
RESET_ANYWHERE = Limit("reset-anywhere", 10, timedelta(hours=1))
"""By typed address: mails that one mailbox gets at most, beside those of known devices."""
RESET_ADDRESS = Limit("reset-address", 20, timedelta(hours=1))
WELCOME = Limit("welcome", 30)
"""By place: wrong links that would set an installation up."""
INVITATIONS = Limit("invitations", 3, timedelta(hours=1))
"""Mails to one address from one workspace, sent again or anew."""
WORKSPACE_INVITATIONS = Limit("workspace-invitations", 100, timedelta(days=1))
"""Mails of one workspace, to whomever; far more than a large team needs in a day."""


SLUGS = Limit("slugs", 10, timedelta(days=1))
"""Other slugs that a workspace tries, by which it learns which are taken."""


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


@dataclass(frozen=True)
class Origin:
    """The place, and the known device, that a visitor's request comes from."""

    place: str
    """As ``network_of`` names it."""
    device: str | None = None
    """The id of the browser, where it is known to the account."""


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


def count_sign_in(session: Session, email: str, origin: Origin) -> tuple[Standing, Standing | None]:
    """Count a sign-in by every limit of it; its standing, and the pause, if one holds.

    What is paused for its place does not count for the account, so one place alone never pauses an
    account elsewhere.
    """
    if origin.device is not None:
        standing = count(session, DEVICE, origin.device)
        return standing, standing if standing.paused else None
    place = count(session, ADDRESS, origin.place)
    here = count(session, ACCOUNT, _here(email, origin))
    if place.paused or here.paused:
        return here, here if here.paused else place
    anywhere = count(session, ACCOUNT_ANYWHERE, email)
    return here, anywhere if anywhere.paused else None


def take_back_sign_in(session: Session, email: str, origin: Origin) -> None:
    """Uncount a sign-in whose password was right, while a code is still awaited."""
    if origin.device is not None:
        take_back(session, DEVICE, origin.device)
        return
    take_back(session, ACCOUNT, _here(email, origin))
    take_back(session, ACCOUNT_ANYWHERE, email)
    take_back(session, ADDRESS, origin.place)


def forget_sign_ins(session: Session, email: str, origin: Origin) -> None:
    """Clear the wrong tries of an account from here, once all that was asked was right."""
    if origin.device is not None:
        forget(session, DEVICE, origin.device)
    forget(session, ACCOUNT, _here(email, origin))


def count_reset(session: Session, email: str, origin: Origin) -> Standing | None:
    """Count a request for a reset link; the pause, if one holds."""
    if origin.device is not None:
        standing = count(session, RESET_ACCOUNT, origin.device)
        return standing if standing.paused else None
    limits = (
        (RESET_ADDRESS, origin.place),
        (RESET_ACCOUNT, _here(email, origin)),
        (RESET_ANYWHERE, email),
    )
    for limit, who in limits:
        standing = count(session, limit, who)
        if standing.paused:
            return standing
    return None


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


def _here(email: str, origin: Origin) -> str:
    return f"{email.strip()[:320]} {origin.place}"


def _subject(limit: Limit, who: str) -> bytes:
    return hashlib.sha256(
        f"{limit.kind}:{who.strip().lower()[:512]}".encode("utf-8", "replace")
    ).digest()


CLEAR = text("""
DELETE FROM attempts WHERE subject IN (
    SELECT subject FROM attempts WHERE began_at < :before LIMIT 100 FOR UPDATE SKIP LOCKED)
""")


def _clear(session: Session, now: datetime) -> None:
    session.execute(CLEAR, {"before": now - KEPT_FOR})
