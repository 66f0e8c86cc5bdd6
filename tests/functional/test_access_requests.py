"""Workspaces that are to be asked before a super-admin looks into them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from auditsaas.accounts.models import User
from auditsaas.db.platform import Look, platform_session
from auditsaas.events.models import events
from auditsaas.mail.models import Mail
from auditsaas.notifications.models import Notification
from auditsaas.platform_access.models import AccessRequest
from auditsaas.workspaces.models import Workspace
from tests.support.factories import (
    append_events,
    csrf_token,
    event_input,
    make_member,
    make_user,
    make_workspace,
    say_why,
    scoped,
    sign_in,
)
from tests.support.htmx import PARTIAL


@pytest.fixture
def acme(app: Flask) -> Workspace:
    """Which is to be asked first, with an event."""
    workspace = make_workspace()
    append_events(workspace, [event_input()])
    with scoped(workspace.id) as session:
        session.get_one(Workspace, workspace.id).asks_first = True
        session.commit()
    return workspace


@pytest.fixture
def admin(acme: Workspace) -> User:
    return make_member(acme)


def browser(app: Flask, person: User) -> FlaskClient:
    client = app.test_client()
    sign_in(client, person)
    return client


@pytest.fixture
def inside(app: Flask, admin: User) -> FlaskClient:
    """The browser of an admin of the workspace."""
    return browser(app, admin)


@pytest.fixture
def above(app: Flask, acme: Workspace) -> FlaskClient:
    """The browser of a super-admin."""
    return browser(app, make_user(name="Robin Ross", is_super_admin=True))


def rows_of(client: FlaskClient, acme: Workspace) -> list[str]:
    page = client.get(f"/admin/audit-logs?workspace={acme.slug}").text
    return re.findall(r'data-event-id="([^"]+)"', page)


def request_of(acme: Workspace) -> AccessRequest:
    with scoped(acme.id) as session:
        return session.scalars(
            select(AccessRequest).where(AccessRequest.workspace_id == acme.id)
        ).one()


def answer(client: FlaskClient, acme: Workspace, verb: str) -> int:
    address = f"/w/{acme.slug}/access-requests/{request_of(acme).id}/{verb}"
    return client.post(address, data={"csrf_token": csrf_token(client)}).status_code


def open_in_need(client: FlaskClient, acme: Workspace, reason: str = "Nobody answers") -> int:
    address = f"/admin/access/requests/{acme.id}/{request_of(acme).id}/open"
    form = {"csrf_token": csrf_token(client), "reason": reason}
    return client.post(address, data=form).status_code


def recorded(acme: Workspace, activity: str) -> list[Any]:
    with scoped(acme.id) as session:
        found = select(events).where(
            events.c.workspace_id == acme.id, events.c.activity == activity
        )
        return list(session.execute(found).all())


def mails_to(acme: Workspace, person: User) -> list[Mail]:
    with scoped(acme.id, user=person.id) as session:
        return list(session.scalars(select(Mail).where(Mail.user_id == person.id)))


def test_workspace_is_not_asked_first_unless_it_says_so(app: Flask, inside: FlaskClient) -> None:
    workspace = make_workspace()
    client = browser(app, make_member(workspace))
    page = client.get(f"/w/{workspace.slug}/settings").text
    assert re.search(r'name="asks_first"\s+value="1"\s+checked', page) is None
    form = {"csrf_token": csrf_token(client), "asks_first": "1"}
    assert client.post(f"/w/{workspace.slug}/settings", data=form).status_code == 303
    with scoped(workspace.id) as session:
        assert session.get_one(Workspace, workspace.id).asks_first
    [event] = recorded(workspace, "workspace.update")
    assert event.changes == {"asks_first": [False, True]}


def test_request_opens_nothing_before_an_admin_approves(
    above: FlaskClient, inside: FlaskClient, acme: Workspace
) -> None:
    say_why(above, acme.slug, reason="Case 4711")
    assert rows_of(above, acme) == []
    assert "Waiting for an admin of" in above.get(f"/admin/audit-logs?workspace={acme.slug}").text
    count = above.get(f"/admin/audit-logs/count?workspace={acme.slug}", headers=PARTIAL)
    assert count.status_code == 403
    assert answer(inside, acme, "approve") == 303
    assert len(rows_of(above, acme)) > 0


def test_request_is_recorded_and_told_to_every_admin_at_once(
    above: FlaskClient, inside: FlaskClient, admin: User, acme: Workspace
) -> None:
    say_why(above, acme.slug, reason="Case 4711")
    [event] = recorded(acme, "platform.request")
    assert (event.actor_name, event.metadata) == ("Robin Ross", {"reason": "Case 4711"})
    [mail] = mails_to(acme, admin)
    assert (mail.kind, mail.context["words"]) == ("access.asked", "Case 4711")
    with scoped(user=admin.id) as session:
        [bell] = session.scalars(select(Notification).where(Notification.user_id == admin.id))
    assert bell.url == f"/w/{acme.slug}/access-requests"
    assert "Case 4711" in inside.get(bell.url).text


def test_request_asked_twice_is_one(above: FlaskClient, acme: Workspace) -> None:
    for _ in range(2):
        say_why(above, acme.slug)
    assert request_of(acme).state == "waiting"
    assert len(recorded(acme, "platform.request")) == 1


def test_reason_for_all_leaves_out_what_is_to_be_asked_first(
    app: Flask, above: FlaskClient, inside: FlaskClient, acme: Workspace
) -> None:
    other = make_workspace()
    append_events(other, [event_input()])
    say_why(above)
    page = above.get("/admin/audit-logs?limit=100").text
    assert f"/admin/audit-logs/{other.slug}/" in page
    assert f"/admin/audit-logs/{acme.slug}/" not in page
    assert rows_of(above, acme) == []
    form = {"csrf_token": csrf_token(above), "format": "csv", "workspace": acme.slug}
    assert above.post("/admin/exports", data=form).status_code == 403
    say_why(above, acme.slug)
    assert answer(inside, acme, "approve") == 303
    assert f"/admin/audit-logs/{acme.slug}/" in above.get("/admin/audit-logs?limit=100").text


def test_figures_of_a_workspace_that_is_asked_first_are_left_out(
    above: FlaskClient, acme: Workspace
) -> None:
    page = above.get(f"/admin/workspaces?q={acme.slug}").text
    row = page[page.index(f'data-workspace="{acme.slug}"') :].partition("</tr>")[0]
    assert '<td class="end num" data-l="Events, 7 days">–</td>' in row
    assert "Asks first" in row
    assert recorded(acme, "platform.view") == []


def test_row_level_security_leaves_out_what_is_closed(app: Flask, acme: Workspace) -> None:
    own = select(events.c.id).where(events.c.workspace_id == acme.id)
    look = Look(every=True, closed=frozenset({acme.id}))
    for bound, sees in ((look, False), (Look(every=True), True)):
        with app.app_context(), platform_session(bound) as session:
            assert bool(session.scalars(own).all()) is sees


def test_declined_request_opens_nothing_and_its_asker_is_told(
    above: FlaskClient, inside: FlaskClient, acme: Workspace
) -> None:
    say_why(above, acme.slug)
    assert answer(inside, acme, "decline") == 303
    assert rows_of(above, acme) == []
    assert answer(inside, acme, "approve") == 409
    assert recorded(acme, "platform.decline")
    asker = request_of(acme).user_id
    with scoped(user=asker) as session:
        kinds = session.scalars(select(Notification.kind).where(Notification.user_id == asker))
        assert list(kinds) == ["access.declined"]


def test_admin_ends_an_access_that_was_given(
    above: FlaskClient, inside: FlaskClient, acme: Workspace
) -> None:
    say_why(above, acme.slug)
    assert answer(inside, acme, "approve") == 303
    assert rows_of(above, acme)
    assert answer(inside, acme, "decline") == 303
    assert rows_of(above, acme) == []


def test_approval_ends_after_its_hours_and_a_request_after_its_days(
    above: FlaskClient, inside: FlaskClient, acme: Workspace, owner_engine: Engine
) -> None:
    say_why(above, acme.slug)
    assert answer(inside, acme, "approve") == 303
    age(owner_engine, acme, "open_until = open_until - interval '4 hours'")
    assert rows_of(above, acme) == []
    say_why(above, acme.slug)
    age(owner_engine, acme, "asked_at = asked_at - interval '7 days'")
    assert "Waiting for an admin" not in above.get(f"/admin/audit-logs?workspace={acme.slug}").text


def age(owner_engine: Engine, acme: Workspace, change: str) -> None:
    with owner_engine.begin() as connection:
        bound = text("SELECT set_config('auditsaas.workspaces', :id, true)")
        connection.execute(bound, {"id": f"{{{acme.id}}}"})
        connection.execute(text(f"UPDATE access_requests SET {change}"))  # noqa: S608  # constants


def test_second_super_admin_opens_in_need_and_every_admin_is_told(
    app: Flask, above: FlaskClient, admin: User, acme: Workspace
) -> None:
    say_why(above, acme.slug, reason="Case 4711")
    second = browser(app, make_user(name="Sam Reed", is_super_admin=True))
    assert "Robin Ross asks" in second.get("/admin/access/requests").text
    assert open_in_need(second, acme, reason="x") == 422
    assert rows_of(above, acme) == []
    assert open_in_need(second, acme) == 303
    assert rows_of(above, acme)
    assert rows_of(second, acme) == []  # it is open to the one who asked
    [event] = recorded(acme, "platform.break_glass")
    assert event.actor_name == "Sam Reed"
    assert event.metadata == {
        "reason": "Case 4711",
        "asked_by": "Robin Ross",
        "because": "Nobody answers",
    }
    kinds = {mail.kind for mail in mails_to(acme, admin)}
    assert kinds == {"access.asked", "access.broken"}


def test_nobody_decides_what_they_asked_for_themselves(
    above: FlaskClient, acme: Workspace, owner_engine: Engine
) -> None:
    say_why(above, acme.slug)
    assert open_in_need(above, acme) == 403
    assert rows_of(above, acme) == []
    asked = request_of(acme)
    with scoped(acme.id, user=asked.user_id) as session:
        by_hand = text(
            "UPDATE access_requests SET state = 'approved', decided_by = user_id,"
            " open_until = now() + interval '1 hour' WHERE workspace_id = :id"
        )
        with pytest.raises(IntegrityError, match="ck_access_requests_decided"):
            session.execute(by_hand, {"id": acme.id})


def test_super_admin_who_is_an_admin_too_does_not_approve_themselves(
    app: Flask, acme: Workspace
) -> None:
    both = make_user(name="Robin Ross", is_super_admin=True)
    make_member(acme, user=both)
    client = browser(app, both)
    say_why(client, acme.slug)
    assert answer(client, acme, "approve") == 403


def test_request_in_the_name_of_another_is_refused_by_the_database(acme: Workspace) -> None:
    me, other = make_user(is_super_admin=True), make_user(is_super_admin=True)
    with scoped(acme.id, user=me.id) as session:
        assert isinstance(session, Session)
        session.add(AccessRequest(workspace_id=acme.id, user_id=other.id, reason="Case 4711"))
        with pytest.raises(Exception, match="row-level security"):
            session.flush()
