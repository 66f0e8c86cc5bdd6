"""Acts once on a form that is sent twice: by a double click, or again after going back.

A page gives each of its forms a random token. What a form made is noted under the token and what
was sent with it, in the transaction that makes it; the same form sent again waits for that
transaction, and then leads to the thing that is there. The same form sent with other fields, or a
page that was opened again, makes another.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auditsaas.accounts.models import SentForm

KEPT = timedelta(days=1)
"""A page that was opened longer ago than its session lasts cannot be sent."""

_TOKEN = re.compile(r"[A-Za-z0-9_-]{22,64}")


@dataclass(frozen=True)
class Sent:
    """A submitted form: its person, and the hash of its token and fields."""

    user_id: UUID
    key: bytes


def new_token() -> str:
    return secrets.token_urlsafe(16)


def sent(user_id: UUID, path: str, token: str, fields: Iterable[tuple[str, str]]) -> Sent | None:
    """Identify a form by its token and what was sent with it; None without a token."""
    if _TOKEN.fullmatch(token) is None:
        return None
    parts = [path, token, *(text for pair in sorted(fields) for text in pair)]
    # Each part with its length, so that no two lists of parts are one text.
    told = b"".join(b"%d:%s" % (len(part := text.encode()), part) for text in parts)
    return Sent(user_id, hashlib.sha256(told).digest())


def claim(session: Session, form: Sent, now: datetime | None = None) -> SentForm | None:
    """Claim a form for this transaction; return what it made, where it was sent before.

    Waits while another transaction that claimed it is under way. A rollback gives it up again.
    """
    now = now or datetime.now(UTC)
    session.execute(
        delete(SentForm).where(SentForm.user_id == form.user_id, SentForm.created_at < now - KEPT)
    )
    made = insert(SentForm).values(user_id=form.user_id, key=form.key)
    if session.scalar(made.on_conflict_do_nothing().returning(SentForm.key)) is not None:
        return None
    return session.get_one(SentForm, (form.user_id, form.key), populate_existing=True)


def note(session: Session, form: Sent, address: str) -> None:
    """Note where what the form made is, in the transaction that makes it."""
    session.execute(
        update(SentForm)
        .where(SentForm.user_id == form.user_id, SentForm.key == form.key)
        .values(address=address)
    )
