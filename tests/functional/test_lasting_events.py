"""What the product records of settings, people and keys outlives the log that it is in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from auditsaas import own_actions, own_activities
from auditsaas.accounts.models import User
from auditsaas.events.event_sources import PRODUCT
from auditsaas.events.maintenance import retention
from auditsaas.events.maintenance.lasting import Lasting
from auditsaas.events.models import events
from auditsaas.events.schema import from_mapping
from auditsaas.events.system_log import SYSTEM_WORKSPACE_ID
from auditsaas.events.writing.append import append
from auditsaas.own_actions import COPY_OF
from auditsaas.workspaces.models import Workspace
from tasks.maintenance import apply_retention
from tests.support.factories import (
    append_events,
    csrf_token,
    event_input,
    make_member,
    scoped,
)
from tests.support.log_state import counts_are_exact
from tests.support.retaining import only_this_keeps_for_days
from tests.support.waiting import act_on, ask_for, changes_of

pytestmark = pytest.mark.usefixtures("signed_in_admin")


def copies(workspace: Workspace) -> list[Any]:
    """What the log of the installation says of the workspace."""
    with scoped(SYSTEM_WORKSPACE_ID) as session:
        found = session.execute(
            select(events).where(events.c.metadata[COPY_OF]["id"].as_string() == str(workspace.id))
        )
        return sorted(found.all(), key=lambda row: row.seq)


def activities(workspace: Workspace) -> list[str]:
    with scoped(workspace.id) as session:
        return list(session.scalars(select(events.c.activity).order_by(events.c.seq)))


def test_traces_of_an_admin_outlive_the_events_of_their_workspace(
    client: FlaskClient, workspace: Workspace, owner_engine: Engine
) -> None:
    append_events(workspace, [event_input()] * 3)
    other = make_member(workspace)
    make_member(workspace)
    path = f"/w/{workspace.slug}/members/{other.id}/remove"
    client.post(path, data={"confirmed": "1", "csrf_token": csrf_token(client)})
    ask_for(client, workspace, retention_days="30", reason="Case 7")
    act_on(client, workspace, changes_of(workspace)[0], "cancel")
    only_this_keeps_for_days(workspace)
    later = datetime.now(UTC) + timedelta(days=60)
    [removed] = retention.apply(owner_engine, later, keep=Lasting(own_activities.LASTING, 400))
    assert removed.events == 3
    assert activities(workspace) == ["member.remove", "change.request", "change.cancel"]
    assert counts_are_exact(workspace)


def test_events_that_stay_are_not_counted_among_those_that_go(
    client: FlaskClient, workspace: Workspace
) -> None:
    old = (datetime.now(UTC) - timedelta(days=60)).isoformat()
    append_events(workspace, [event_input(occurred_at=old)] * 3)
    append_own(workspace, event_input(activity="member.join", occurred_at=old))
    ask_for(client, workspace, retention_days="30")
    assert [change.removes for change in changes_of(workspace)] == [3]


def append_own(workspace: Workspace, *given: dict[str, Any]) -> None:
    """Append events as the product's own."""
    with scoped(workspace.id) as session:
        made = [from_mapping(event, datetime.now(UTC)) for event in given]
        append(session, workspace.id, made, source=PRODUCT)
        session.commit()


def test_nightly_retention_keeps_lasting_events(app: Flask, workspace: Workspace) -> None:
    old = (datetime.now(UTC) - timedelta(days=60)).isoformat()
    given = [event_input(activity=name, occurred_at=old) for name in ("user.login", "member.join")]
    append_own(workspace, *given)
    only_this_keeps_for_days(workspace)
    with app.app_context():
        assert apply_retention() == 1
    assert activities(workspace) == ["member.join", "retention.apply"]


def test_lasting_events_are_copied_to_the_log_of_the_installation(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    ask_for(client, workspace, retention_days="30", reason="Case 7")
    with scoped(workspace.id) as session:
        original = session.execute(
            select(events).where(events.c.activity == "change.request")
        ).one()
    [copy] = copies(workspace)
    assert copy.metadata[COPY_OF]["slug"] == workspace.slug
    for name in ("activity", "status", "actor_id", "actor_role", "path", "request_id", "source"):
        assert getattr(copy, name) == getattr(original, name), name
    assert copy.metadata["reason"] == "Case 7"
    assert copy.actor_id == str(admin.id)


def test_other_events_are_not_copied(client: FlaskClient, workspace: Workspace) -> None:
    fields = {"name": "Ours", "query": "status=error", "shared": "1"}
    assert (
        client.post(
            f"/w/{workspace.slug}/views", data=fields | {"csrf_token": csrf_token(client)}
        ).status_code
        < 400
    )
    assert "view.save" in activities(workspace)
    assert copies(workspace) == []


def test_copy_is_taken_back_with_the_act(workspace: Workspace, admin: User) -> None:
    with scoped(workspace.id) as session:
        own_actions.record(
            session,
            own_activities.Activity.WORKSPACE_UPDATE,
            workspaces=[workspace.id],
            actor=own_actions.installation("AuditSaaS"),
        )
        session.rollback()
    assert copies(workspace) == []
    assert activities(workspace) == []
