"""Files uploaded by admins, imported in the background."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select, update

from auditsaas.accounts.models import User
from auditsaas.app import create_app
from auditsaas.db import tenancy
from auditsaas.db.platform import JOBS, platform_session
from auditsaas.db.tenancy import Scope
from auditsaas.events.models import events
from auditsaas.imports import run as loading
from auditsaas.imports import service
from auditsaas.imports.kind import IMPORTS
from auditsaas.imports.models import Import
from auditsaas.imports.run import import_job
from auditsaas.jobs.kind import Claim
from auditsaas.jobs.runner import run
from auditsaas.notifications.models import Notification
from auditsaas.permissions import Role
from auditsaas.storage.address import storage_at
from auditsaas.storage.base import Storage
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tests.support.factories import (
    as_owner,
    csrf_token,
    event_input,
    make_member,
    make_workspace,
    scoped,
    sign_in,
)

pytestmark = pytest.mark.usefixtures("signed_in_admin")

FIXTURES = Path(__file__).parents[1] / "fixtures"
ACCESS_LOG = FIXTURES / "access.log"


@pytest.fixture(scope="module")
def app(settings: Settings, engine: Engine) -> Flask:
    """The product without its queue, so that no worker of the run takes what a test runs itself."""
    made = create_app(replace(settings, redis_url="redis://127.0.0.1:9/0"))
    made.testing = True
    return made


@pytest.fixture
def storage(settings: Settings) -> Storage:
    return storage_at(settings.storage_url)


def upload(
    client: FlaskClient, workspace: Workspace, *files: tuple[str, bytes], **fields: str
) -> tuple[int, str]:
    answer = client.post(
        f"/w/{workspace.slug}/imports/new",
        data={
            "csrf_token": csrf_token(client),
            "format": "auto",
            "file": [(io.BytesIO(content), name) for name, content in files],
            **fields,
        },
        content_type="multipart/form-data",
    )
    return answer.status_code, answer.text


def rows(workspace: Workspace) -> list[Import]:
    with scoped(workspace.id) as session:
        return list(session.scalars(select(Import).order_by(Import.id)))


def run_all(app: Flask, workspace: Workspace, storage: Storage) -> list[Import]:
    for found in rows(workspace):
        with app.app_context():
            run(import_job(storage), found.id)
    return rows(workspace)


def activities(workspace: Workspace) -> list[str]:
    with scoped(workspace.id) as session:
        return list(session.scalars(select(events.c.activity).order_by(events.c.seq)))


def test_an_uploaded_file_is_imported_in_the_background(
    app: Flask, client: FlaskClient, workspace: Workspace, admin: User, storage: Storage
) -> None:
    status, _ = upload(client, workspace, ("access.log", ACCESS_LOG.read_bytes()))
    assert status == 303
    assert [row.state for row in rows(workspace)] == ["queued"]
    (row,) = run_all(app, workspace, storage)
    assert (row.state, row.format) == ("done", "combined")
    assert (row.added, row.already_there, row.refused) == (4, 0, 1)
    assert row.first_refused == [
        {"place": "line 5", "reason": "no [time] followed by a quoted request"}
    ]
    page = client.get(f"/w/{workspace.slug}/imports").text
    assert "Imported in part" in page
    detail = client.get(f"/w/{workspace.slug}/imports/{row.id}").text
    assert "line 5" in detail
    assert "no [time] followed by a quoted request" in detail


def test_import_is_recorded_and_notifies_its_requester(
    app: Flask, client: FlaskClient, workspace: Workspace, admin: User, storage: Storage
) -> None:
    upload(client, workspace, ("access.log", ACCESS_LOG.read_bytes()))
    (row,) = run_all(app, workspace, storage)
    with scoped(workspace.id, user=admin.id) as session:
        event = session.execute(select(events).where(events.c.activity == "log.import")).one()
        notice = session.scalars(select(Notification)).one()
    assert (event.actor_id, event.metadata["added"]) == (str(admin.id), 4)
    assert notice.kind == "import.ready"
    assert notice.url == f"/w/{workspace.slug}/imports/{row.id}"
    assert "Import finished" in client.get("/notifications").text


def test_each_uploaded_file_is_its_own_import(
    app: Flask, client: FlaskClient, workspace: Workspace, admin: User, storage: Storage
) -> None:
    trail = FIXTURES / "importers" / "cloudtrail.json"
    upload(
        client,
        workspace,
        ("access.log", ACCESS_LOG.read_bytes()),
        ("trail.json", trail.read_bytes()),
    )
    found = run_all(app, workspace, storage)
    assert {row.name: row.added for row in found} == {"access.log": 4, "trail.json": 3}


def test_uploaded_file_is_deleted_after_the_import(
    app: Flask,
    client: FlaskClient,
    workspace: Workspace,
    admin: User,
    storage: Storage,
    settings: Settings,
) -> None:
    upload(client, workspace, ("access.log", ACCESS_LOG.read_bytes()))
    key = rows(workspace)[0].file_key
    assert key is not None
    assert storage.size(key) == ACCESS_LOG.stat().st_size
    (row,) = run_all(app, workspace, storage)
    assert row.file_key is None
    assert not (settings.data_dir / "files" / key).exists()


def test_file_that_is_no_log_fails_with_a_reason_and_adds_nothing(
    app: Flask, client: FlaskClient, workspace: Workspace, admin: User, storage: Storage
) -> None:
    upload(client, workspace, ("folder/photo.png", b"\x89PNG\r\n\x1a\n"))
    (row,) = run_all(app, workspace, storage)
    assert (row.state, row.name) == ("failed", "photo.png")
    assert row.error is not None
    assert row.error.startswith("photo.png is of no known format")
    assert activities(workspace) == ["import.requested", "log.import"]
    assert "Failed" in client.get(f"/w/{workspace.slug}/imports").text


def test_interrupted_import_is_completed_by_the_next_attempt_and_counted_once(
    app: Flask,
    client: FlaskClient,
    workspace: Workspace,
    admin: User,
    storage: Storage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = ACCESS_LOG.read_bytes().splitlines(keepends=True)[0]
    upload(client, workspace, ("access.log", line * 2500))
    identity = rows(workspace)[0].id
    with monkeypatch.context() as patch:
        patch.setattr("auditsaas.imports.finish.complete", _cut_off)
        with app.app_context():
            run(import_job(storage), identity)
    (row,) = rows(workspace)
    assert (row.state, row.added) == ("queued", 2500)
    _expire(workspace)
    (row,) = run_all(app, workspace, storage)
    assert (row.state, row.added, row.already_there) == ("done", 2500, 0)
    assert activities(workspace).count("http.get") == 2500


def test_a_worker_that_lost_its_lease_commits_no_further_batch(
    app: Flask,
    client: FlaskClient,
    workspace: Workspace,
    admin: User,
    storage: Storage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = ACCESS_LOG.read_bytes().splitlines(keepends=True)[0]
    upload(client, workspace, ("access.log", line * 2500))
    identity = rows(workspace)[0].id
    noted = loading._note
    calls = []

    def note(*words: object) -> None:
        calls.append(words)
        if len(calls) == 2:
            with scoped(workspace.id) as other:
                service.cancel(other, service.find(other, workspace.id, identity))
                other.commit()
        noted(*words)  # type: ignore[arg-type]

    monkeypatch.setattr(loading, "_note", note)
    with app.app_context():
        run(import_job(storage), identity)
    (row,) = rows(workspace)
    assert (row.state, row.added) == ("cancelled", 1000)
    assert activities(workspace).count("http.get") == 1000


def test_import_is_claimed_by_one_worker_and_swept_when_lost(
    app: Flask, client: FlaskClient, workspace: Workspace, admin: User, storage: Storage
) -> None:
    upload(client, workspace, ("access.log", ACCESS_LOG.read_bytes()))
    identity = rows(workspace)[0].id
    with app.app_context():
        session = tenancy.bind(Scope.of(workspace.id, user=admin.id))
        first = Claim.take(IMPORTS, session, identity)
        session.commit()
        assert Claim.take(IMPORTS, session, identity) is None
        session.commit()
        assert first is not None
        assert identity not in _waiting()
        _expire(workspace)
        assert identity in _waiting()
        again = Claim.take(IMPORTS, session, identity)
        session.commit()
        assert again is not None
        assert not first.renew(session, 1)
        assert again.renew(session, 1)
        session.commit()


def test_import_fails_with_a_reason_after_three_attempts(
    app: Flask,
    client: FlaskClient,
    workspace: Workspace,
    admin: User,
    storage: Storage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    upload(client, workspace, ("access.log", ACCESS_LOG.read_bytes()))
    identity = rows(workspace)[0].id
    monkeypatch.setattr("auditsaas.imports.finish.complete", _cut_off)
    for _ in range(3):
        with app.app_context():
            run(import_job(storage), identity)
        _expire(workspace)
    (row,) = rows(workspace)
    assert row.state == "failed"
    assert row.error == "The file could not be imported, 3 tries. Upload it again to continue."


def test_import_row_polls_until_final(
    app: Flask, client: FlaskClient, workspace: Workspace, admin: User, storage: Storage
) -> None:
    upload(client, workspace, ("access.log", ACCESS_LOG.read_bytes()))
    url = f"/w/{workspace.slug}/imports/{rows(workspace)[0].id}"
    partial = {"HX-Request": "true", "HX-Request-Type": "partial"}
    queued = client.get(url, headers=partial).text
    assert re.search(r'data-state="queued".*hx-trigger="every 2s"', queued)
    run_all(app, workspace, storage)
    final = client.get(url, headers=partial).text
    assert 'data-state="done"' in final
    assert "hx-trigger" not in final


def test_a_file_is_read_by_a_mapping_as_it_was_when_it_was_uploaded(
    app: Flask, client: FlaskClient, workspace: Workspace, admin: User, storage: Storage
) -> None:
    base = f"/w/{workspace.slug}/imports"
    fields = {"name": "doors", "input": "csv", "occurred_at": "when", "activity": "door.{what}"}
    client.post(f"{base}/mappings", data={"csrf_token": csrf_token(client), **fields})
    assert 'value="doors"' in client.get(f"{base}/new").text
    content = b"when,what,floor\n2026-11-16T08:00:00Z,open,3\nx,open,4\n"
    upload(client, workspace, ("doors.csv", content), format="doors")
    client.post(f"{base}/mappings/doors/remove", data={"csrf_token": csrf_token(client)})
    (row,) = run_all(app, workspace, storage)
    assert (row.state, row.format, row.added, row.refused) == ("done", "doors", 1, 1)
    assert "door.open" in activities(workspace)


def test_assumed_zone_is_applied(
    app: Flask, client: FlaskClient, workspace: Workspace, admin: User, storage: Storage
) -> None:
    content = (FIXTURES / "importers" / "nova.log").read_bytes()
    upload(client, workspace, ("nova.log", content))
    upload(client, workspace, ("nova.log", content), time_zone="Europe/Berlin")
    without, with_zone = run_all(app, workspace, storage)
    assert without.state == "failed"
    assert "has no zone" in (without.error or "")
    assert (with_zone.state, with_zone.added) == ("done", 2)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"format": "elvish"}, "Choose one of the formats."),
        ({"time_zone": "Mars/Olympus"}, "Choose a zone such as Europe/Berlin"),
    ],
)
def test_invalid_field_is_reported_on_the_form(
    client: FlaskClient, workspace: Workspace, admin: User, fields: dict[str, str], words: str
) -> None:
    status, text = upload(client, workspace, ("a.log", b"x"), **fields)
    assert status == 422
    assert words in text
    assert rows(workspace) == []


def test_missing_file_is_reported_on_the_form(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    status, text = upload(client, workspace)
    assert (status, "Choose a file." in text) == (422, True)


def test_large_upload_is_accepted_only_from_signed_in_people(
    app: Flask, client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    large = b"x" * (600 * 1024)
    assert upload(client, workspace, ("a.log", large))[0] == 303
    stranger = app.test_client()
    assert upload(stranger, workspace, ("a.log", large))[0] == 413


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.MEMBER])
def test_only_admins_import(client: FlaskClient, workspace: Workspace, role: Role) -> None:
    sign_in(client, make_member(workspace, role))
    assert client.get(f"/w/{workspace.slug}/imports").status_code == 403
    assert upload(client, workspace, ("a.log", b"x"))[0] == 403
    assert rows(workspace) == []


def test_import_of_another_workspace_is_not_found(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    upload(client, workspace, ("access.log", ACCESS_LOG.read_bytes()))
    other = make_workspace()
    make_member(other, user=admin)
    identity = rows(workspace)[0].id
    assert client.get(f"/w/{other.slug}/imports/{identity}").status_code == 404


def _cut_off(*_: object) -> None:
    raise OSError("the worker's machine is going away")


def _waiting() -> list[UUID]:
    with platform_session(JOBS) as platform:
        return [row.id for row in IMPORTS.waiting(platform)]


def _expire(workspace: Workspace) -> None:
    """Let every lease of the workspace's imports be over."""
    with scoped(workspace.id) as session:
        session.execute(update(Import).values(lease_until=Import.created_at))
        session.commit()


