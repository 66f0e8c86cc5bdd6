from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from auditsaas.accounts.models import User
from auditsaas.permissions import Role
from auditsaas.workspaces.models import Workspace
from tests.support.factories import (
    append_events,
    event_input,
    make_member,
    make_user,
    make_workspace,
    sign_in,
)
from tests.support.htmx import PARTIAL

START = datetime(2026, 11, 16, 10, tzinfo=UTC)


@pytest.fixture
def admin(acme: Workspace, client: FlaskClient) -> User:
    user = make_member(acme)
    sign_in(client, user)
    return user


def at(seconds: int) -> str:
    return (START + timedelta(seconds=seconds)).isoformat()


def rows(answer: TestResponse) -> list[str]:
    assert answer.status_code == 200, answer.text
    return re.findall(r'data-event-id="([^"]+)"', answer.text)


def log(workspace: Workspace, **args: object) -> str:
    return f"/w/{workspace.slug}/audit-logs?{urlencode(args, doseq=True)}"


@pytest.mark.usefixtures("admin")
def test_the_newest_events_come_first_with_every_column(
    acme: Workspace, client: FlaskClient
) -> None:
    agent = (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko)"
        " Chrome/156.0.0.0 Safari/537.36"
    )
    appended = append_events(
        acme,
        [
            event_input(occurred_at=at(0)),
            event_input(
                occurred_at=at(9),
                activity="user.login",
                status="error",
                status_code=401,
                user_agent=agent,
                duration_ms=1284,
            ),
        ],
    )
    answer = client.get(log(acme))
    assert rows(answer) == [str(i) for i in reversed(appended.ids)]
    newest = re.search(r'<tr role="row" id="e-.*?</tr>', answer.text, re.DOTALL)
    assert newest is not None
    text = re.sub(r"<[^>]+>|\s+", " ", newest[0])
    for shown in (
        "Sign in",
        "user.login",
        "Error",
        "401 Unauthorized",
        "1,284",
        "Ann Lee",
        "ann@example.com",
        "macOS",
        "Chrome 156",
        "203.0.113.7",
        "11/16/2026",
        "10:00:09",
    ):
        assert shown in text


