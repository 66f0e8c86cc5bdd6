"""The last other admin of a workspace is not shut out at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient

from auditsaas.accounts.models import User
from auditsaas.permissions import Role
from auditsaas.workspaces.models import Membership, Workspace
from tests.support.factories import csrf_token, make_member, scoped
from tests.support.waiting import (
    act_on,
    ask_for,
    changes_of,
    hold,
    let_take_effect,
    mails_to,
    states,
)

pytestmark = pytest.mark.usefixtures("signed_in_admin")


@pytest.mark.parametrize(
    ("act", "fields"),
    [("remove", {"confirmed": "1"}), ("disable", {}), ("role", {"role": "member"})],
)
def test_last_other_admin_is_shut_out_only_after_the_delay(
    app: Flask,
    client: FlaskClient,
    workspace: Workspace,
    second_admin: User,
    act: str,
    fields: dict[str, str],
) -> None:
    assert post_member(client, workspace, second_admin, act, **fields).endswith("?done=waits")
    assert is_admin(workspace, second_admin)
    assert len(mails_to(second_admin.id, "change.asked")) == 1
    let_take_effect(app, workspace)
    assert states(workspace) == ["applied"]
    assert not is_admin(workspace, second_admin)


def test_one_of_three_admins_is_removed_at_once(
    client: FlaskClient, workspace: Workspace, second_admin: User
) -> None:
    make_member(workspace)
    assert post_member(client, workspace, second_admin, "remove", confirmed="1").endswith(
        "?done=removed"
    )
    assert not is_admin(workspace, second_admin)
    assert changes_of(workspace) == []


def test_admin_before_is_not_left_to_new_ones_at_once(
    client: FlaskClient, workspace: Workspace, second_admin: User
) -> None:
    """The admin who asks has just made an admin, who may be themself."""
    newcomer = make_member(workspace, Role.MEMBER)
    post_member(client, workspace, newcomer, "role", role="admin")
    assert post_member(client, workspace, second_admin, "remove", confirmed="1").endswith(
        "?done=waits"
    )
    assert is_admin(workspace, second_admin)
    assert post_member(client, workspace, newcomer, "disable").endswith("?done=disabled")


def test_new_admin_approves_no_change(
    client: FlaskClient, workspace: Workspace, browser: Callable[[User], FlaskClient]
) -> None:
    newcomer = make_member(workspace, admin_since=datetime.now(UTC))
    hold(workspace, two_admins=True)
    ask_for(client, workspace, retention_days="30")
    [change] = changes_of(workspace)
    refused = act_on(browser(newcomer), workspace, change, "approve")
    assert refused.status_code == 409
    assert "less than 7 days" in refused.text
    assert changes_of(workspace)[0].approved_by is None


def test_two_admins_who_ask_to_shut_each_other_out_leave_one(
    app: Flask,
    client: FlaskClient,
    second_browser: FlaskClient,
    workspace: Workspace,
    admin: User,
    second_admin: User,
) -> None:
    post_member(client, workspace, second_admin, "remove", confirmed="1")
    post_member(second_browser, workspace, admin, "remove", confirmed="1")
    let_take_effect(app, workspace)
    assert sorted(states(workspace)) == ["applied", "cancelled"]
    assert is_admin(workspace, admin) is not is_admin(workspace, second_admin)


def post_member(
    client: FlaskClient, workspace: Workspace, user: User, act: str, **fields: str
) -> str:
    path = f"/w/{workspace.slug}/members/{user.id}/{act}"
    answer = client.post(path, data={**fields, "csrf_token": csrf_token(client)})
    return str(answer.location)


def is_admin(workspace: Workspace, user: User) -> bool:
    with scoped(workspace.id) as session:
        found = session.get(Membership, (workspace.id, user.id))
        return found is not None and (found.role, found.disabled_at) == ("admin", None)
