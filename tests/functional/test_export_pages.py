"""Rows and page of an export in each of its states."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, update

from auditsaas.accounts.models import User
from auditsaas.exports.models import Export
from auditsaas.workspaces.models import Workspace
from tests.support.exporting import ask, parsed_filter
from tests.support.factories import (
    append_events,
    event_input,
    make_member,
    make_workspace,
    scoped,
)
from tests.support.htmx import PARTIAL
from tests.support.scheduling import end_all_schedules, let_pass, make_schedule

pytestmark = pytest.mark.usefixtures("signed_in_admin")

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture
def workspace() -> Workspace:
    made = make_workspace()
    append_events(made, [event_input(status="error") for _ in range(3)])
    return made


def change(workspace: Workspace, admin: User, export_id: UUID, **values: object) -> None:
    with scoped(workspace.id, user=admin.id) as session:
        session.execute(update(Export).where(Export.id == export_id).values(**values))
        session.commit()


def test_running_export_shows_progress_and_seconds_left(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    export_id = ask(admin, [workspace])
    begun = func.now() - timedelta(minutes=10)
    facts = {"rows_done": 5_000, "rows_total": 20_000, "started_at": begun}
    change(workspace, admin, export_id, state="building", **facts)
    row = client.get(f"/w/{workspace.slug}/exports/{export_id}", headers=PARTIAL).text
    assert 'aria-valuenow="25"' in row
    left = re.search(r"5,000 of 20,000 rows · ([\d,]+) s left", row)
    assert left is not None
    # A quarter took ten minutes, and whatever this test took is three times as much.
    assert 1_800 <= int(left[1].replace(",", "")) < 3_600


def test_list_shows_the_file_retention_when_it_is_the_same_for_all(
    app: Flask, client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    assert "Files are kept for 7 days." in client.get(f"/w/{workspace.slug}/exports").text
    second = make_workspace()
    make_member(second, user=admin)
    with scoped(second.id) as session:
        session.execute(update(Workspace).where(Workspace.id == second.id).values(export_days=1))
        session.commit()
    assert "Files are kept for 1 day." in client.get(f"/w/{second.slug}/exports").text
    assert "as their workspace’s settings say" in client.get("/exports").text


def test_failed_export_shows_its_reason_and_a_retry(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    export_id = ask(admin, [workspace])
    change(workspace, admin, export_id, state="failed", error="Storage is full. Nothing was kept.")
    page = client.get(f"/w/{workspace.slug}/exports").text
    assert "Storage is full. Nothing was kept." in page
    assert f"/exports/{export_id}/retry" in page


def test_export_page_shows_filter_and_period(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    chosen = {"status": "error", "from": "2026-01-01", "to": "2026-01-31"}
    export_id = ask(admin, [workspace], parsed_filter(chosen))
    page = client.get(f"/w/{workspace.slug}/exports/{export_id}").text
    assert '<dt>Filter</dt><dd class="text-break">Status is Error</dd>' in page
    assert ">01/01/2026 – 01/31/2026</dd>" in page


def test_scheduled_export_is_listed_by_schedule_name_and_day(
    app: Flask, client: FlaskClient, workspace: Workspace, admin: User, owner_engine: Engine
) -> None:
    end_all_schedules(owner_engine)
    make_schedule(workspace, admin, START, name="Daily digest")
    let_pass(app, START + timedelta(days=1))
    page = client.get(f"/w/{workspace.slug}/exports").text
    assert ">Daily digest</a>" in page
    assert "03/02/2026" in page