@pytest.mark.usefixtures("admin")
def test_paging_shows_every_event_once_in_both_directions(
    acme: Workspace, client: FlaskClient
) -> None:
    ids = append_events(acme, [event_input(occurred_at=at(n // 7)) for n in range(120)]).ids
    seen, url = [], log(acme, limit=25)
    while url:
        answer = client.get(url)
        seen.append(rows(answer))
        found = re.search(r'href="([^"]+)"[^>]*aria-label="Older events"', answer.text)
        url = found[1].replace("&amp;", "&") if found else ""
    assert [len(page) for page in seen] == [25, 25, 25, 25, 20]
    assert [event_id for page in seen for event_id in page] == [str(i) for i in reversed(ids)]
    back = re.search(r'href="([^"]+)"[^>]*aria-label="Newer events"', answer.text)
    assert back is not None
    assert rows(client.get(back[1].replace("&amp;", "&"))) == seen[-2]


@pytest.mark.usefixtures("admin")
def test_filter_change_returns_only_the_results_and_pushes_the_url(
    acme: Workspace, client: FlaskClient
) -> None:
    append_events(acme, [event_input(), event_input(status="error")])
    answer = client.get(log(acme, status="error", range=""), headers=PARTIAL)
    assert len(rows(answer)) == 1
    assert "<html" not in answer.text
    assert answer.headers["HX-Push-Url"] == log(acme, status="error")
    assert "HX-Request-Type" in answer.headers["Vary"]
    assert answer.headers["Cache-Control"] == "no-store"
    whole = client.get(answer.headers["HX-Push-Url"])
    assert "<html" in whole.text
    assert rows(whole) == rows(answer)


@pytest.mark.usefixtures("admin")
def test_count_uses_the_same_filter(acme: Workspace, client: FlaskClient) -> None:
    append_events(acme, [event_input(status="error" if n % 3 else "success") for n in range(30)])
    answer = client.get(f"/w/{acme.slug}/audit-logs/count?status=error", headers=PARTIAL)
    assert 'data-count="20"' in answer.text
    assert 'data-exact="true"' in answer.text


@pytest.mark.usefixtures("admin")
def test_invalid_arguments_are_named_and_no_query_runs(
    acme: Workspace, client: FlaskClient
) -> None:
    append_events(acme, [event_input()])
    answer = client.get(log(acme) + "?from=yesterday&limit=x&before=zzz")
    assert answer.status_code == 422
    assert "yesterday" in answer.text
    assert "25, 50 or 100" in answer.text
    assert "zzz" in answer.text
    assert "data-event-id" not in answer.text


@pytest.mark.usefixtures("admin")
def test_all_my_workspaces_are_merged_newest_first_and_can_be_chosen(
    acme: Workspace, admin: User, client: FlaskClient
) -> None:
    other = make_workspace("Other")
    make_member(other, Role.AUDITOR, admin)
    hidden = make_workspace("Hidden")
    make_member(hidden, Role.MEMBER, admin)
    ids = [
        append_events(workspace, [event_input(occurred_at=at(n))]).ids[0]
        for n, workspace in enumerate([acme, other, acme, other, hidden])
    ]
    assert rows(client.get("/audit-logs")) == [str(i) for i in reversed(ids[:4])]
    assert rows(client.get(f"/audit-logs?workspace={other.slug}")) == [str(ids[3]), str(ids[1])]
    assert client.get(f"/audit-logs?workspace={hidden.slug}").status_code == 422


def test_log_opens_by_role_and_membership(acme: Workspace, client: FlaskClient) -> None:
    answers = {}
    for name, user in {
        "auditor": make_member(acme, Role.AUDITOR),
        "member": make_member(acme, Role.MEMBER),
        "disabled": make_member(acme, disabled_at=datetime.now(UTC)),
        "stranger": make_user(),
        "super-admin": make_user(is_super_admin=True),
    }.items():
        sign_in(client, user)
        answers[name] = [client.get(u).status_code for u in (log(acme), "/admin/audit-logs")]
    assert answers == {
        "auditor": [200, 404],
        "member": [403, 404],
        "disabled": [404, 404],
        "stranger": [404, 404],
        "super-admin": [404, 200],
    }


def test_signed_out_person_signs_in_and_returns_to_the_log(
    acme: Workspace, client: FlaskClient
) -> None:
    answer = client.get(log(acme, status="error"))
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/login?next=/w/")


@pytest.mark.usefixtures("admin")
def test_event_has_a_page_and_a_drawer_only_for_its_workspace(
    acme: Workspace, client: FlaskClient
) -> None:
    [event_id] = append_events(acme, [event_input(changes={"role": ["member", "admin"]})]).ids
    url = f"/w/{acme.slug}/audit-logs/{event_id}"
    assert "<html" in client.get(url).text
    drawer = client.get(url, headers=PARTIAL)
    assert "<html" not in drawer.text
    assert "/invoices/42" in drawer.text
    other = make_workspace()
    [foreign] = append_events(other, [event_input()]).ids
    assert client.get(f"/w/{acme.slug}/audit-logs/{foreign}").status_code == 404
    assert client.get(f"/w/{other.slug}/audit-logs/{foreign}").status_code == 404


@pytest.mark.usefixtures("admin")
def test_hostile_text_is_shown_as_text(acme: Workspace, client: FlaskClient) -> None:
    hostile = "<script>alert(1)</script>\"' javascript:alert(1) \u202e\u200b"
    append_events(
        acme,
        [
            event_input(
                activity=hostile[:40],
                path=hostile,
                user_agent=hostile * 20,
                method="<img>",
                actor={"id": hostile, "name": hostile, "email": hostile},
                targets=[{"type": "t", "id": hostile}] * 20,
                metadata={hostile: hostile},
            )
        ],
    )
    for url in (log(acme), log(acme, user=hostile)):
        answer = client.get(url)
        assert "<script>alert" not in answer.text
        assert "<img>" not in answer.text
        shown = re.sub(r'(value|href|hx-get|data-copy)="[^"]*"', "", answer.text)
        assert "\u202e" not in shown
