"""Who is told where a person signs in: the installation, their home, and what they entered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from auditsaas.accounts.models import User
from auditsaas.events.models import events
from auditsaas.events.system_log import SYSTEM_WORKSPACE_ID
from auditsaas.own_actions import COPY_OF, WITHHELD
from auditsaas.permissions import Role
from auditsaas.workspaces.models import Membership, Workspace
from tests.support import factories
from tests.support.asking import confirm
from tests.support.factories import PASSWORD, csrf_token, make_member, make_workspace, unique
from tests.support.outside import settle_accounts

PLACE = "203.0.113.77"
NEW_PASSWORD = "seven purple otters juggling"


class World:
    """A person, their home, and a workspace that invited them later, which watches."""

    def __init__(self) -> None:
        self.home, self.watching = make_workspace("Home"), make_workspace("Watching")
        self.user = make_member(self.home)
        make_member(self.watching, Role.AUDITOR, self.user)


@pytest.fixture
def world() -> World:
    return World()


def post(client: FlaskClient, path: str, **fields: str) -> TestResponse:
    return client.post(
        path,
        data=fields | {"csrf_token": csrf_token(client)},
        environ_base={"REMOTE_ADDR": PLACE},
        headers={"User-Agent": "Firefox", "X-Request-ID": unique("req")},
    )


def sign_in(
    client: FlaskClient, user: User, password: str = PASSWORD, next: str = ""
) -> TestResponse:
    return post(client, "/login", email=user.email, password=password, next=next)


def last_of(workspace_id: Any, user: User) -> Any:
    with factories.scoped(workspace_id) as session:
        mine = events.c.actor_id == str(user.id), events.c.workspace_id == workspace_id
        found = select(events).where(*mine).order_by(events.c.seq.desc()).limit(1)
        return session.execute(found).one()


def is_placeless(event: Any) -> bool:
    """Tell whether an event says nothing of a place, and says that it does not."""
    hidden = event.ip, event.user_agent, event.browser or None, event.platform
    withheld = (event.metadata or {}).get(WITHHELD)
    assert (withheld is not None) is (event.ip is None)
    return hidden == (None, None, None, "Other") and withheld == ["ip", "user_agent"]


ACTS: dict[str, Callable[[Flask, FlaskClient, User], object]] = {
    "sign-in": lambda _, client, user: sign_in(client, user),
    "refused sign-in": lambda app, client, user: (
        sign_in(app.test_client(), user, "wrong"),
        settle_accounts(app),
    ),
    "sign-out": lambda _, client, user: (sign_in(client, user), post(client, "/logout")),
    "reset request": lambda app, client, user: (
        post(client, "/password-reset", email=user.email),
        settle_accounts(app),
    ),
    "password change": lambda _, client, user: (
        sign_in(client, user),
        post(client, "/account/security/password", password=PASSWORD, new_password=NEW_PASSWORD),
    ),
    "wrong password change": lambda _, client, user: (
        sign_in(client, user),
        post(client, "/account/security/password", password="wrong", new_password=NEW_PASSWORD),
    ),
    "choice of mails": lambda _, client, user: (
        sign_in(client, user),
        post(client, "/notifications/mails", report="1"),
    ),
}


@pytest.mark.parametrize("act", ACTS)
def test_place_is_told_to_home_and_installation_and_to_no_other(
    app: Flask, client: FlaskClient, world: World, act: str
) -> None:
    ACTS[act](app, client, world.user)
    watched, home = last_of(world.watching.id, world.user), last_of(world.home.id, world.user)
    system = last_of(SYSTEM_WORKSPACE_ID, world.user)
    assert is_placeless(watched)
    assert watched.activity == home.activity == system.activity
    for event in (home, system):
        assert (str(event.ip), event.user_agent) == (PLACE, "Firefox")
    assert system.metadata[COPY_OF]["slug"] == world.home.slug


@pytest.mark.parametrize("after", ["/w/{}/audit-logs?status=error", "/w/{}"])
def test_sign_in_into_a_workspace_is_told_to_it_in_full(
    client: FlaskClient, world: World, after: str
) -> None:
    sign_in(client, world.user, next=after.format(world.watching.slug))
    assert str(last_of(world.watching.id, world.user).ip) == PLACE


@pytest.mark.parametrize("after", ["/audit-logs", "/w/", "/w/{home}/x", "//evil/w/{watching}"])
def test_sign_in_elsewhere_is_not_told_in_full(
    client: FlaskClient, world: World, after: str
) -> None:
    after = after.format(home=world.home.slug, watching=world.watching.slug)
    sign_in(client, world.user, next=after)
    assert is_placeless(last_of(world.watching.id, world.user))


def test_refused_sign_in_names_no_workspace_to_be_told(
    app: Flask, client: FlaskClient, world: World
) -> None:
    sign_in(client, world.user, "wrong", next=f"/w/{world.watching.slug}/audit-logs")
    settle_accounts(app)
    assert is_placeless(last_of(world.watching.id, world.user))


def test_confirmation_for_a_workspace_is_told_to_it_in_full(
    client: FlaskClient, world: World
) -> None:
    sign_in(client, world.user)
    here = f"/w/{world.watching.slug}/audit-logs"
    confirm(client, client.get(f"/account/confirm?next={here}"), password=PASSWORD)
    assert last_of(world.watching.id, world.user).activity == "user.confirm"
    assert not is_placeless(last_of(world.watching.id, world.user))


def test_home_moves_on_when_a_person_leaves_it(client: FlaskClient, world: World) -> None:
    with factories.scoped(world.home.id) as session:
        session.delete(session.get_one(Membership, (world.home.id, world.user.id)))
        session.commit()
    sign_in(client, world.user)
    assert str(last_of(world.watching.id, world.user).ip) == PLACE


def test_the_person_reads_their_own_place(client: FlaskClient, world: World) -> None:
    sign_in(client, world.user)
    assert PLACE in client.get("/me/activity").text


def test_sign_in_of_one_workspace_withholds_nothing(
    client: FlaskClient, workspace: Workspace
) -> None:
    user = make_member(workspace)
    sign_in(client, user)
    event = last_of(workspace.id, user)
    assert (str(event.ip), WITHHELD in (event.metadata or {})) == (PLACE, False)
