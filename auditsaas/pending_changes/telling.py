"""Tells every admin of a workspace, and every super-admin, of a change that waits."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from auditsaas.accounts.service import super_admins
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.formatting import times
from auditsaas.formatting.viewer import DEFAULT
from auditsaas.mail import outbox
from auditsaas.notifications.service import notify
from auditsaas.pending_changes.kinds import OWN_PAGES
from auditsaas.pending_changes.models import PendingChange
from auditsaas.workspaces.members import active_admins
from auditsaas.workspaces.models import Workspace

TITLES = {
    "change.asked": "{words} on {day}",
    "change.approved": "Approved: {words} on {day}",
    "change.reminder": "Tomorrow: {words}",
    "change.cancelled": "Cancelled: {words}",
    "change.applied": "In effect: {words}",
}


def tell(session: Session, change: PendingChange, kind: str, *, by: str) -> None:
    """Queue one mail to each, which no choice of theirs switches off, and ring the bell.

    ``by`` is who did it, by name. The scope is the workspace's afterwards, as before.
    """
    session.flush()
    before = session.info.get("scope")
    workspace = session.get_one(Workspace, change.workspace_id)
    admins = active_admins(session, change.workspace_id)
    facts = _facts(workspace, change, kind, by)
    for user_id in admins:
        tenancy.bind(Scope.of(workspace.id, user=user_id), session)
        notify(
            session,
            user_id,
            kind=kind,
            title=facts["title"],
            body=facts["body"],
            url=facts["url"],
            tenant=workspace.id,
            facts=facts,
            always=True,
        )
    above = super_admins(session, but=admins)
    for user_id in above:
        tenancy.bind(Scope.of(workspace.id, user=user_id), session)
        outbox.put(session, user_id, kind, facts)
    tenancy.bind(before if isinstance(before, Scope) else Scope.of(workspace.id), session)
    change.admins_told, change.super_admins_told = len(admins), len(above)
    session.flush()


def _page(change: PendingChange) -> str:
    own = OWN_PAGES.get(change.kind)
    return f"{own.path}/{change.id}" if own else "settings/retention"


def _facts(workspace: Workspace, change: PendingChange, kind: str, by: str) -> dict[str, Any]:
    when = change.effective_at
    removes = "" if change.removes is None else f"{change.removes:,} events go with it. "
    reason = f"“{change.reason}”. " if change.reason else ""
    return {
        "title": TITLES[kind].format(words=change.words, day=times.date(when, DEFAULT)),
        "body": f"{workspace.name}: by {by}. {reason}{removes}".strip(),
        "url": f"/w/{workspace.slug}/{_page(change)}",
        "workspace": workspace.name,
        "by": by,
        "reason": change.reason,
        "removes": change.removes,
        "when": times.stamp(when, DEFAULT),
        "needs_second": change.needs_second and change.approved_by is None,
        "because": change.ended_because,
    }
