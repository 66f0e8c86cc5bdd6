"""Changes that wait: how a test asks for one, and lets its delay pass."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from auditsaas.mail.models import Mail
from auditsaas.pending_changes.models import PendingChange
from auditsaas.workspaces.models import Workspace
from tasks.pending_changes import settle
from tests.support.factories import Sessions, as_owner, csrf_token, scoped


def ask_for(client: FlaskClient, workspace: Workspace, **fields: str) -> TestResponse:
    """Post the retention page, as one who has seen its question."""
    form = {"confirmed": "1", **fields, "csrf_token": csrf_token(client)}
    return client.post(f"/w/{workspace.slug}/settings/retention", data=form)


def act_on(
    client: FlaskClient, workspace: Workspace, change: PendingChange, verb: str
) -> TestResponse:
    """Cancel or approve a change."""
    path = f"/w/{workspace.slug}/settings/changes/{change.id}/{verb}"
    return client.post(path, data={"csrf_token": csrf_token(client)})


def changes_of(workspace: Workspace) -> list[PendingChange]:
    """All that was asked for in the workspace, in order."""
    with scoped(workspace.id) as session:
        return list(session.scalars(select(PendingChange).order_by(PendingChange.id)))


def let_pass(workspace: Workspace, time: timedelta) -> None:
    """Move what waits in the workspace, and its reminders, into the past by so much."""
    columns = ("asked_at", "effective_at", "reminded_at", "approved_at")
    earlier: dict[str, Any] = {name: getattr(PendingChange, name) - time for name in columns}
    with as_owner(workspace.id) as session:
        session.execute(update(PendingChange).values(earlier))
        session.commit()


def settle_all(app: Flask) -> int:
    """Run what the workers run every minute."""
    with app.app_context():
        return settle()


def let_take_effect(app: Flask, workspace: Workspace, days: int = 7) -> None:
    """Let the delay pass, with the reminder a day before its end."""
    let_pass(workspace, timedelta(days=days - 1, minutes=1))
    settle_all(app)
    let_pass(workspace, timedelta(days=1))
    settle_all(app)


def now_of(workspace: Workspace) -> Workspace:
    with Sessions() as session:
        return session.get_one(Workspace, workspace.id)


def mails_to(user_id: Any, kind: str) -> list[Mail]:
    """The mails of a kind that wait for a person, or were sent to them."""
    with scoped(user=user_id) as session:
        found = select(Mail).where(Mail.user_id == user_id, Mail.kind == kind)
        return list(session.scalars(found.order_by(Mail.created_at)))


def database_time() -> Any:
    with Sessions() as session:
        return session.scalar(select(func.now()))


def hold(workspace: Workspace, **columns: object) -> None:
    """Set columns of the workspace as its owner, without any delay."""
    with as_owner(workspace.id) as session:
        session.execute(update(Workspace).values(columns))
        session.commit()


def states(workspace: Workspace) -> list[str]:
    """Read the states of its changes, in the order of ``changes_of``."""
    return [change.state for change in changes_of(workspace)]
