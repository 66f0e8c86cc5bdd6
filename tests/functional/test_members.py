"""Members of a workspace, as its admins see and change them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from auditsaas.accounts.models import User
from auditsaas.events.models import actors, events
from auditsaas.permissions import Role
from auditsaas.workspaces.models import Membership, Workspace
from tests.support import factories
from tests.support.factories import (
    append_events,
    csrf_token,
    event_input,
    make_member,
    make_workspace,
)

pytestmark = pytest.mark.usefixtures("signed_in_admin")


def post(client: FlaskClient, address: str, **fields: str) -> TestResponse:
    return client.post(address, data={**fields, "csrf_token": csrf_token(client)})


def page(workspace: Workspace, rest: str = "") -> str:
    return f"/w/{workspace.slug}/members{rest}"


def last_event(workspace: Workspace) -> object:
    with factories.scoped(workspace.id) as session:
        return session.execute(
            select(events)
            .where(events.c.workspace_id == workspace.id)
            .order_by(events.c.seq.desc())
            .limit(1)
        ).one()


def membership(workspace: Workspace, user: User) -> Membership | None:
    with factories.scoped(workspace.id) as session:
        return session.get(Membership, (workspace.id, user.id))


def known_actor(workspace: Workspace, user: User) -> tuple[str | None, str | None]:
    with factories.scoped(workspace.id) as session:
        row = session.execute(
            select(actors.c.role, actors.c.status).where(
                actors.c.workspace_id == workspace.id, actors.c.id == str(user.id)
            )
        ).one()
    return row.role, row.status


def with_events(workspace: Workspace, user: User, count: int = 1) -> User:
    actor = {"id": str(user.id), "name": user.name, "role": "member", "status": "active"}
    append_events(workspace, [event_input(actor=actor)] * count)
    return user


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.MEMBER])
def test_only_an_admin_sees_the_members(
    client: FlaskClient, workspace: Workspace, role: Role
) -> None:
    factories.sign_in(client, make_member(workspace, role))
    assert client.get(page(workspace)).status_code == 403


def test_list_shows_role_status_and_recent_events(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    user = with_events(workspace, make_member(workspace, Role.AUDITOR), 3)
    text = client.get(page(workspace)).text
    row = text.partition(f'data-member-id="{user.id}"')[2].partition("</tr>")[0]
    assert user.email in row
    assert "Auditor" in row
    assert "Active" in row
    assert f'/w/{workspace.slug}/audit-logs?user={user.id}" aria-label="Events of' in row
    assert ">3</a>" in row


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=ZO%C3%8B", {"Zoë Quill"}),
        ("role=auditor", {"Zoë Quill"}),
        ("status=disabled", {"Old Hand"}),
        ("q=quill&role=member", set()),
        ("role=nonsense&page=zzz", {"Zoë Quill", "Old Hand", "Admin Lee"}),
    ],
)
def test_member_list_is_filtered(
    client: FlaskClient, workspace: Workspace, admin: User, query: str, found: set[str]
) -> None:
    make_member(workspace, Role.AUDITOR, factories.make_user(name="Zoë Quill"))
    make_member(
        workspace, Role.MEMBER, factories.make_user(name="Old Hand"), disabled_at=datetime.now(UTC)
    )
    text = client.get(page(workspace, f"?{query}"), headers={"HX-Request-Type": "partial"}).text
    assert "<html" not in text
    assert {name for name in ("Zoë Quill", "Old Hand", "Admin Lee") if name in text} == found


def test_a_role_is_changed_and_recorded_and_the_log_follows(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    user = with_events(workspace, make_member(workspace, Role.MEMBER))
    answer = post(client, page(workspace, f"/{user.id}/role"), role="auditor")
    assert answer.location == page(workspace, "?done=role")
    event = last_event(workspace)
    assert (event.activity, event.changes) == (  # type: ignore[attr-defined]
        "member.role_update",
        {"role": ["member", "auditor"]},
    )
    assert known_actor(workspace, user) == ("auditor", "active")


def test_disabled_member_is_refused_until_enabled(
    app: Flask, client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    user = with_events(workspace, make_member(workspace, Role.AUDITOR))
    browser = app.test_client()
    factories.sign_in(browser, user)
    log = f"/w/{workspace.slug}/audit-logs"
    assert browser.get(log).status_code == 200
    post(client, page(workspace, f"/{user.id}/disable"))
    assert browser.get(log).status_code == 404
    assert known_actor(workspace, user) == ("auditor", "disabled")
    post(client, page(workspace, f"/{user.id}/enable"))
    assert browser.get(log).status_code == 200
    assert known_actor(workspace, user) == ("auditor", "active")
    assert last_event(workspace).changes == {"status": ["disabled", "active"]}  # type: ignore[attr-defined]


def test_removing_a_member_asks_for_confirmation_and_keeps_their_events(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    user = with_events(workspace, make_member(workspace, Role.MEMBER))
    asked = post(client, page(workspace, f"/{user.id}/remove"))
    assert asked.status_code == 200
    assert membership(workspace, user) is not None
    post(client, page(workspace, f"/{user.id}/remove"), confirmed="1")
    assert membership(workspace, user) is None
    assert known_actor(workspace, user)[1] == "disabled"
    assert last_event(workspace).activity == "member.remove"  # type: ignore[attr-defined]


def test_demoting_oneself_asks_for_confirmation(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    make_member(workspace)
    address = page(workspace, f"/{admin.id}/role")
    assert "Become auditor yourself?" in post(client, address, role="auditor").text
    assert membership(workspace, admin).role == "admin"  # type: ignore[union-attr]
    assert post(client, address, role="auditor", confirmed="1").location == "/"
    assert client.get(page(workspace)).status_code == 403


@pytest.mark.parametrize("change", ["role", "remove"])
def test_last_admin_cannot_be_removed_or_demoted(
    client: FlaskClient, workspace: Workspace, admin: User, change: str
) -> None:
    make_member(workspace, disabled_at=datetime.now(UTC))
    make_member(workspace, user=factories.make_user(disabled_at=datetime.now(UTC)))
    answer = post(client, page(workspace, f"/{admin.id}/{change}"), role="member", confirmed="1")
    assert answer.status_code == 409
    assert "at least one active admin" in answer.text
    assert membership(workspace, admin).role == "admin"  # type: ignore[union-attr]


def test_disabling_oneself_is_refused(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    make_member(workspace)
    assert post(client, page(workspace, f"/{admin.id}/disable")).status_code == 409


def test_two_admins_demoting_each_other_concurrently_leave_one(app: Flask) -> None:
    workspace = make_workspace()
    for _ in range(5):
        pair = [make_member(workspace), make_member(workspace)]
        browsers = [app.test_client(), app.test_client()]
        for browser, user in zip(browsers, pair, strict=True):
            factories.sign_in(browser, user)
        tokens = [csrf_token(browser) for browser in browsers]

        def demote(i: int) -> int:
            other = pair[1 - i]  # noqa: B023
            return (
                browsers[i]  # noqa: B023
                .post(
                    page(workspace, f"/{other.id}/role"),
                    data={"role": "member", "csrf_token": tokens[i]},  # noqa: B023
                )
                .status_code
            )

        with ThreadPoolExecutor(2) as pool:
            answers = sorted(pool.map(demote, range(2)))
        left = [membership(workspace, user).role for user in pair]  # type: ignore[union-attr]
        assert left.count("admin") >= 1, answers
        for user in pair:
            with factories.scoped(workspace.id) as session:
                session.delete(session.get_one(Membership, (workspace.id, user.id)))
                session.commit()


def test_a_member_of_another_workspace_is_not_found(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    stranger = make_member(make_workspace())
    for change in ("role", "disable", "enable", "remove"):
        answer = post(client, page(workspace, f"/{stranger.id}/{change}"), role="member")
        assert answer.status_code == 404


def test_unknown_role_is_refused(client: FlaskClient, workspace: Workspace, admin: User) -> None:
    user = make_member(workspace, Role.MEMBER)
    assert post(client, page(workspace, f"/{user.id}/role"), role="owner").status_code == 422


def test_a_hostile_name_is_shown_safely(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    name = "<script>alert(1)</script> \u202egnp.exe"
    make_member(workspace, Role.MEMBER, factories.make_user(name=name))
    text = client.get(page(workspace)).text
    assert "<script>alert" not in text
    assert "\u202e" not in text
    assert "‹U+202E›" in text
