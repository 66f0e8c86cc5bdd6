"""Exports with proof on pages, in the API and in schedules: asked for, made, and downloaded."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from auditsaas.accounts.models import User
from auditsaas.events.models import events
from auditsaas.exports.building.build import export_job
from auditsaas.exports.formats import FORMATS
from auditsaas.jobs.runner import run
from auditsaas.storage.address import storage_at
from auditsaas.workspaces.models import Workspace
from tasks.exports import expire_exports
from tests.support import sealing
from tests.support.bundles import COMPLETE, every_kind, unpacked_and_verified
from tests.support.exporting import age, ask, build_in, row_of
from tests.support.factories import (
    append_events,
    csrf_token,
    event_input,
    make_api_key,
    make_member,
    make_user,
    make_workspace,
    say_why,
    scoped,
    sign_in,
)
from tests.support.htmx import PARTIAL
from tests.support.scheduling import let_pass, runs_of, schedule_row

CHANGED = {"id": "u_1", "name": "Élodie", "email": "elodie@example.com", "role": "guest"}


@pytest.fixture(scope="module")
def sealed(engine: Engine) -> Workspace:
    """A sealed log, in which a person has another role today."""
    made = make_workspace()
    append_events(made, every_kind())
    append_events(made, [event_input(actor=CHANGED)])
    sealing.seal(made)
    return made


def test_estimate_with_proof_is_of_the_archive_and_of_its_time(
    reader: FlaskClient, sealed: Workspace
) -> None:
    figures = {}
    for proof in ("", "1"):
        url = f"/w/{sealed.slug}/exports/preflight?status=error&proof={proof}"
        text = reader.get(url, headers=PARTIAL).text
        figures[proof] = {
            format: (int(size), int(seconds), bool(at_once))
            for format, size, seconds, at_once in re.findall(
                r'data-format="(\w+)" data-bytes="(\d+)" data-seconds="(\d+)"( data-at-once)?',
                " ".join(text.split()),
            )
        }
    plain, proven = figures[""], figures["1"]
    assert plain.keys() == proven.keys() == FORMATS.keys()
    assert plain["csv"][2]
    for format, (size, seconds, at_once) in proven.items():
        assert size > 37 * 55, format
        assert seconds > plain[format][1]
        assert not at_once


@pytest.fixture
def reader(client: FlaskClient, sealed: Workspace) -> FlaskClient:
    sign_in(client, make_member(sealed))
    return client


def built(app: Flask, workspace: Workspace, export_id: UUID) -> Any:
    """Seal the log and build the export into the installation's own storage."""
    sealing.seal(workspace)
    with app.app_context():
        run(export_job(storage_at(app.extensions["settings"].storage_url)), export_id)
    return row_of(app, export_id)


def asked_for(client: FlaskClient, place: str, **form: Any) -> UUID:
    form |= {"csrf_token": csrf_token(client), "format": "csv", "proof": "1"}
    response = client.post(f"{place}/exports", data=form)
    assert response.status_code == 303, response.text
    found = re.search(r'data-export-id="([^"]+)"', client.get(f"{place}/exports").text)
    assert found
    return UUID(found[1])


def menu(client: FlaskClient, place: str, query: str) -> str:
    """The menu of the download as it is with the box ticked, in one line."""
    return " ".join(
        client.get(f"{place}/exports/preflight?proof=1&{query}", headers=PARTIAL).text.split()
    )


def test_menu_says_what_a_proof_covers_and_counts_people_as_written(
    reader: FlaskClient, sealed: Workspace
) -> None:
    shown = menu(reader, f"/w/{sealed.slug}", "role=admin")
    assert ">12 events</b> match the filters" in shown
    assert "People are meant as each event names them, not as they are now" in shown
    assert "which would be 0 events" in shown
    assert 'data-proof-first="1"' in shown


def test_menu_says_what_a_proof_cannot_show(reader: FlaskClient, sealed: Workspace) -> None:
    shown = menu(reader, f"/w/{sealed.slug}", "q=invoice&min_ms=1")
    assert "That none is missing isn’t: a proof can’t answer" in shown
    assert "words and terms of the search" in shown
    assert "the response time" in shown


def test_menu_over_several_workspaces_offers_no_file_with_proof(
    client: FlaskClient, sealed: Workspace
) -> None:
    person = make_member(sealed)
    other = make_workspace()
    make_member(other, user=person)
    sign_in(client, person)
    shown = menu(client, "", "")
    assert "A proof is of the log of one workspace. Choose one workspace." in shown
    assert 'name="format"' not in shown
    assert 'name="format"' in menu(client, "", f"workspace={sealed.slug}")


def test_super_admin_is_offered_no_proof(app: Flask, sealed: Workspace) -> None:
    above = app.test_client()
    sign_in(above, make_user(is_super_admin=True))
    say_why(above, sealed.slug)
    assert 'name="proof"' not in above.get("/admin/audit-logs").text
    form = {"csrf_token": csrf_token(above), "format": "csv", "proof": "1"}
    answer = above.post("/admin/exports", data=form | {"workspace": sealed.slug})
    assert answer.status_code == 422
    assert "An export across workspaces carries no proof." in answer.text


