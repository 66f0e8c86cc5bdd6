"""Creates, lists and marks a person's notifications."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from auditsaas.mail import outbox
from auditsaas.notifications.models import Notification


def notify(
    session: Session,
    user_id: UUID,
    *,
    kind: str,
    title: str,
    body: str,
    url: str | None,
    tenant: UUID | None = None,
    facts: Mapping[str, Any] | None = None,
    always: bool = False,
) -> Notification:
    """Notify a person, also by e-mail if they chose so; the session's scope must be theirs.

    ``kind`` is one of ``outbox.KINDS`` or anything else, of which no mail is sent; ``title`` names
    what it is about. ``tenant`` is the workspace whose facts the mail tells, ``facts`` what its
    template says beyond title, body and url. ``always`` mails whatever they chose.
    """
    notification = Notification(user_id=user_id, kind=kind, title=title, body=body, url=url)
    session.add(notification)
    session.flush()
    if always or outbox.wants(session, user_id, kind):
        context = {"title": title, "body": body, "url": url, **(facts or {})}
        outbox.put(session, user_id, kind, context, tenant=tenant, about=notification.id)
    return notification


def mark_one_read(session: Session, user_id: UUID, notification_id: UUID) -> Notification | None:
    """Mark one of a person's notifications read; None where it is not theirs."""
    return session.scalar(
        update(Notification)
        .where(Notification.user_id == user_id, Notification.id == notification_id)
        .values(read_at=func.coalesce(Notification.read_at, func.now()), announced_at=_announced())
        .returning(Notification)
    )


def count_unread(session: Session, user_id: UUID) -> int:
    unread = session.scalar(
        select(func.count())
        .select_from(Notification)
        .where(Notification.user_id == user_id, Notification.read_at.is_(None))
    )
    return unread or 0


def newest(
    session: Session, user_id: UUID, *, limit: int, before: UUID | None = None
) -> Sequence[Notification]:
    """List a person's notifications, newest first; those before an id, if one is given."""
    found = select(Notification).where(Notification.user_id == user_id)
    if before is not None:
        found = found.where(Notification.id < before)
    return session.scalars(found.order_by(Notification.id.desc()).limit(limit)).all()


def mark_read(session: Session, user_id: UUID, *, url: str | None = None) -> None:
    """Mark all of a person's notifications read, or those about one address."""
    unread = update(Notification).where(
        Notification.user_id == user_id, Notification.read_at.is_(None)
    )
    if url is not None:
        unread = unread.where(Notification.url == url)
    session.execute(unread.values(read_at=func.now(), announced_at=_announced()))


def announce(
    session: Session,
    user_id: UUID,
    *,
    url: str | None = None,
    beside: Collection[str] = (),
) -> Sequence[Notification]:
    """Return unread notifications that no page has shown as they came, each only once.

    ``url`` narrows them to those about one address; ``beside`` leaves some addresses to others.
    """
    fresh = update(Notification).where(
        Notification.user_id == user_id,
        Notification.read_at.is_(None),
        Notification.announced_at.is_(None),
    )
    if url is not None:
        fresh = fresh.where(Notification.url == url)
    if beside:
        fresh = fresh.where(or_(Notification.url.is_(None), Notification.url.not_in(beside)))
    announced = session.scalars(fresh.values(announced_at=func.now()).returning(Notification))
    return sorted(announced, key=lambda notification: notification.id)


def _announced() -> object:
    return func.coalesce(Notification.announced_at, func.now())
