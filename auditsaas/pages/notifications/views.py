"""Pages of notifications: count, menu, list and toasts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from flask import Blueprint, Response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from auditsaas.access.browser import Identity
from auditsaas.access.current import require_person
from auditsaas.access.loaders import my_workspaces
from auditsaas.accounts.models import User
from auditsaas.current_request import facts, is_partial
from auditsaas.errors import NotFound
from auditsaas.exports import service as exports
from auditsaas.exports.formats import checked
from auditsaas.extensions import db, settings
from auditsaas.mail import outbox
from auditsaas.mail.models import Mail, MailState
from auditsaas.notifications import service
from auditsaas.notifications.models import Notification
from auditsaas.own_activities import Activity
from auditsaas.pages.notifications.kept import read_mail
from auditsaas.workspaces import account_events

notifications = Blueprint("notifications", __name__)

MENU_SIZE = 6
MOST_FOLLOWED = 100
"""Addresses that a page may say it follows itself."""
PAGE_SIZE = 50

TITLES = {
    "export.ready": "Export ready",
    "export.failed": "Export failed",
    "import.ready": "Import finished",
    "import.failed": "Import failed",
    "report.ready": "Report ready",
    "report.failed": "Report failed",
    "schedule.stopped": "Schedule paused",
}


@dataclass(frozen=True, kw_only=True)
class ShownNotification:
    id: str
    kind: str
    """`ready`, `failed` or `info`: what the dot before it says."""
    title: str
    subject: str
    detail: str
    url: str
    created_at: datetime
    unread: bool
    mail_url: str | None = None
    """The mail that went with it, where the demo keeps mails as files."""


@notifications.get("/notifications")
def index() -> ResponseReturnValue:
    """Render the bell's menu as a fragment, or everything as a page."""
    person = _person()
    if is_partial():
        return _menu(person, refresh_bell=False)
    found = service.newest(db.session(), person.id, limit=PAGE_SIZE + 1, before=_before())
    kept = _kept_mails(found[:PAGE_SIZE])
    shown = [_shown(notification, kept) for notification in found[:PAGE_SIZE]]
    older = f"/notifications?before={shown[-1].id}" if len(found) > PAGE_SIZE else None
    return render_template(
        "notifications/list.html",
        notifications=shown,
        older_url=older,
        choices=outbox.choices(db.session(), person.id),
        saved=bool(request.args.get("saved")),
        actions=True,
    )


@notifications.get("/notifications/count")
def count() -> ResponseReturnValue:
    """Render the unread count, and a toast for each file that became ready since the last one.

    Exports whose end the page tells itself (``followed``) are left to it. While one is under way
    the bell asks each second, and is answered by nothing where nothing has changed.
    """
    person = _person()
    if not is_partial():
        return redirect("/notifications")
    session, followed = db.session(), request.args.getlist("followed")[:MOST_FOLLOWED]
    # Before the notices are read: an export that ends in between is told of by the next answer.
    awaits = exports.is_awaited(session, person.id)
    fresh = service.announce(session, person.id, beside=followed)
    shown = [_shown(notification) for notification in fresh]
    db.session.commit()
    unread = service.count_unread(session, person.id)
    if not fresh and request.args.get("seen") == f"{unread}-{awaits:d}":
        return "", 204
    return render_template(
        "notifications/_count.html",
        unread=unread,
        awaits_export=awaits,
        ready=[notification for notification in shown if notification.kind == "ready"],
    )


@notifications.post("/notifications/read")
def read() -> ResponseReturnValue:
    person = _person()
    service.mark_read(db.session(), person.id)
    db.session.commit()
    return _menu(person, refresh_bell=True) if is_partial() else redirect("/notifications", 303)


@notifications.post("/notifications/<uuid:notification_id>/read")
def read_one(notification_id: UUID) -> ResponseReturnValue:
    person = _person()
    if service.mark_one_read(db.session(), person.id, notification_id) is None:
        raise NotFound("There is no such notification.")
    db.session.commit()
    return redirect("/notifications", 303)


@notifications.post("/notifications/mails")
def choose_mails() -> ResponseReturnValue:
    """Save which mails the person wants; a switch that is not sent is off."""
    person = _person()
    switches = sorted(set(outbox.KINDS.values()))
    session, wanted = db.session(), {name: name in request.form for name in switches}
    before = outbox.choices(session, person.id)
    changes = {n: [getattr(before, n), w] for n, w in wanted.items() if getattr(before, n) != w}
    outbox.choose(session, person.id, wanted)
    if changes:
        user = session.get_one(User, person.id)
        account_events.record(
            session, Activity.USER_UPDATE, user, facts(), status_code=303, changes=changes
        )
    db.session.commit()
    return redirect("/notifications?saved=1", 303)


@notifications.get("/notifications/mails/<uuid:mail_id>")
def kept_mail(mail_id: UUID) -> ResponseReturnValue:
    """Show one's own mail where there is no mail server to send it by (the demo); or as a file."""
    person = _person()
    mail = db.session().get(Mail, mail_id)
    path = _mail_file(mail_id)
    if mail is None or mail.user_id != person.id or not path.is_file():
        raise NotFound("There is no such mail.")
    if not checked(request.args.get("file")):
        return render_template("notifications/mail.html", mail=read_mail(path.read_bytes()))
    response = Response(path.read_bytes(), content_type="message/rfc822")
    response.headers["Content-Disposition"] = f'attachment; filename="{mail_id}.eml"'
    return response


def _kept_mails(found: Sequence[Notification]) -> dict[UUID, str]:
    """Map notifications to the addresses of their mails that were kept as files."""
    known = settings()
    if known.production or known.smtp_url is not None:
        return {}
    rows = db.session().execute(
        select(Mail.notification_id, Mail.id).where(
            Mail.notification_id.in_([notification.id for notification in found]),
            Mail.state == MailState.SENT,
        )
    )
    return {
        row.notification_id: f"/notifications/mails/{row.id}"
        for row in rows
        if _mail_file(row.id).is_file()
    }


def _mail_file(mail_id: UUID) -> Path:
    return settings().data_dir / "mail" / f"{mail_id}.eml"


def _menu(person: Identity, *, refresh_bell: bool) -> str:
    session = db.session()
    newest: Sequence[Notification] = service.newest(session, person.id, limit=MENU_SIZE)
    return render_template(
        "notifications/_menu.html",
        notifications=[_shown(notification) for notification in newest],
        unread=service.count_unread(session, person.id),
        refresh_bell=refresh_bell,
    )


def _person() -> Identity:
    """Return the signed-in person, with their own rows in scope."""
    my_workspaces()
    return require_person()


def _shown(notification: Notification, kept: Mapping[UUID, str] | None = None) -> ShownNotification:
    kind = notification.kind.rpartition(".")[2]
    if notification.kind == "schedule.stopped":
        kind = "failed"
    return ShownNotification(
        id=str(notification.id),
        kind=kind if kind in ("ready", "failed") else "info",
        title=TITLES.get(notification.kind, "Notice"),
        subject=notification.title,
        detail=notification.body,
        url=notification.url or "/notifications",
        created_at=notification.created_at,
        unread=notification.read_at is None,
        mail_url=(kept or {}).get(notification.id),
    )


def _before() -> UUID | None:
    try:
        return UUID(request.args.get("before", ""))
    except ValueError:
        return None
