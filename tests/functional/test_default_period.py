"""The period that the log opens with: the person's choice, the workspace's, or all time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from auditsaas.accounts.models import User
from auditsaas.extensions import Base
from auditsaas.workspaces.models import Workspace
from tests.support.factories import (
    append_events,
    csrf_token,
    event_input,
    make_api_key,
    make_member,
    make_user,
    make_workspace,
    scoped,
    sign_in,
)
from tests.support.htmx import PARTIAL


@pytest.fixture
def acme() -> Workspace:
    """One event of today, and two of sixty days ago."""
    workspace = make_workspace()
    append_events(workspace, [event_input(), at(60), at(60, status="error")])
    return workspace


@pytest.fixture
def admin(acme: Workspace, client: FlaskClient) -> User:
    member = make_member(acme)
    sign_in(client, member)
    return member


def at(days_ago: int, **fields: str) -> dict[str, object]:
    occurred = datetime.now(UTC) - timedelta(days=days_ago)
    return event_input(occurred_at=occurred.isoformat(), **fields)


def choose(row: Base, period: str | None) -> None:
    """Set the period of a person or a workspace."""
    table = type(row)
    with scoped(*([row.id] if isinstance(row, Workspace) else [])) as session:
        mine = update(table).where(table.id == row.id)  # type: ignore[attr-defined]
        session.execute(mine.values(default_period=period))
        session.commit()


def log(workspace: Workspace, query: str = "") -> str:
    return f"/w/{workspace.slug}/audit-logs{query}"


def shown(client: FlaskClient, url: str, headers: Mapping[str, str] | None = None) -> int:
    answer = client.get(url, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.text.count("data-event-id")


def chosen(page: str) -> str:
    """The key of the preset that the range control says."""
    found = re.search(r'name="range"\s+value="([^"]*)"\s+checked', page)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("of_workspace", "of_person", "rows", "key"),
    [
        ("all", None, 3, "all"),
        ("last_7_days", None, 1, "last_7_days"),
        ("last_7_days", "all", 3, "all"),
        ("last_7_days", "last_90_days", 3, "last_90_days"),
        ("all", "today", 1, "today"),
    ],
)
def test_log_opens_with_the_choice_of_the_person_or_else_of_the_workspace(
    client: FlaskClient,
    acme: Workspace,
    admin: User,
    of_workspace: str,
    of_person: str | None,
    rows: int,
    key: str,
) -> None:
    choose(acme, of_workspace)
    choose(admin, of_person)
    page = client.get(log(acme)).text
    assert page.count("data-event-id") == rows
    assert chosen(page) == key
    assert f'data-address="{log(acme)}?range={key}"' in page
    assert f'id="reset" href="{log(acme)}?range={key}"' in page


def test_new_workspace_opens_with_all_time(client: FlaskClient, acme: Workspace) -> None:
    assert make_workspace().default_period == "all"


@pytest.mark.parametrize("query", ["?range=all", "?view=all", "?status=success&status=error"])
def test_address_that_names_something_means_all_time_unless_it_names_a_period(
    client: FlaskClient, acme: Workspace, admin: User, query: str
) -> None:
    choose(acme, "last_7_days")
    page = client.get(log(acme, query)).text
    assert page.count("data-event-id") == 3
    assert chosen(page) == "all"


@pytest.mark.parametrize("part", ["count", "histogram", "facets", "tail"])
def test_part_of_the_page_without_a_period_is_of_all_time(
    client: FlaskClient, acme: Workspace, admin: User, part: str
) -> None:
    choose(acme, "last_7_days")
    url = log(acme, f"/{part}")
    plain = client.get(url, headers=PARTIAL)
    assert plain.text == client.get(f"{url}?range=all", headers=PARTIAL).text
    assert plain.text != client.get(f"{url}?range=yesterday", headers=PARTIAL).text


def test_answer_to_a_filter_that_is_emptied_says_all_time_in_its_address(
    client: FlaskClient, acme: Workspace, admin: User
) -> None:
    choose(acme, "last_7_days")
    answer = client.get(log(acme, "?range=all&q="), headers=PARTIAL)
    assert answer.headers["HX-Push-Url"] == log(acme, "?range=all")
    assert answer.text.count("data-event-id") == 3
    narrowed = client.get(log(acme, "?range=all&status=error"), headers=PARTIAL)
    assert narrowed.headers["HX-Push-Url"] == log(acme, "?status=error")
    assert f'href="{log(acme)}?range=all"' in narrowed.text  # the chip, removed


def test_key_and_export_take_no_default_period(
    client: FlaskClient, acme: Workspace, admin: User
) -> None:
    choose(acme, "today")
    key = {"Authorization": f"Bearer {make_api_key(acme)}"}
    for query in ("", "?range=all"):
        found = client.get(f"/api/v1/events{query}", headers=key).get_json()["data"]
        assert len(found) == 3
    fields = {"csrf_token": csrf_token(client), "format": "jsonl"}
    file = client.post(f"/w/{acme.slug}/exports", data=fields)
    assert len(file.text.splitlines()) >= 3


def test_view_without_a_period_stays_of_all_time(
    client: FlaskClient, acme: Workspace, admin: User
) -> None:
    choose(acme, "today")
    fields = {"csrf_token": csrf_token(client), "name": "Updates", "query": "activity=invoice.*"}
    saved = client.post(f"/w/{acme.slug}/views", data=fields)
    assert shown(client, saved.headers["Location"]) == 3


def test_log_of_all_workspaces_opens_with_the_longest_of_theirs(
    client: FlaskClient, acme: Workspace, admin: User
) -> None:
    choose(acme, "today")
    other = make_workspace()
    make_member(other, user=admin)
    choose(other, "last_30_days")
    assert chosen(client.get("/audit-logs").text) == "last_30_days"
    choose(admin, "last_7_days")
    assert chosen(client.get("/audit-logs").text) == "last_7_days"


def test_log_of_everything_opens_with_the_super_admin_s_choice(client: FlaskClient) -> None:
    person = make_user(is_super_admin=True)
    sign_in(client, person)
    choose(person, "last_7_days")
    fields = {
        "csrf_token": csrf_token(client),
        "reason": "ticket 4711",
        "next": "/admin/audit-logs",
    }
    client.post("/admin/access", data=fields)
    assert chosen(client.get("/admin/audit-logs").text) == "last_7_days"


def test_quiet_period_tells_how_many_events_are_before_it(
    client: FlaskClient, admin: User, acme: Workspace
) -> None:
    old = make_workspace()
    make_member(old, user=admin)
    append_events(old, [at(60), at(61)])
    choose(old, "last_7_days")
    page = client.get(log(old)).text
    assert "No events in the last 7 days" in page
    assert re.search(r"2 before\.", page)
    assert f'href="{log(old)}?range=all"' in page


def test_empty_log_is_no_quiet_period(client: FlaskClient, admin: User) -> None:
    new = make_workspace()
    make_member(new, user=admin)
    page = client.get(log(new, "?range=last_7_days")).text
    assert "No events yet" in page
    assert "No events in" not in page


def account(client: FlaskClient, period: str) -> int:
    fields = {
        "csrf_token": csrf_token(client),
        "name": "Ann Lee",
        "time_zone": "UTC",
        "date_format": "MM/DD/YYYY",
        "clock": "24",
        "theme": "auto",
        "density": "comfortable",
        "default_period": period,
    }
    return client.post("/account", data=fields).status_code


@pytest.mark.parametrize(("period", "key"), [("last_30_days", "last_30_days"), ("", "today")])
def test_person_chooses_at_the_account(
    client: FlaskClient, acme: Workspace, admin: User, period: str, key: str
) -> None:
    choose(acme, "today")
    assert account(client, period) == 303
    assert chosen(client.get(log(acme)).text) == key
    page = client.get("/account").text
    assert re.search(f'name="default_period"\\s+value="{period}"\\s+checked', page)


@pytest.mark.parametrize("period", ["yesterday", "last_quarter", "custom", "everything", "\x00"])
def test_period_that_no_log_opens_with_is_refused(
    client: FlaskClient, acme: Workspace, admin: User, period: str
) -> None:
    assert account(client, period) == 422
    fields = {"csrf_token": csrf_token(client), "default_period": period}
    answer = client.post(f"/w/{acme.slug}/settings", data=fields)
    assert answer.status_code == 422
    assert "Choose one of these periods." in answer.text


def test_admin_chooses_for_the_workspace_and_it_is_recorded(
    client: FlaskClient, acme: Workspace, admin: User
) -> None:
    fields = {"csrf_token": csrf_token(client), "default_period": "last_7_days"}
    assert client.post(f"/w/{acme.slug}/settings", data=fields).status_code == 303
    assert chosen(client.get(log(acme)).text) == "last_7_days"
    changed = client.get(log(acme, "?activity=workspace.update")).text
    assert changed.count("data-event-id") == 1


@pytest.mark.parametrize(
    "query", ["?range=all&from=2026-01-01", "?range=every", "?range=all&range=today"]
)
def test_period_that_contradicts_itself_is_refused(
    client: FlaskClient, acme: Workspace, admin: User, query: str
) -> None:
    assert client.get(log(acme, query)).status_code == 422
