"""What is taken from a person between two requests is gone at the next, in a process that knew it.

The first request of each test warms what the process remembers: whose session it is, and which
workspace the person was let into.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask, request_finished
from flask.testing import FlaskClient
from sqlalchemy import delete, func, update

from auditsaas.access import who_asks
from auditsaas.access.who_asks import AskedPage
from auditsaas.accounts.models import SignInSession, User
from auditsaas.db.tenancy import Scope
from auditsaas.extensions import db
from auditsaas.permissions import Role
from auditsaas.saved_views import service
from auditsaas.workspaces.models import Membership, Workspace
from tests.support.factories import (
    Sessions,
    append_events,
    as_owner,
    event_input,
    make_member,
    make_workspace,
    scoped,
    sign_in,
    unique,
)
from tests.support.htmx import PARTIAL

Taking = Callable[[User, Workspace], None]


def end_session(person: User, _: Workspace) -> None:
    with Sessions.begin() as session:
        session.execute(delete(SignInSession).where(SignInSession.user_id == person.id))


def idle_session(person: User, _: Workspace) -> None:
    with Sessions.begin() as session:
        mine = update(SignInSession).where(SignInSession.user_id == person.id)
        session.execute(mine.values(last_seen_at=func.now() - func.make_interval(0, 0, 0, 0, 13)))


def disable_person(person: User, _: Workspace) -> None:
    with as_owner() as session:
        session.execute(update(User).where(User.id == person.id).values(disabled_at=func.now()))
        session.commit()


def disable_membership(person: User, workspace: Workspace) -> None:
    with scoped(workspace.id) as session:
        mine = update(Membership).where(Membership.user_id == person.id)
        session.execute(mine.values(disabled_at=func.now()))
        session.commit()


def remove_membership(person: User, workspace: Workspace) -> None:
    with scoped(workspace.id) as session:
        session.execute(delete(Membership).where(Membership.user_id == person.id))
        session.commit()


def suspend(_: User, workspace: Workspace) -> None:
    with as_owner(workspace.id) as session:
        here = update(Workspace).where(Workspace.id == workspace.id)
        session.execute(here.values(suspended_at=func.now()))
        session.commit()


def require_second_factor(_: User, workspace: Workspace) -> None:
    with scoped(workspace.id) as session:
        here = update(Workspace).where(Workspace.id == workspace.id)
        session.execute(here.values(require_second_factor=True))
        session.commit()


@pytest.mark.parametrize(
    ("take", "status"),
    [
        (end_session, 302),
        (idle_session, 302),
        (disable_person, 302),
        (disable_membership, 404),
        (remove_membership, 404),
        (suspend, 403),
        (require_second_factor, 303),
    ],
)
@pytest.mark.parametrize("part", ["", "/count"])
def test_what_is_taken_is_gone_at_the_next_request(
    client: FlaskClient, workspace: Workspace, admin: User, take: Taking, status: int, part: str
) -> None:
    sign_in(client, admin)
    url = f"/w/{workspace.slug}/audit-logs{part}"
    assert client.get(url).status_code == 200
    take(admin, workspace)
    answered, scope = status_and_scope(client, url)
    assert (answered, scope.workspaces) == (status, frozenset())


def status_and_scope(client: FlaskClient, url: str) -> tuple[int, Scope]:
    """Ask, and see which scope is bound as the answer leaves."""
    bound: list[Scope] = []

    def note(_app: Flask, **_: object) -> None:
        bound.append(db.session().info["scope"])

    with request_finished.connected_to(note, client.application):
        status = client.get(url).status_code
    return status, bound[-1]


def test_role_counts_as_it_is_at_the_request(client: FlaskClient, workspace: Workspace) -> None:
    person = make_member(workspace, Role.ADMIN)
    sign_in(client, person)
    url = f"/w/{workspace.slug}/members"
    assert client.get(url).status_code == 200
    with scoped(workspace.id) as session:
        mine = update(Membership).where(Membership.user_id == person.id)
        session.execute(mine.values(role=Role.MEMBER.value))
        session.commit()
    assert status_and_scope(client, url) == (403, Scope(user=person.id))


def test_slug_that_another_workspace_took_leads_to_that_one(client: FlaskClient) -> None:
    first, second = make_workspace("First"), make_workspace("Second")
    person, slug = make_member(first), unique("moving")
    move(first, slug)
    sign_in(client, person)
    append_events(second, [event_input(activity="second.event")])
    assert client.get(f"/w/{slug}/audit-logs").status_code == 200
    move(first, unique("gone"))
    move(second, slug)
    assert status_and_scope(client, f"/w/{slug}/audit-logs") == (404, Scope(user=person.id))
    make_member(second, user=person)
    assert "second.event" in client.get(f"/w/{slug}/audit-logs").text


def move(workspace: Workspace, slug: str) -> None:
    with scoped(workspace.id) as session:
        here = update(Workspace).where(Workspace.id == workspace.id)
        session.execute(here.values(slug=slug))
        session.commit()


@pytest.mark.parametrize("headers", [{}, PARTIAL], ids=["page", "fragment"])
def test_views_are_the_same_whether_or_not_they_came_with_who_asks(
    client: FlaskClient, workspace: Workspace, admin: User, headers: dict[str, str]
) -> None:
    keep_views(workspace, admin, make_member(workspace))
    sign_in(client, admin)
    url = f"/w/{workspace.slug}/audit-logs?range=all"
    for _ in range(2):
        text = client.get(url, headers=headers).text
        assert ("Mine" in text, "Shared" in text, "Another's" in text) == (True, True, False)


def keep_views(workspace: Workspace, person: User, other: User) -> None:
    """Keep a view of the person's own, and one that another shares beside one that they do not."""
    for owner, name, shared in (
        (person, "Mine", False),
        (other, "Shared", True),
        (other, "Another's", False),
    ):
        with scoped(workspace.id, user=owner.id) as session:
            query = "status=error"
            service.save(
                session,
                workspace.id,
                owner.id,
                name=name,
                query=query,
                shared=shared,
                default=False,
            )
            session.commit()


def test_one_statement_tells_of_a_person_what_they_belong_to_and_no_others(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    make_member(workspace), make_member(make_workspace())
    session_id = sign_in(client, admin)
    page = AskedPage(slug=workspace.slug, offers_views=True, counts_unread=True)
    with Sessions() as session:
        for _ in range(2):
            who_asks.let_in(admin.id, workspace.slug, workspace.id)
            found = who_asks.find(session, session_id, page)
            assert found is not None
            assert [(one.id, one.role) for one in found.belongings] == [(workspace.id, Role.ADMIN)]
            assert (found.identity.id, found.unread) == (admin.id, 0)
