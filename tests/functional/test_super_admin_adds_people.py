"""Super-admins put people into workspaces: who may, what is recorded, and which link is shown."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from auditsaas.accounts.models import SignInSession, User
from auditsaas.events.system_log import SYSTEM_WORKSPACE_ID
from auditsaas.notifications.models import Notification
from auditsaas.workspaces.models import Invitation, Membership, Workspace
from tests.support.factories import (
    OwnerSessions,
    csrf_token,
    make_member,
    make_user,
    scoped,
    sign_in,
    unique,
)
from tests.support.log_state import stored

REASON = "Support case 4711"
LINK = re.compile(r'value="[^"]*(/invitations/[\w-]{43})"')


@pytest.fixture
def robin() -> User:
    return make_user(name="Robin Ross", is_super_admin=True)


@pytest.fixture
def above(client: FlaskClient, robin: User) -> FlaskClient:
    """The browser of a super-admin."""
    sign_in(client, robin)
    return client


@pytest.fixture
def joan() -> User:
    return make_user(name="Joan Cho", email=f"{unique('joan')}@acme.example")


def add(client: FlaskClient, place: Workspace, address: str, **fields: str) -> TestResponse:
    form = {"workspace": place.slug, "email": address, "role": "auditor", "reason": REASON}
    given = {**form, "csrf_token": csrf_token(client), **fields}
    return client.post("/admin/members/new", data=given)


def roles(workspace: Workspace) -> dict[Any, str]:
    with scoped(workspace.id) as session:
        found = session.execute(select(Membership.user_id, Membership.role))
        return {row.user_id: row.role for row in found}


def copies(workspace: Workspace, activity: str) -> list[Any]:
    """What the log of the installation has of it."""
    with scoped(SYSTEM_WORKSPACE_ID) as session:
        system = session.get_one(Workspace, SYSTEM_WORKSPACE_ID)
    return [
        event
        for event in stored(system)
        if event.activity == activity
        and (event.metadata or {}).get("copy_of", {}).get("id") == str(workspace.id)
    ]


def test_person_with_an_account_belongs_to_it_at_once(
    above: FlaskClient, workspace: Workspace, admin: User, joan: User
) -> None:
    answer = add(above, workspace, joan.email.upper())
    assert answer.status_code == 303
    assert roles(workspace) == {admin.id: "admin", joan.id: "auditor"}
    assert "The person belongs to the workspace now." in above.get(answer.location).text


def test_it_is_recorded_with_its_reason_in_both_logs_and_told_to_admins(
    above: FlaskClient, workspace: Workspace, admin: User, joan: User
) -> None:
    add(above, workspace, joan.email)
    [event] = [each for each in stored(workspace) if each.activity == "member.add"]
    assert (event.actor_name, event.actor_role) == ("Robin Ross", "super-admin")
    assert event.metadata["reason"] == REASON
    assert event.changes == {"role": [None, "auditor"]}
    [copy] = copies(workspace, "member.add")
    assert copy.metadata["reason"] == REASON
    with scoped(workspace.id, user=admin.id) as session:
        [told] = session.scalars(select(Notification).where(Notification.user_id == admin.id))
    assert told.title == "Joan Cho is made a member, as auditor"
    assert REASON in told.body


def test_address_without_an_account_is_invited_and_the_link_shown_once(
    above: FlaskClient, app: Flask, workspace: Workspace, admin: User
) -> None:
    email = f"{unique('new')}@acme.example"
    fields = {"once": "b" * 43}
    pages = [add(above, workspace, email, **fields) for _ in range(2)]
    assert [page.status_code for page in pages] == [200, 200]
    one, other = (LINK.findall(page.text) for page in pages)
    assert one == other
    assert len(one) == 1
    assert f"{email} is invited." in html.unescape(pages[0].text)
    guest = app.test_client()
    given = {"name": "Ann", "password": "nine green llamas whistle"}
    joined = guest.post(one[0], data=given | {"csrf_token": csrf_token(guest)})
    assert joined.location == f"/w/{workspace.slug}/audit-logs"
    invited = [each for each in stored(workspace) if each.activity == "member.invite"]
    assert [each.metadata["reason"] for each in invited] == [REASON]


@pytest.mark.parametrize(
    ("field", "given", "status"),
    [
        ("reason", "", 422),
        ("role", "owner", 422),
        ("email", "joan", 422),
        ("workspace", "no-such", 422),
        ("workspace", "system", 422),
    ],
)
def test_wrong_field_is_named_beside_it(
    above: FlaskClient,
    workspace: Workspace,
    admin: User,
    joan: User,
    field: str,
    given: str,
    status: int,
) -> None:
    page = add(above, workspace, joan.email, **{field: given})
    assert page.status_code == status
    assert f'id="{field}-error"' in page.text
    assert roles(workspace) == {admin.id: "admin"}


def test_workspace_without_members_asks_for_no_reason(
    above: FlaskClient, workspace: Workspace, joan: User
) -> None:
    assert add(above, workspace, joan.email, reason="", role="admin").status_code == 303
    assert roles(workspace) == {joan.id: "admin"}


def test_member_is_not_added_again_and_disabled_account_not_at_all(
    above: FlaskClient, workspace: Workspace, admin: User, joan: User
) -> None:
    assert add(above, workspace, admin.email, role="member").status_code == 409
    with OwnerSessions.begin() as session:
        session.get_one(User, joan.id).disabled_at = joan.created_at
    assert add(above, workspace, joan.email).status_code == 409
    assert roles(workspace) == {admin.id: "admin"}


def test_workspace_that_is_asked_first_is_asked_first(
    above: FlaskClient, workspace: Workspace, admin: User, joan: User
) -> None:
    with scoped(workspace.id) as session:
        session.execute(
            update(Workspace).where(Workspace.id == workspace.id).values(asks_first=True)
        )
        session.commit()
    page = add(above, workspace, joan.email)
    assert page.status_code == 403
    assert f'href="/admin/access?workspace={workspace.slug}' in page.text
    assert roles(workspace) == {admin.id: "admin"}


def test_nobody_but_a_super_admin_who_was_asked_again_may(
    app: Flask, workspace: Workspace, robin: User, joan: User
) -> None:
    client = app.test_client()
    sign_in(client, make_member(workspace))
    assert add(client, workspace, joan.email).status_code == 404
    sign_in(client, robin)
    with OwnerSessions.begin() as session:
        mine = update(SignInSession).where(SignInSession.user_id == robin.id)
        session.execute(mine.values(confirmed_at=None))
    assert add(client, workspace, joan.email).status_code == 401
    assert joan.id not in roles(workspace)


def create(client: FlaskClient, slug: str, **fields: str) -> TestResponse:
    given = {"name": "Initech", "slug": slug, "csrf_token": csrf_token(client), **fields}
    return client.post("/admin/workspaces/new", data=given)


def found(slug: str) -> Workspace:
    with scoped() as session:
        return session.scalars(select(Workspace).where(Workspace.slug == slug)).one()


def test_new_workspace_has_its_maker_as_admin(above: FlaskClient, robin: User) -> None:
    slug = unique("initech")
    answer = create(above, slug, admin="me")
    assert answer.location == f"/w/{slug}/audit-logs"
    assert "Send the first event" in above.get(answer.location).text
    assert roles(found(slug)) == {robin.id: "admin"}


def test_new_workspace_invites_its_admin(above: FlaskClient) -> None:
    slug, email = unique("initech"), f"{unique('new')}@initech.example"
    page = create(above, slug, admin="another", admin_email=email)
    assert LINK.search(page.text)
    with scoped(found(slug).id) as session:
        assert session.scalars(select(Invitation.role)).all() == ["admin"]


def test_new_workspace_is_not_made_without_the_admin_that_it_asks_for(above: FlaskClient) -> None:
    slug = unique("initech")
    page = create(above, slug, admin="another", admin_email="ann")
    assert page.status_code == 422
    assert 'id="admin_email-error"' in page.text
    with scoped() as session:
        assert session.scalar(select(Workspace.id).where(Workspace.slug == slug)) is None


def test_lists_lead_to_the_form(above: FlaskClient, workspace: Workspace, joan: User) -> None:
    page = above.get(f"/admin/workspaces?q={workspace.slug}").text
    assert f'href="/admin/members/new?workspace={workspace.slug}"' in page
    page = html.unescape(above.get(f"/admin/users?q={joan.email}").text)
    (address,) = re.findall(r'href="(/admin/members/new\?email=[^"]+)"', page)
    assert f'value="{joan.email}"' in above.get(address).text
