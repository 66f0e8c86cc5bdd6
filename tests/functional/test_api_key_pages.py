"""API keys as an admin makes and revokes them, and as an application meets the result."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from auditsaas.accounts.models import User
from auditsaas.events.models import events
from auditsaas.permissions import Role
from auditsaas.workspaces.models import ApiKey, Workspace
from tests.support import factories
from tests.support.factories import csrf_token, event_input, make_member, make_workspace

pytestmark = pytest.mark.usefixtures("signed_in_admin")


def make(client: FlaskClient, workspace: Workspace, **fields: object) -> TestResponse:
    data: dict[str, object] = {
        "name": "scanner",
        "scope": ["events:write"],
        "lifetime": "365",
        "networks": "",
    }
    data |= {**fields, "csrf_token": csrf_token(client)}
    return client.post(f"/w/{workspace.slug}/api-keys/new", data=data)


def secret_in(answer: TestResponse) -> str:
    found = re.search(r'value="(aud_[^"]+)"', answer.text)
    assert found is not None
    return found[1]


def send(app: Flask, secret: str, address: str = "127.0.0.1") -> TestResponse:
    return app.test_client().post(
        "/api/v1/events",
        json=event_input(),
        headers={"Authorization": f"Bearer {secret}"},
        environ_base={"REMOTE_ADDR": address},
    )


def key_of(workspace: Workspace) -> ApiKey:
    with factories.scoped(workspace.id) as session:
        return session.scalars(select(ApiKey).where(ApiKey.workspace_id == workspace.id)).one()


def test_a_new_key_works_and_its_secret_is_shown_once(
    app: Flask, client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    answer = make(client, workspace)
    secret = secret_in(answer)
    assert send(app, secret).status_code == 201
    page = client.get(f"/w/{workspace.slug}/api-keys").text
    assert secret not in page
    assert f"{secret[:8]}…" in page
    assert admin.name in page


def test_a_revoked_key_is_refused_at_the_next_request(
    app: Flask, client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    secret = secret_in(make(client, workspace))
    assert send(app, secret).status_code == 201
    address = f"/w/{workspace.slug}/api-keys/{key_of(workspace).id}/revoke"
    form = {"csrf_token": csrf_token(client)}
    assert "cannot be undone" in client.post(address, data=form).text
    assert send(app, secret).status_code == 201
    client.post(address, data={**form, "confirmed": "1"})
    assert send(app, secret).status_code == 401
    assert 'data-state="revoked"' in client.get(f"/w/{workspace.slug}/api-keys").text
    assert client.post(address, data={**form, "confirmed": "1"}).status_code == 409


def test_creating_and_revoking_a_key_are_events_without_the_secret(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    secret = secret_in(make(client, workspace, networks="10.0.0.0/8"))
    key = key_of(workspace)
    form = {"csrf_token": csrf_token(client), "confirmed": "1"}
    client.post(f"/w/{workspace.slug}/api-keys/{key.id}/revoke", data=form)
    with factories.scoped(workspace.id) as session:
        rows = session.execute(
            select(events).where(events.c.workspace_id == workspace.id).order_by(events.c.seq)
        ).all()
    assert [row.activity for row in rows] == ["api_key.create", "api_key.revoke"]
    assert rows[0].changes["scopes"] == [None, ["events:write"]]
    assert rows[0].changes["allowed_networks"] == [None, ["10.0.0.0/8"]]
    assert rows[0].targets[0]["id"] == str(key.id)
    assert secret not in str(rows)


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("203.0.113.7", 201),
        ("203.0.114.1", 403),
        ("2001:db8::5", 201),
        ("::ffff:203.0.113.9", 201),
        ("not an address", 403),
    ],
)
def test_key_is_refused_from_outside_its_allowed_networks(
    app: Flask, client: FlaskClient, workspace: Workspace, admin: User, address: str, status: int
) -> None:
    secret = secret_in(make(client, workspace, networks="203.0.113.0/24\n2001:db8::/32"))
    assert send(app, secret, address).status_code == status


def test_networks_of_a_key_written_as_ipv6_are_those_of_ipv4(
    app: Flask, client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    secret = secret_in(make(client, workspace, networks="::ffff:203.0.113.0/120"))
    assert send(app, secret, "203.0.113.7").status_code == 201
    assert send(app, secret, "203.0.114.7").status_code == 403
    refused = make(client, workspace, networks="::ffff:203.0.113.0/90")
    assert "holds more than IPv4 addresses" in refused.text


def test_forged_forwarding_header_does_not_change_the_callers_address(
    app: Flask, client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    secret = secret_in(make(client, workspace, networks="203.0.113.0/24"))
    answer = app.test_client().post(
        "/api/v1/events",
        json=event_input(),
        headers={"Authorization": f"Bearer {secret}", "X-Forwarded-For": "203.0.113.7"},
        environ_base={"REMOTE_ADDR": "198.51.100.1"},
    )
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "fields",
    [
        {"name": " "},
        {"name": "a" * 101},
        {"name": "two\u202elines"},
        {"scope": []},
        {"scope": ["admin"]},
        {"lifetime": "-1"},
        {"networks": "example.com"},
        {"networks": "10.0.0.0/33"},
        {"networks": " ".join(f"10.0.0.{n}" for n in range(51))},
    ],
)
def test_invalid_key_form_is_refused_and_keeps_its_input(
    client: FlaskClient, workspace: Workspace, admin: User, fields: dict[str, object]
) -> None:
    answer = make(client, workspace, **fields)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    with factories.scoped(workspace.id) as session:
        assert session.scalars(select(ApiKey)).all() == []


def test_key_lifetime_is_unlimited_or_bounded(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    make(client, workspace, lifetime="30")
    key = key_of(workspace)
    assert key.expires_at is not None
    assert (key.expires_at - key.created_at).days in (29, 30)


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.MEMBER])
def test_only_an_admin_sees_the_keys(client: FlaskClient, workspace: Workspace, role: Role) -> None:
    factories.sign_in(client, make_member(workspace, role))
    assert client.get(f"/w/{workspace.slug}/api-keys").status_code == 403
    assert make(client, workspace).status_code == 403


def test_a_key_of_another_workspace_is_not_found(
    app: Flask, client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    other = make_workspace()
    secret = factories.make_api_key(other)
    form = {"csrf_token": csrf_token(client), "confirmed": "1"}
    address = f"/w/{workspace.slug}/api-keys/{key_of(other).id}/revoke"
    assert client.post(address, data=form).status_code == 404
    assert send(app, secret).status_code == 201
