"""What a screen reader is told of the log, an event, a question and a form."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, expect

from auditsaas.workspaces.models import Workspace
from tests.browser.axe import settled
from tests.browser.conftest import Visitor, visit
from tests.browser.test_question_in_dialog import signed_in_long_ago
from tests.support.factories import (
    append_events,
    event_input,
    make_member,
    make_user,
    make_workspace,
)

NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)
LOG = """
- heading "Audit Logs" [level=1]
- toolbar "What to do with these events":
  - button "Live"
  - button "Use view"
  - button "Download"
- combobox "Search events"
- button "Search help"
- toolbar "Chosen filters":
  - link "Remove filter Status is Error"
  - link "Reset all"
- status: 1 event · 1 error (100.0%)
- toolbar "Pages and columns":
  - link "Newer events" [disabled]
  - link "Older events" [disabled]
  - button "Columns and density"
- group /Events over time, \\d+ bars of .+ Each bar narrows the range to its time\\./:
  - 'link /^Mon 11\\/16 .+: 0 success, 1 error$/'
- region "Events":
  - table "Audit events, newest first":
    - rowgroup:
      - row:
        - columnheader "Activity"
        - columnheader "Status"
        - columnheader "User"
        - columnheader "User Agent"
        - columnheader "IP Address"
        - columnheader "Created At UTC"
    - rowgroup:
      - row /^Update invoice/:
        - cell /1,284 ms/:
          - link "Update invoice"
          - img "Slow"
        - cell "Error 422 Unprocessable entity"
        - cell "Ann Lee ann@example.com"
        - cell
        - cell "192.0.2.7"
        - cell /^11\\/16\\/2026 12:00:00 \\d+ \\w+ ago$/
"""
FILTERS = """
- form "Filters":
  - heading "Filters" [level=2]
  - link "Reset"
  - button "Hide filters" [expanded]
  - group:
    - list "Status":
      - listitem:
        - checkbox /^Success/
      - listitem:
        - checkbox "Error 1" [checked]
  - group:
    - list "HTTP Method":
      - listitem:
        - checkbox "GET 0"
  - group:
    - list "User":
      - listitem:
        - checkbox /^Ann Lee/
    - textbox "Find a user"
"""
EVENT = """
- complementary "Update invoice Invoice 42":
  - button "Copy event ID"
  - link "Newer event (K)"
  - link "Older event (J)"
  - link "Close (Esc)"
  - heading "Update invoice Invoice 42" [level=2]
  - region "Fields":
    - term: Actor
    - definition:
      - link "Only show Actor Ann Lee"
      - link "Exclude Actor Ann Lee"
      - button "Copy Actor"
  - region "Source"
  - region "Changes 1":
    - table:
      - rowgroup:
        - row "Field Before After"
      - rowgroup:
        - row:
          - cell "due"
          - cell:
            - deletion: 11/16/2026
          - cell:
            - insertion: 12/16/2026
  - region "Metadata"
  - region "Related events":
    - table "Related events, newest first":
      - rowgroup:
        - row:
          - cell /^11\\/15\\/2026 12:00:00 UTC$/
          - cell /Sign in/:
            - link "Sign in"
          - cell "Success"
"""
QUESTION = """
- dialog /Is it you/:
  - heading /Is it you/
  - textbox "Password"
  - button "Continue"
  - button "Cancel"
"""
FORM = """
- main:
  - heading "Schedule this view" [level=1]
  - group "What":
    - group "Events":
      - button "Remove filter Status is Error"
      - button "Filter"
      - textbox "Search events"
    - textbox "Name"
    - group "Format":
      - radio "CSV" [checked]
      - radio "PDF"
  - group "When":
    - group "Repeat":
      - radio "Daily"
      - radio "Weekly" [checked]
  - button "Create schedule"
"""


@pytest.fixture(scope="module")
def acme(server: str) -> Workspace:
    workspace = make_workspace("Acme Freight")
    append_events(
        workspace,
        [
            event_input(occurred_at=NOON.replace(day=15).isoformat(), activity="user.login"),
            event_input(
                occurred_at=NOON.isoformat(),
                activity="invoice.update",
                status="error",
                method="PUT",
                status_code=422,
                duration_ms=1_284,
                ip="192.0.2.7",
                targets=[{"type": "invoice", "id": "inv_42", "name": "Invoice 42"}],
                changes={"due": ["11/16/2026", "12/16/2026"]},
            ),
        ],
    )
    return workspace


@pytest.fixture(scope="module")
def reader(browser: Browser, server: str, acme: Workspace) -> Iterator[Visitor]:
    visitor = visit(browser, server, viewport={"width": 1440, "height": 900})
    visitor.sign_in(make_member(acme, user=make_user(name="Mira Okafor")), "/account")
    yield visitor
    visitor.context.close()
    assert visitor.said == []


def test_tree_of_the_log_names_bars_counts_and_rows(reader: Visitor, acme: Workspace) -> None:
    reader.open(f"/w/{acme.slug}/audit-logs?status=error")
    settled(reader.page)
    expect(reader.page.locator("main")).to_match_aria_snapshot(LOG)
    expect(reader.page.locator("body")).to_match_aria_snapshot(FILTERS)


def test_tree_of_an_event_names_its_parts(reader: Visitor, acme: Workspace) -> None:
    reader.open(f"/w/{acme.slug}/audit-logs?status=error")
    reader.page.locator("#log-rows a").click()
    reader.page.locator("#related").scroll_into_view_if_needed()
    expect(reader.page.locator("#related table")).to_be_visible()
    expect(reader.page.locator("body")).to_match_aria_snapshot(EVENT)


def test_tree_of_a_question_names_what_it_takes(visitor: Visitor) -> None:
    workspace = make_workspace()
    member, page = signed_in_long_ago(visitor, workspace), visitor.page
    path = f"/w/{workspace.slug}/members/{member.id}/role"
    asked = "path => htmx.ajax('POST', path, {values: {role: 'auditor'}, swap: 'none'})"
    page.evaluate(asked, path)
    expect(page.locator("#dialog")).to_match_aria_snapshot(QUESTION)


def test_tree_of_a_form_names_its_groups_and_fields(reader: Visitor, acme: Workspace) -> None:
    reader.open(f"/w/{acme.slug}/schedules/new?q=status%3Aerror")
    settled(reader.page)
    print(reader.page.locator("main").aria_snapshot())
    expect(reader.page.locator("body")).to_match_aria_snapshot(FORM)
