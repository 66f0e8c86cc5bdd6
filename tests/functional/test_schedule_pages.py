"""The schedules' pages, as a browser without JavaScript uses them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select, update
from werkzeug.test import TestResponse

from auditsaas.accounts.models import User
from auditsaas.events.filter.event_filter import FILTERS
from auditsaas.events.models import events
from auditsaas.permissions import Role
from auditsaas.schedules.models import Schedule
from auditsaas.workspaces.models import Membership, Workspace
from tests.support.exporting import cells
from tests.support.factories import (
    append_events,
    csrf_token,
    event_input,
    make_member,
    make_user,
    make_workspace,
    scoped,
)
from tests.support.htmx import PARTIAL
from tests.support.scheduling import build_all, let_pass, runs_of, schedule_row

pytestmark = pytest.mark.usefixtures("no_other_schedules", "signed_in_admin")

DAY = timedelta(days=1)


@pytest.fixture
def workspace() -> Workspace:
    made = make_workspace()
    append_events(made, [event_input() for _ in range(7)])
    return made


def fields(*recipients: User, **changed: Any) -> dict[str, Any]:
    return {
        "name": "Failed sign-ins",
        "query": "status=error&activity=user.login",
        "format": "csv",
        "frequency": "weekly",
        "weekday": "0",
        "month_day": "1",
        "at": "08:00",
        "time_zone": "America/New_York",
        "recipients": [str(person.id) for person in recipients],
    } | changed


def post(client: FlaskClient, url: str, data: dict[str, Any] | None = None) -> TestResponse:
    return client.post(url, data={"csrf_token": csrf_token(client), **(data or {})})


def create(client: FlaskClient, workspace: Workspace, **given: Any) -> str:
    """The address of a new schedule."""
    response = post(client, f"/w/{workspace.slug}/schedules", given)
    assert response.status_code == 303, response.text
    return str(response.headers["Location"])


def ticked(page: str) -> set[tuple[str, str]]:
    """The boxes of filters that a page has ticked."""
    boxes = re.findall(r'<input\s[^>]*type="checkbox"[^>]*>', page)
    pairs = (re.search(r'name="(\w+)"\s+value="([^"]*)"', box) for box in boxes if "checked" in box)
    return {(pair[1], pair[2]) for pair in pairs if pair and pair[1] in FILTERS}


def id_of(url: str) -> UUID:
    return UUID(url.rpartition("/")[2])


def test_a_schedule_is_made_listed_shown_changed_and_deleted(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    base = f"/w/{workspace.slug}/schedules"
    assert "No schedules yet" in client.get(base).text
    url = create(client, workspace, **fields(admin))
    for page in (base, "/schedules"):
        text = client.get(page).text
        assert "Failed sign-ins" in text
        assert "Weekly on Monday at 08:00 (New York)" in text
        assert "Status is Error and activity type is Sign in" in text
    assert "No reports yet" in client.get(url).text
    assert client.get(f"/schedules/{id_of(url)}").headers["Location"] == url

    form = client.get(f"{url}/edit").text
    assert 'value="America/New_York"' in form
    assert post(client, url, fields(admin, name="Errors", frequency="daily")).status_code == 303
    assert "Daily at 08:00" in client.get(url).text
    assert post(client, f"{url}/delete").headers["Location"] == base
    assert client.get(url).status_code == 404
    assert "No schedules yet" in client.get(base).text


def test_each_change_is_in_the_log_with_before_and_after(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    url = create(client, workspace, **fields(admin))
    post(client, url, fields(admin, name="Errors"))
    for action in ("pause", "resume", "run", "delete"):
        assert post(client, f"{url}/{action}").status_code == 303
    with scoped(workspace.id) as session:
        rows = session.execute(
            select(events.c.activity, events.c.changes)
            .where(events.c.workspace_id == workspace.id, events.c.activity.like("schedule.%"))
            .order_by(events.c.seq)
        ).all()
    names = ["create", "update", "pause", "resume", "run", "delete"]
    assert [row.activity for row in rows] == [f"schedule.{name}" for name in names]
    assert rows[0].changes["name"] == [None, "Failed sign-ins"]
    assert rows[1].changes == {"name": ["Failed sign-ins", "Errors"]}


def test_a_form_from_the_log_brings_its_filter_and_drops_its_range(
    client: FlaskClient, workspace: Workspace
) -> None:
    asked = "status=error&activity=user.login&range=last_week&limit=50"
    page = client.get(f"/w/{workspace.slug}/schedules/new?{asked}").text
    assert ticked(page) == {("status", "error"), ("activity", "user.login")}
    assert "Last Week of the log is left out" in " ".join(page.split())
    response = client.get(f"/schedules/new?{asked}")
    assert response.headers["Location"] == f"/w/{workspace.slug}/schedules/new?{asked}"


def test_preview_shows_three_adjoining_runs_and_their_matches(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    asked = fields(admin, query="", frequency="daily", time_zone="UTC")
    url = f"/w/{workspace.slug}/schedules/preview"
    token = {"csrf_token": csrf_token(client)}
    text = client.post(url, data=asked | token, headers=PARTIAL).text
    assert text.count(" UTC</td>") == 3
    assert "<html" not in text
    assert "<b class=" in text
    assert ">0 events</b> matched" in " ".join(text.split())
    assert "<html" in post(client, url, asked).text


def test_preview_knows_recipients_name_and_format(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    other = make_member(workspace)
    asked = fields(admin, other, name="Monthly review", format="pdf")
    text = post(client, f"/w/{workspace.slug}/schedules/preview", asked).text
    assert ", ".join(sorted((admin.name, other.name), key=str.lower)) in text
    assert "Monthly review, " in text
    assert "Open the PDF" in text


def test_preview_is_not_asked_for_by_an_address(client: FlaskClient, workspace: Workspace) -> None:
    assert client.get(f"/w/{workspace.slug}/schedules/preview").status_code in (404, 405)
    form = client.get(f"/w/{workspace.slug}/schedules/new").text
    assert 'formmethod="post"' in form
    assert 'hx-get="/w/' not in form


@pytest.mark.parametrize("query", ["stauts=error", "severity=high", "status:eror"])
def test_preview_refuses_a_filter_that_it_does_not_understand(
    client: FlaskClient, workspace: Workspace, admin: User, query: str
) -> None:
    token = {"csrf_token": csrf_token(client)}
    answer = client.post(
        f"/w/{workspace.slug}/schedules/preview",
        data=fields(admin, query=query) | token,
        headers=PARTIAL,
    )
    assert "Everything" not in answer.text
    assert "matched in the last 7 days" not in answer.text
    assert query.replace("=", ":").split(":")[-1 if ":" in query else 0] in answer.text


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("status:error", "q=status%3Aerror"),
        ("status:error activity:user.*", "q=status%3Aerror+activity%3Auser.%2A"),
        ("refund", "q=refund"),
        ("?status=error&range=today", "status=error"),
        ("https://log.example.com/w/acme/audit-logs?status=error&limit=25", "status=error"),
        ("", ""),
    ],
)
def test_schedule_accepts_search_terms_and_addresses(
    client: FlaskClient, workspace: Workspace, admin: User, typed: str, kept: str
) -> None:
    url = create(client, workspace, **fields(admin, query=typed))
    assert schedule_row(workspace, id_of(url)).query == kept
    if "status" in kept:
        assert ("status", "error") in ticked(client.get(f"{url}/edit").text)


def test_schedule_reads_the_saved_view_that_its_query_names(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    saved = {"name": "Errors", "query": "status=error"}
    led = post(client, f"/w/{workspace.slug}/views", saved).headers["Location"]
    url = create(client, workspace, **fields(admin, query=led.partition("?")[2] + "&method=POST"))
    assert schedule_row(workspace, id_of(url)).query == "status=error&method=POST"


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"name": ""}, "A name has 1 to 100"),
        ({"name": "a\u202eb"}, "A name has 1 to 100"),
        ({"query": "status=maybe"}, "maybe"),
        ({"query": "q=activity:"}, "err-text"),
        ({"query": "stauts=error"}, "no filter called “stauts”. Did you mean “status”?"),
        ({"query": "status=error&severity=high"}, "no filter called “severity”"),
        ({"query": "Status=error"}, "no filter called “Status”. Did you mean “status”?"),
        ({"query": "stauts:error"}, "stauts"),
        ({"query": "status:eror"}, "eror"),
        ({"query": "status=error&workspace=elsewhere"}, "reads the workspace"),
        ({"query": f"view={uuid4()}"}, "no such saved view"),
        ({"format": "docx"}, "Choose one of csv"),
        ({"columns": ["created_at", "nothing"]}, "nothing"),
        ({"frequency": "hourly"}, "Choose one of daily"),
        ({"weekday": "7"}, "Choose one of 0"),
        ({"month_day": "32"}, "Choose one of 1"),
        ({"at": "25:00"}, "A time is hours and minutes"),
        ({"time_zone": "Mars/Olympus"}, "Choose a zone"),
        ({"recipients": []}, "recipient"),
        ({"recipients": ["not-an-id"]}, "Choose from the members"),
        ({"recipients": [str(uuid4())]}, "members who may export"),
        ({"view": str(uuid4())}, "no such saved view"),
    ],
)
def test_invalid_field_is_named_and_other_input_kept(
    client: FlaskClient, workspace: Workspace, admin: User, changed: dict[str, Any], named: str
) -> None:
    url = f"/w/{workspace.slug}/schedules"
    response = post(client, url, fields(admin, **changed))
    assert response.status_code == 422
    assert named in response.text
    assert 'id="schedule-form"' in response.text
    assert "No schedules yet" in client.get(url).text


def test_a_recipient_who_left_is_named_and_goes_with_the_next_change(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    other = make_member(workspace, user=make_user(name="Sam Gone"))
    url = create(client, workspace, **fields(admin, other))
    with scoped(workspace.id) as session:
        session.execute(delete(Membership).where(Membership.user_id == other.id))
        session.commit()
    form = client.get(f"{url}/edit").text
    assert "Sam Gone may not have reports here any more" in " ".join(form.split())
    assert post(client, url, fields(admin, other)).status_code == 422
    assert post(client, url, fields(admin)).status_code == 303
    assert schedule_row(workspace, id_of(url)).recipients == [admin.id]


def test_page_of_a_schedule_asks_for_its_newest_reports_again(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    url = create(client, workspace, **fields(admin))
    page = client.get(url).text
    assert re.search(rf'id="schedule-now"\s+hx-get="{url}"\s+hx-trigger="every 15s"', page)
    post(client, f"{url}/run")
    part = client.get(url, headers=PARTIAL).text
    assert "<html" not in part
    assert 'data-state="building"' in part
    older = client.get(f"{url}?before={datetime.now(UTC).isoformat().replace('+', '%2B')}").text
    assert 'id="schedule-now"' in older
    assert "every 15s" not in older


def test_only_admins_and_auditors_can_receive_reports(
    client: FlaskClient, workspace: Workspace
) -> None:
    for person in (make_member(make_workspace()), make_member(workspace, Role.MEMBER)):
        response = post(client, f"/w/{workspace.slug}/schedules", fields(person))
        assert response.status_code == 422


def test_an_auditor_sees_own_schedules_and_those_they_receive_but_changes_only_own(
    browser: Callable[[User], FlaskClient], workspace: Workspace, admin: User, client: FlaskClient
) -> None:
    person = make_member(workspace, Role.AUDITOR)
    auditor = browser(person)
    hidden = create(client, workspace, **fields(admin))
    received = create(client, workspace, **fields(admin, person))
    own = create(auditor, workspace, **fields(person))
    assert auditor.get(hidden).status_code == 404
    assert auditor.get(received).status_code == 200
    assert auditor.get(own).status_code == 200
    assert client.get(own).status_code == 200
    assert "Run now" not in auditor.get(received).text
    for action in ("pause", "resume", "run", "delete"):
        assert post(auditor, f"{hidden}/{action}").status_code == 404
        assert post(auditor, f"{received}/{action}").status_code == 403
    assert post(auditor, received, fields(person)).status_code == 403
    assert auditor.get(f"{received}/edit").status_code == 403
    assert post(auditor, f"{own}/pause").status_code == 303


def test_schedules_are_refused_to_members_and_strangers(
    browser: Callable[[User], FlaskClient], workspace: Workspace
) -> None:
    url = f"/w/{workspace.slug}/schedules"
    assert browser(make_member(workspace, Role.MEMBER)).get(url).status_code == 403
    assert browser(make_member(make_workspace())).get(url).status_code == 404


def test_recipient_downloads_the_report_until_losing_the_role(
    app: Flask,
    browser: Callable[[User], FlaskClient],
    workspace: Workspace,
    admin: User,
    client: FlaskClient,
) -> None:
    person = make_member(workspace, Role.AUDITOR)
    other = make_member(workspace, Role.AUDITOR)
    url = create(client, workspace, **fields(admin, person, query="activity=invoice.*"))
    assert post(client, f"{url}/run").status_code == 303
    let_pass(app, datetime.now(UTC))
    (run,) = runs_of(workspace, id_of(url))
    auditor = browser(person)
    page = auditor.get(url).text
    assert f'data-run-id="{run.id}"' in page
    assert 'data-state="sent"' in page
    file = auditor.get(f"{url}/runs/{run.id}/download")
    assert file.status_code == 200
    assert {row["activity"] for row in cells(file.data)} == {"invoice.update"}
    shown = auditor.get(f"{url}/runs/{run.id}")
    assert shown.headers["Location"] == f"{url}#run-{run.id}"
    assert browser(other).get(f"{url}/runs/{run.id}/download").status_code == 404
    assert post(client, url, fields(admin, query="activity=invoice.*")).status_code == 303
    assert auditor.get(f"{url}/runs/{run.id}/download").status_code == 404


def test_extra_report_does_not_change_the_scheduled_ones(
    app: Flask, client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    url = create(client, workspace, **fields(admin, frequency="daily", query=""))
    before = schedule_row(workspace, id_of(url))
    post(client, f"{url}/run")
    assert post(client, f"{url}/run").status_code == 409
    with app.app_context():
        build_all(app)
    after = schedule_row(workspace, id_of(url))
    assert (after.covered_until, after.covered_seq, after.next_due_at) == (
        before.covered_until,
        before.covered_seq,
        before.next_due_at,
    )


def test_paused_schedule_says_so_and_runs_no_report(
    app: Flask, client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    url = create(client, workspace, **fields(admin, frequency="daily"))
    post(client, f"{url}/pause")
    assert post(client, f"{url}/pause").status_code == 409
    with scoped(workspace.id) as session:
        session.execute(
            update(Schedule)
            .where(Schedule.id == id_of(url))
            .values(next_due_at=datetime.now(UTC) - DAY)
        )
        session.commit()
    let_pass(app, datetime.now(UTC))
    assert runs_of(workspace, id_of(url)) == []
    assert 'data-state="paused"' in client.get(url).text
    post(client, f"{url}/resume")
    assert schedule_row(workspace, id_of(url)).next_due_at > datetime.now(UTC)


def test_a_schedule_can_take_its_filter_from_a_saved_view(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    place = f"/w/{workspace.slug}"
    saved = {"name": "Errors", "query": "status=error&range=last_week"}
    assert post(client, f"{place}/views", saved).status_code in (200, 302, 303)
    page = client.get(f"{place}/schedules/new").text
    found = re.search(r'<option value="([0-9a-f-]{36})">Errors', page)
    assert found
    url = create(client, workspace, **fields(admin, query="", view=found[1]))
    assert schedule_row(workspace, id_of(url)).query == "status=error"


@pytest.mark.parametrize("forged", ["11d41e1b-3365-4342-b6ce-313b603475d2", "1", "%00"])
def test_a_forged_id_is_not_found(client: FlaskClient, workspace: Workspace, forged: str) -> None:
    for address in (f"/w/{workspace.slug}/schedules/{forged}", f"/schedules/{forged}"):
        assert client.get(address).status_code == 404
