"""What the page of Audit Logs was asked to be, line by line: its filters, its columns, its file."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient

from auditsaas.workspaces.models import Workspace
from tests.support.exporting import cells as cells_of_file
from tests.support.factories import (
    append_events,
    csrf_token,
    event_input,
    make_member,
    make_user,
    make_workspace,
    sign_in,
)

COLUMNS = ["Activity", "Status", "User", "User Agent", "IP Address", "Workspace", "Created At"]
FILTERS = ["Status", "Activity Type", "HTTP Method", "Workspace", "User", "Timestamp"]
METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH"]
ACTIVITIES = ["user.login", "report.export", "invoice.update"]
WINDOWS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36"
)
ANN = {"id": "u_ann", "name": "Ann Lee", "email": "ann@acme.example", "role": "manager"}
BOB = {"id": "u_bob", "name": "Bob Ray", "email": "bob@acme.example", "role": "member"}
PEOPLE = [ANN | {"status": "active"}, BOB | {"status": "disabled"}]
DAYS = 190
Event = dict[str, Any]


@dataclass(frozen=True)
class Log:
    """A workspace, its events as they were sent, newest first, and the day on which they were."""

    workspace: Workspace
    events: list[Event]
    today: date

    @property
    def address(self) -> str:
        return f"/w/{self.workspace.slug}/audit-logs"


def sent(day: date, n: int) -> Event:
    """An event at the first or the last second of a day, unlike its neighbours."""
    at = datetime.combine(day, time() if n % 2 == 0 else time(23, 59, 59), UTC)
    return event_input(
        occurred_at=at.isoformat(),
        path=f"/{n}",
        activity=ACTIVITIES[n % 3],
        status="error" if n % 4 == 0 else "success",
        method=METHODS[n % 5],
        actor=PEOPLE[n % 2],
        user_agent=WINDOWS,
        duration_ms=1000 + n,
    )


@pytest.fixture
def log(client: FlaskClient) -> Log:
    """An event a day for more than two quarters, read in UTC."""
    workspace, today = make_workspace("Acme Freight"), datetime.now(UTC).date()
    events = [sent(today - timedelta(days=n), n) for n in range(DAYS)]
    append_events(workspace, events)
    sign_in(client, make_member(workspace, user=make_user(time_zone="UTC")))
    return Log(workspace, events, today)


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def rows(page: str) -> list[dict[str, str]]:
    """The rows of a page, each with the words of its cells by their classes."""
    cell = re.compile(r'<td role="cell" class="c-(\w+)"[^>]*>(.*?)</td>', re.DOTALL)
    found = re.findall(r'<tr role="row" id="e-.*?</tr>', page, re.DOTALL)
    return [{name: words(text) for name, text in cell.findall(row)} for row in found]


def found(log: Log, client: FlaskClient, asked: dict[str, Any]) -> str:
    """Ask for a filter; the page of its first hundred rows."""
    query = urlencode(asked | {"limit": "100"}, doseq=True)
    return client.get(f"{log.address}?{query}", follow_redirects=True).text


def times(log: Log, client: FlaskClient, **asked: Any) -> list[str]:
    """When the events of a filter were created."""
    page = found(log, client, asked)
    return re.findall(r'<td role="cell" class="c-ts"[^>]*><time datetime="([^"]+)"', page)


def ids(log: Log, client: FlaskClient, **asked: Any) -> list[str]:
    return re.findall(r'data-event-id="([^"]+)"', found(log, client, asked))


def sent_times(log: Log, holds: Callable[[Event], bool]) -> list[str]:
    return [event["occurred_at"] for event in log.events if holds(event)][:100]


def headings(page: str) -> list[str]:
    found = re.findall(r'<th role="columnheader"[^>]*>(.*?)</th>', page, re.DOTALL)
    return [words(heading) for heading in found]


def test_page_is_called_audit_logs(log: Log, client: FlaskClient) -> None:
    assert "<h1>Audit Logs</h1>" in client.get(log.address).text


def test_events_are_listed_in_the_order_of_time(log: Log, client: FlaskClient) -> None:
    assert times(log, client) == sent_times(log, lambda event: True)


@pytest.mark.parametrize("part", ["", "/facets"])
@pytest.mark.parametrize("place", ["/audit-logs", "/w/{slug}/audit-logs"])
def test_filters_stand_in_their_order_by_their_names(
    log: Log, client: FlaskClient, place: str, part: str
) -> None:
    page = client.get(place.format(slug=log.workspace.slug) + part).text
    panel = re.findall(r'<details class="facet" [^>]*>\s*<summary>([^<]+)<', page)
    several = place == "/audit-logs"
    assert panel[: 5 + several] == [name for name in FILTERS if several or name != "Workspace"]


@pytest.mark.parametrize("status", ["success", "error"])
def test_status_is_a_filter(log: Log, client: FlaskClient, status: str) -> None:
    wanted = sent_times(log, lambda event: event["status"] == status)
    assert times(log, client, status=status) == wanted


@pytest.mark.parametrize("chosen", [ACTIVITIES[:1], ACTIVITIES[:2]])
def test_one_or_several_activity_types_are_a_filter(
    log: Log, client: FlaskClient, chosen: list[str]
) -> None:
    wanted = sent_times(log, lambda event: event["activity"] in chosen)
    assert times(log, client, activity=chosen) == wanted


@pytest.mark.parametrize("chosen", [*([method] for method in METHODS), ["PUT", "PATCH", "GET"]])
def test_one_or_several_http_methods_are_a_filter(
    log: Log, client: FlaskClient, chosen: list[str]
) -> None:
    panel = client.get(f"{log.address}/facets").text
    assert re.findall(r'name="method" value="(\w+)"', panel) == METHODS
    wanted = sent_times(log, lambda event: event["method"] in chosen)
    assert times(log, client, method=chosen) == wanted


def test_workspace_is_a_filter_across_workspaces(client: FlaskClient) -> None:
    person = make_user()
    for name in ("Acme Freight", "Globex Energy"):
        made = make_workspace(name)
        make_member(made, user=person)
        append_events(made, [event_input()])
    sign_in(client, person)
    assert [row["ws"] for row in rows(client.get("/audit-logs?q=invoice").text)] == [
        "Globex Energy",
        "Acme Freight",
    ]
    found = rows(client.get(f"/audit-logs?q=invoice&workspace={made.slug}").text)
    assert [row["ws"] for row in found] == ["Globex Energy"]


def test_user_is_a_filter_with_address_role_and_whether_active(
    log: Log, client: FlaskClient
) -> None:
    panel = words(client.get(f"{log.address}/facets").text)
    assert "Ann Lee ann@acme.example Manager · Active" in panel
    assert "Bob Ray bob@acme.example Member · Disabled" in panel
    wanted = sent_times(log, lambda event: event["actor"]["id"] == "u_bob")
    assert times(log, client, user="u_bob") == wanted


def days_of(preset: str, today: date) -> tuple[date, date]:
    """The first day of a preset, and the day after its last, counted anew."""
    day, monday = timedelta(days=1), today - timedelta(days=today.weekday())
    month = today.replace(day=1)
    quarter = month.replace(month=today.month - (today.month - 1) % 3)
    return {
        "today": (today, today + day),
        "yesterday": (today - day, today),
        "last_week": (monday - 7 * day, monday),
        "last_month": ((month - day).replace(day=1), month),
        "last_quarter": ((quarter - 63 * day).replace(day=1), quarter),
    }[preset]


PRESETS = {
    "today": "Today",
    "yesterday": "Yesterday",
    "last_week": "Last Week",
    "last_month": "Last Month",
    "last_quarter": "Last Quarter",
}


@pytest.mark.parametrize("preset", PRESETS)
def test_preset_of_the_timestamp_finds_its_whole_days(
    log: Log, client: FlaskClient, preset: str
) -> None:
    first, end = days_of(preset, log.today)
    wanted = sent_times(log, lambda sent: str(first) <= sent["occurred_at"] < str(end))
    assert wanted
    assert times(log, client, range=preset) == wanted


def test_timestamp_offers_its_presets_and_a_calendar(log: Log, client: FlaskClient) -> None:
    text = client.get(log.address).text
    popover = text[text.index('id="range-pop"') :]
    offered = re.findall(r'name="range" value="(\w*)"[^>]*><span>([^<]+)<', popover)
    assert [pair for pair in offered if pair[0] in PRESETS] == list(PRESETS.items())
    assert offered[-1] == ("custom", "Custom Range")
    assert "<calendar-range" in popover


def test_custom_range_includes_both_its_days(log: Log, client: FlaskClient) -> None:
    first, last = log.today - timedelta(days=40), log.today - timedelta(days=11)
    wanted = sent_times(log, lambda sent: str(first) <= sent["occurred_at"][:10] <= str(last))
    assert len(wanted) == 30
    asked = {"from": f"{first:%m/%d/%Y}", "to": f"{last:%m/%d/%Y}"}
    assert times(log, client, **asked) == wanted


def link(text: str, name: str) -> str:
    """The address of the first link of a page that is called so."""
    (address, *_) = re.findall(rf'<a [^>]*href="([^"]*)"[^>]*>{name}</a>', text)
    return str(address)


@pytest.mark.parametrize(
    ("name", "left"),
    [("Reset", ["range=all"]), ("Reset all", ["range=all"]), ("Reset period", ["status=error"])],
)
def test_reset_clears_the_filters_or_the_period(
    log: Log, client: FlaskClient, name: str, left: list[str]
) -> None:
    text = client.get(f"{log.address}?status=error&range=last_month").text
    address, _, query = link(text, name).partition("?")
    assert (address, query.split("&")) == (log.address, left)


def test_columns_stand_in_their_order_by_their_names(log: Log, client: FlaskClient) -> None:
    across = headings(client.get("/audit-logs").text)
    assert across == [*COLUMNS[:-1], "Created At UTC"]
    inside = headings(client.get(log.address).text)
    assert inside == [name for name in across if name != "Workspace"]


def test_each_column_tells_what_it_is_called_by(log: Log, client: FlaskClient) -> None:
    row = rows(client.get(f"/audit-logs?workspace={log.workspace.slug}").text)[1]
    yesterday = log.today - timedelta(days=1)
    assert row["act"].startswith("Export report")
    assert row["st"].startswith("Success")
    assert row["us"] == "Bob Ray (disabled) bob@acme.example"
    assert row["ua"].startswith("Windows")
    assert (row["ip"], row["ws"]) == ("203.0.113.7", "Acme Freight")
    assert row["ts"].startswith(f"{yesterday:%m/%d/%Y} 23:59:59")


def test_each_activity_has_its_response_time_in_ms(log: Log, client: FlaskClient) -> None:
    found = rows(client.get(log.address).text)
    assert [re.findall(r"[\d,]+ ms", row["act"]) for row in found] == [
        [f"{1000 + n:,} ms"] for n in range(50)
    ]


def test_download_is_the_last_button_of_the_page_s_head(log: Log, client: FlaskClient) -> None:
    text = client.get(log.address).text
    head = text[text.index("<h1") : text.index('id="views"')]
    buttons = re.findall(r"<button .*?</button>", head, re.DOTALL)
    assert words(buttons[-1]).startswith("Download")


@pytest.mark.parametrize(
    "asked",
    [
        {"activity": ACTIVITIES[:1]},
        {"status": "error"},
        {"method": ["PUT", "PATCH"], "range": "last_month"},
        {"user": "u_ann", "q": "activity:report.*"},
    ],
)
def test_file_has_the_rows_of_the_filter(
    log: Log, client: FlaskClient, asked: dict[str, Any]
) -> None:
    shown = ids(log, client, **asked)
    form = asked | {"csrf_token": csrf_token(client), "format": "csv"}
    answer = client.post(f"/w/{log.workspace.slug}/exports", data=form)
    assert answer.status_code == 200
    assert 0 < len(shown) < 100
    assert [row["event_id"] for row in cells_of_file(answer.data)] == shown