def test_lines_in_conflict_are_counted_and_shown_by_their_numbers(
    app: Flask, client: FlaskClient, workspace: Workspace, storage: Storage
) -> None:
    event = event_input(idempotency_key="k", occurred_at="2026-11-16T10:00:00Z")
    lines = [json.dumps(event | {"path": path}) for path in ("/a", "/b", "/a")]
    upload(client, workspace, ("events.jsonl", "\n".join(lines).encode()))
    (row,) = run_all(app, workspace, storage)
    assert (row.state, row.added, row.already_there, row.conflicts) == ("done", 1, 1, 1)
    assert row.first_conflicts == [{"place": "line 2", "reason": "same id, other content"}]
    assert "Imported in part" in client.get(f"/w/{workspace.slug}/imports").text
    assert "same id, other content" in client.get(f"/w/{workspace.slug}/imports/{row.id}").text
    assert activities(workspace)[-2:] == ["event.conflict", "log.import"]


@pytest.mark.parametrize(
    ("expired", "state", "added"),
    [({}, "failed", 0), ({"expired": "skip"}, "done", 0), ({"expired": "import"}, "done", 1)],
)
def test_expired_upload_is_imported_only_by_choice(
    app: Flask,
    client: FlaskClient,
    workspace: Workspace,
    storage: Storage,
    expired: dict[str, str],
    state: str,
    added: int,
) -> None:
    with as_owner(workspace.id) as session:
        session.get_one(Workspace, workspace.id).retention_days = 30
        session.commit()
    assert "this workspace keeps (30 days)" in client.get(f"/w/{workspace.slug}/imports/new").text
    event = event_input(idempotency_key="k", occurred_at="2020-01-01T00:00:00Z")
    upload(client, workspace, ("old.jsonl", json.dumps(event).encode()), **expired)
    (row,) = run_all(app, workspace, storage)
    assert (row.state, row.added) == (state, added)
    if state == "failed":
        assert row.error is not None
        assert "the only event is older than this workspace keeps (30 days)" in row.error


def test_unknown_choice_about_expired_events_is_refused(
    client: FlaskClient, workspace: Workspace
) -> None:
    status, page = upload(client, workspace, ("a.log", b"x"), expired="maybe")
    assert status == 422
    assert "Choose what becomes of events older than is kept" in page
