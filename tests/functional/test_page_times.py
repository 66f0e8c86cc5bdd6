"""Every time on a page leads back to its instant, whatever the day on which it is read."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient

from auditsaas.accounts.models import User
from auditsaas.workspaces.models import Workspace
from tests.support.clocks import changes, read_back
from tests.support.exporting import ask
from tests.support.factories import (
    append_events,
    event_input,
    make_api_key,
    make_member,
    make_user,
    sign_in,
)

ZONES = [
    "America/New_York",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Europe/Dublin",
    "Europe/Moscow",
    "Pacific/Chatham",
]
CLOCK = r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d(?:\.\d{3})?"
LABEL = r"(?:UTC[+−][\d:]+|[A-Z]{2,5})"
TODAY = datetime(2026, 11, 19, tzinfo=UTC)


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def instants(zone: str) -> list[datetime]:
    """Newest first: around the last change of the clock, and one in each season."""
    night = [change for change in changes(zone) if change < TODAY][-1]
    near = [night + step * timedelta(minutes=15) for step in range(-8, 9)]
    return sorted([*near, *(datetime(2026, m, 20, 10, tzinfo=UTC) for m in (1, 7))], reverse=True)


def reader(client: FlaskClient, workspace: Workspace, zone: str) -> User:
    person = make_member(workspace, user=make_user(time_zone=zone))
    sign_in(client, person)
    return person


def invoices(workspace: Workspace) -> str:
    return f"/w/{workspace.slug}/audit-logs?activity=invoice.update"


@pytest.mark.parametrize("zone", ZONES)
def test_row_time_identifies_its_instant(acme: Workspace, client: FlaskClient, zone: str) -> None:
    append_events(acme, [event_input(occurred_at=at.isoformat()) for at in instants(zone)])
    reader(client, acme, zone)
    page = client.get(invoices(acme)).text
    cells = re.findall(r'<td role="cell" class="c-ts">(.*?)</td>', page, re.DOTALL)
    shown = [re.match(rf"{CLOCK} {LABEL}", words(cell)) for cell in cells]
    found = [read_back(text[0], ZoneInfo(zone)) for text in shown if text]
    assert found == instants(zone)


def test_heading_names_the_zone_place(acme: Workspace, client: FlaskClient) -> None:
    append_events(acme, [event_input()])
    reader(client, acme, "Europe/Berlin")
    page = client.get(invoices(acme)).text
    heading = re.search(r"<th [^>]*c-ts.*?</th>", page, re.DOTALL)
    assert heading is not None
    assert words(heading[0]) == "Created At Berlin"
    assert "Times in Berlin" in words(page)


def test_the_drawer_s_times_are_those_of_their_season(acme: Workspace, client: FlaskClient) -> None:
    (event_id,) = append_events(acme, [event_input(occurred_at="2026-07-20T10:00:00.25Z")]).ids
    reader(client, acme, "Europe/Berlin")
    text = words(client.get(f"/w/{acme.slug}/audit-logs/{event_id}").text)
    assert "07/20/2026 12:00:00.250 CEST" in text
    assert "07/20/2026 12:00:00 CEST" in text


@pytest.mark.parametrize("page", ["/w/{slug}/members", "/w/{slug}/api-keys", "/exports"])
def test_list_heading_names_the_place_and_times_have_letters(
    acme: Workspace, client: FlaskClient, page: str
) -> None:
    person = reader(client, acme, "America/New_York")
    client.post(
        "/api/v1/events", json={}, headers={"Authorization": f"Bearer {make_api_key(acme)}"}
    )
    ask(person, [acme])
    text = words(client.get(page.format(slug=acme.slug)).text)
    assert " New York" in text
    assert re.findall(rf"{CLOCK}(?! E[SD]T)", text) == []


def test_session_list_shows_times_with_zone_letters(acme: Workspace, client: FlaskClient) -> None:
    reader(client, acme, "Europe/Dublin")
    text = words(client.get("/account/sessions").text)
    assert "Last seen Dublin" in text
    assert len(re.findall(rf"{CLOCK} (?:GMT|IST)", text)) >= 2


def test_a_bar_s_name_tells_both_hours_of_a_change_night(
    acme: Workspace, client: FlaskClient
) -> None:
    night = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    sent = [night + timedelta(hours=hour) for hour in range(-2, 4)]
    append_events(acme, [event_input(occurred_at=at.isoformat()) for at in sent])
    reader(client, acme, "Europe/Berlin")
    asked = "activity=invoice.update&range=custom&from=2026-10-25&to=2026-10-25"
    page = client.get(f"/w/{acme.slug}/audit-logs/histogram?{asked}").text
    assert "Sun 10/25 02:00 CEST to 02:00 CET" in page
    assert "Sun 10/25 02:00 to 03:00 CET" in page
    assert "Sun 10/25 01:00 to 02:00 CEST" in page
