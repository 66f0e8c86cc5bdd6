"""What every signed-in person finds, what an account holds, and what no password does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from auditsaas.accounts.models import User
from auditsaas.workspaces.models import Workspace
from tests.support.factories import PASSWORD, append_events, csrf_token, event_input, make_user

PAGES = (
    *("/audit-logs", "/exports", "/schedules", "/notifications", "/me/activity"),
    *("/account", "/account/security", "/account/sessions", "/account/confirm"),
    *("/w/{}/audit-logs", "/w/{}/members", "/w/{}/api-keys", "/w/{}/settings", "/w/{}/imports"),
)


@pytest.mark.usefixtures("signed_in_admin")
@pytest.mark.parametrize("page", PAGES)
def test_every_page_has_a_way_to_sign_out(
    client: FlaskClient, workspace: Workspace, page: str
) -> None:
    assert 'action="/logout"' in client.get(page.format(workspace.slug)).text


def test_account_holds_no_hint_or_secret_question() -> None:
    names = set(User.__table__.columns.keys())
    assert not [name for name in names for word in ("hint", "question", "answer") if word in name]
    assert {name for name in names if "password" in name} == {"password_hash"}


def test_password_never_expires(client: FlaskClient, owner_engine: Engine) -> None:
    user = make_user()
    with owner_engine.begin() as owner:
        long_ago = {"at": datetime.now(UTC) - timedelta(days=4_000), "id": user.id}
        owner.execute(text("UPDATE users SET created_at = :at WHERE id = :id"), long_ago)
    form = {"email": user.email, "password": PASSWORD, "csrf_token": csrf_token(client)}
    answer = client.post("/login", data=form, environ_base={"REMOTE_ADDR": "198.51.100.240"})
    assert (answer.status_code, answer.location) == (302, "/")


@pytest.mark.usefixtures("signed_in_admin")
@pytest.mark.parametrize(
    "term", ["a%b", "a_b", "a.b", "a*b", "a(b", "a[b", "a+b", "a?b", "a|b", "a^b$", "a'b", "a{2}b"]
)
def test_wildcards_and_quotes_in_values_are_plain_text(
    client: FlaskClient, workspace: Workspace, term: str
) -> None:
    notes = (f"x {term} x", "x aXb x", "x ab x", "x aab x", "x a x")
    append_events(workspace, [event_input(metadata={"note": note}) for note in notes])
    page = client.get(f"/w/{workspace.slug}/audit-logs", query_string={"q": f'"{term}"'})
    assert (page.status_code, page.text.count("data-event-id")) == (200, 1)