def test_file_with_proof_is_asked_for_downloaded_and_checked(
    app: Flask, reader: FlaskClient, sealed: Workspace, tmp_path: Path
) -> None:
    place = f"/w/{sealed.slug}"
    export_id = asked_for(reader, place, status="error")
    row = built(app, sealed, export_id)
    assert "with proof" in reader.get(f"{place}/exports").text
    page = reader.get(f"{place}/exports/{export_id}").text
    assert f"as sealed at event {row.sealed_size}" in page
    whole = reader.get(f"{place}/exports/{export_id}/bundle")
    assert whole.content_type == "application/zip"
    assert len(whole.data) == row.bundle_bytes
    assert unpacked_and_verified(whole.data, tmp_path).code == COMPLETE
    part = reader.get(f"{place}/exports/{export_id}/bundle", headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.data) == (206, whole.data[100:200])
    with scoped(sealed.id) as session:
        told = session.scalars(
            select(events.c.metadata["proof"].as_boolean()).where(
                events.c.activity == "export.downloaded"
            )
        ).all()
    assert told == [True]


def test_export_without_proof_has_no_archive(
    app: Flask, reader: FlaskClient, sealed: Workspace, tmp_path: Path
) -> None:
    export_id = ask(make_member(sealed), [sealed])
    build_in(app, export_id, tmp_path)
    answer = reader.get(f"/w/{sealed.slug}/exports/{export_id}/bundle")
    assert answer.status_code == 404
    assert "asked for without proof" in answer.text


def test_both_files_go_when_their_time_is_over(
    app: Flask, sealed: Workspace, owner_engine: Engine
) -> None:
    row = built(app, sealed, ask(make_member(sealed), [sealed], proof=True))
    storage = storage_at(app.extensions["settings"].storage_url)
    assert sorted(storage.keys(f"exports/{row.id}/")) == sorted([row.file_key, row.bundle_key])
    with app.app_context():
        expire_exports()
        assert storage.size(row.bundle_key) == row.bundle_bytes
        age(owner_engine, row.id, "expires_at")
        expire_exports()
    assert list(storage.keys(f"exports/{row.id}/")) == []
    assert row_of(app, row.id).bundle_key is None


def test_nothing_is_kept_where_the_archive_cannot_be_written(
    app: Flask, sealed: Workspace, owner_engine: Engine, tmp_path: Path
) -> None:
    export_id = ask(make_member(sealed), [sealed], proof=True)
    sealing.seal(sealed)
    folder = tmp_path / "exports" / str(export_id)
    for attempt in (1, 2, 3):
        (folder / f"{attempt}.proof.zip.part").mkdir(parents=True)
        row = build_in(app, export_id, tmp_path)
        if row.state == "queued":
            age(owner_engine, export_id, "lease_until")
    assert row.state == "failed"
    assert row.error.startswith("Storage refused the file, 3 tries.")
    assert (row.file_key, row.bundle_key) == (None, None)
    assert [path for path in folder.iterdir() if path.is_file()] == []


def test_key_asks_for_a_file_with_proof_and_gets_its_archive(
    app: Flask, client: FlaskClient, sealed: Workspace, tmp_path: Path
) -> None:
    headers = {"Authorization": f"Bearer {make_api_key(sealed)}"}
    body = {"format": "jsonl", "query": "activity=user.*", "proof": True}
    job = client.post("/api/v1/exports", json=body, headers=headers).json
    assert job is not None
    assert (job["proof"], job["bundle_url"]) == (True, None)
    built(app, sealed, UUID(job["id"]))
    job = client.get(f"/api/v1/exports/{job['id']}", headers=headers).json
    assert job is not None
    archive = client.get(job["bundle_url"], headers=headers)
    assert len(archive.data) == job["bundle_bytes"]
    assert archive.headers["ETag"] == f'"{job["bundle_sha256"]}"'
    assert job["sealed_size"] > 36
    assert unpacked_and_verified(archive.data, tmp_path).code == COMPLETE


@pytest.mark.usefixtures("no_other_schedules")
def test_schedule_with_proof_sends_reports_that_are_proven(
    app: Flask, client: FlaskClient, tmp_path: Path
) -> None:
    workspace = make_workspace()
    person = make_member(workspace)
    append_events(workspace, every_kind())
    schedule_id = make_schedule_with_proof(client, workspace, person)
    sealing.seal(workspace)
    due = schedule_row(workspace, schedule_id).next_due_at
    let_pass(app, due + timedelta(minutes=1))
    [report] = runs_of(workspace, schedule_id)
    assert report.state == "sent"
    address = f"/w/{workspace.slug}/schedules/{schedule_id}"
    assert ", with proof" in client.get(address).text
    archive = client.get(f"{address}/runs/{report.id}/bundle").data
    assert unpacked_and_verified(archive, tmp_path).code == COMPLETE
    names = zipfile.ZipFile(io.BytesIO(archive)).namelist()
    assert sum(name.endswith(".proof.gz") for name in names) == 2


def make_schedule_with_proof(client: FlaskClient, workspace: Workspace, person: User) -> UUID:
    """Make one by its form, every day."""
    sign_in(client, person)
    form = {
        "csrf_token": csrf_token(client), "name": "Digest", "query": "status:error", "proof": "1",
        "format": "csv", "frequency": "daily", "at": "08:00", "time_zone": "UTC", "weekday": "0",
        "month_day": "1", "recipients": str(person.id),
    }  # fmt: skip
    answer = client.post(f"/w/{workspace.slug}/schedules", data=form)
    assert answer.status_code == 303, answer.text
    return UUID(answer.headers["Location"].rpartition("/")[2])
