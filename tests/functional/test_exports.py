"""From the Download button to the file, with a real worker in between."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import threading
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, update
from werkzeug.test import TestResponse

from auditsaas.accounts.models import User
from auditsaas.jobs.queue import AT_ONCE_SECONDS
from auditsaas.permissions import Role
from auditsaas.workspaces.models import Membership, Workspace
from config.celery import PUBLISHER_TRANSPORT
from config.settings import Settings
from tasks.exports import expire_exports
from tasks.jobs import sweep_jobs
from tests.support import sealing
from tests.support.exporting import (
    age,
    cells,
    ids_on_the_page,
    log_locked_to_readers,
    parsed_filter,
    row_of,
)
from tests.support.factories import (
    append_events,
    csrf_token,
    event_input,
    make_member,
    make_user,
    make_workspace,
    say_why,
    scoped,
)
from tests.support.htmx import PARTIAL
from tests.support.workers import PATIENCE_SECONDS, WorkerProcess, eventually

pytestmark = pytest.mark.usefixtures("signed_in_admin", "no_file_at_once")


@pytest.fixture
def workspace() -> Workspace:
    made = make_workspace()
    statuses = ["success", "error"]
    append_events(made, [event_input(status=statuses[n % 2]) for n in range(120)])
    return made


def post(client: FlaskClient, url: str, **form: Any) -> TestResponse:
    return client.post(url, data={"csrf_token": csrf_token(client), **form})


def ask(client: FlaskClient, place: str, **form: Any) -> UUID:
    """Ask for a CSV as the form without JavaScript does; the id of the newest export."""
    response = post(client, f"{place}/exports", format="csv", **form)
    assert response.status_code == 303
    page = client.get(response.headers["Location"]).text
    found = re.search(r'data-export-id="([^"]+)"', page)
    assert found
    return UUID(found[1])


def state(app: Flask, export_id: UUID, wanted: str) -> Any:
    """The export once it is so; beat's sweep runs, as no message is promised to arrive."""

    def row_in_state() -> Any:
        with app.app_context():
            sweep_jobs()
        return ((row := row_of(app, export_id)).state == wanted and row) or None

    return eventually(row_in_state, f"an export that is {wanted}")


def test_export_contains_the_matching_events_and_notifies(
    worker: WorkerProcess, app: Flask, client: FlaskClient, workspace: Workspace
) -> None:
    place = f"/w/{workspace.slug}"
    asked = {"status": "error", "activity": "invoice.*"}
    on_the_page = ids_on_the_page([workspace], parsed_filter(asked))
    export_id = ask(client, place, **asked)
    export = state(app, export_id, "ready")

    response = client.get(f"{place}/exports/{export_id}/download")
    assert response.status_code == 200
    assert [row["event_id"] for row in cells(response.data)] == on_the_page
    assert len(on_the_page) == export.rows_done == 60
    assert hashlib.sha256(response.data).hexdigest() == export.sha256
    assert len(response.data) == export.bytes


def followed(page: str) -> str:
    """The address that a page asks each second."""
    found = re.search(r'hx-get="([^"]+/progress[^"]+)"\s+hx-trigger="every 800ms"', page)
    assert found, page
    return unescape(found[1])


def test_exports_are_followed_until_final_and_announced_once(
    worker: WorkerProcess, app: Flask, client: FlaskClient, workspace: Workspace
) -> None:
    worker.kill()
    place = f"/w/{workspace.slug}"
    export_id = ask(client, place)
    url = followed(client.get(f"{place}/exports").text)
    assert client.get(url, headers=PARTIAL).status_code == 204
    worker.start()
    state(app, export_id, "ready")
    final = client.get(url, headers=PARTIAL).text
    assert 'data-state="ready"' in final
    assert "hx-trigger" not in final
    assert "Export ready" in final
    assert "Export ready" not in client.get(url, headers=PARTIAL).text


def test_notification_is_counted_announced_once_and_marked_as_read(
    worker: WorkerProcess, app: Flask, client: FlaskClient, workspace: Workspace
) -> None:
    export_id = ask(client, f"/w/{workspace.slug}", status="error")
    state(app, export_id, "ready")
    first = client.get("/notifications/count", headers=PARTIAL).text
    assert '<b>1<span class="visually-hidden"> unread</span></b>' in first
    assert "Status is Error, all time" in first
    assert "Export ready" not in client.get("/notifications/count", headers=PARTIAL).text
    menu = client.get("/notifications", headers=PARTIAL).text
    assert f"/exports/{export_id}" in menu
    assert "CSV · 60 rows" in client.get("/notifications").text
    assert post(client, "/notifications/read").status_code == 303
    assert "unread" not in client.get("/notifications/count", headers=PARTIAL).text


def bell(page: str) -> str:
    """The address that the bell of a page asks, and how often."""
    found = re.search(r'id="bell-count"\s+hx-get="([^"]+)".*?hx-trigger="([^"]+)"', page, re.DOTALL)
    assert found, page
    return f"{found[1]} {found[2]}"


def test_bell_follows_an_export_quickly_wherever_its_requester_is(
    worker: WorkerProcess, app: Flask, client: FlaskClient, workspace: Workspace
) -> None:
    account, place = "/account", f"/w/{workspace.slug}"
    assert bell(client.get(account).text) == "/notifications/count?seen=0-0 every 30s"
    worker.kill()
    export_id = ask(client, place)
    for page in (account, f"{place}/audit-logs"):
        assert bell(client.get(page).text) == "/notifications/count?seen=0-1 every 800ms"
    seen = "/notifications/count?seen=0-1"
    assert client.get(seen, headers=PARTIAL).status_code == 204
    worker.start()
    state(app, export_id, "ready")
    told = client.get(seen, headers=PARTIAL).text
    assert bell(told) == "/notifications/count?seen=1-0 every 30s"
    assert f'href="/exports/{export_id}/download"' in told


def test_bell_leaves_to_a_page_what_it_tells_itself(
    worker: WorkerProcess, app: Flask, client: FlaskClient, workspace: Workspace
) -> None:
    worker.kill()
    place = f"/w/{workspace.slug}"
    export_id = ask(client, place)
    page = client.get(f"{place}/exports").text
    left = re.findall(r'name="followed"\s+value="([^"]+)"', page)
    assert left == [f"/exports/{export_id}"]
    worker.start()
    state(app, export_id, "ready")
    count = f"/notifications/count?followed={left[0]}"
    assert "Export ready" not in client.get(count, headers=PARTIAL).text
    assert "Export ready" in client.get("/notifications/count", headers=PARTIAL).text


def test_export_actions_are_recorded_in_the_log(
    worker: WorkerProcess, app: Flask, client: FlaskClient, workspace: Workspace
) -> None:
    place = f"/w/{workspace.slug}"
    export_id = ask(client, place)
    state(app, export_id, "ready")
    client.get(f"{place}/exports/{export_id}/download")
    log = client.get(f"{place}/audit-logs?activity=export.*").text
    for activity in ("export.requested", "export.completed", "export.downloaded"):
        assert activity in log


def test_download_supports_byte_ranges(
    worker: WorkerProcess, app: Flask, client: FlaskClient, workspace: Workspace
) -> None:
    url = (
        f"/w/{workspace.slug}/exports/{(export_id := ask(client, f'/w/{workspace.slug}'))}/download"
    )
    export = state(app, export_id, "ready")
    whole = client.get(url).data
    part = client.get(url, headers={"Range": "bytes=100-199"})
    assert part.status_code == 206
    assert part.data == whole[100:200]
    assert part.headers["Content-Range"] == f"bytes 100-199/{export.bytes}"
    beyond = client.get(url, headers={"Range": f"bytes={export.bytes}-"})
    assert beyond.status_code == 416


def test_download_has_type_name_and_length_headers(
    worker: WorkerProcess, app: Flask, client: FlaskClient, workspace: Workspace
) -> None:
    place = f"/w/{workspace.slug}"
    export_id = ask(client, place, **{"from": "2026-01-01", "to": "2026-12-31"})
    state(app, export_id, "ready")
    headers = client.get(f"{place}/exports/{export_id}/download").headers
    assert headers["Content-Disposition"].startswith(
        f'attachment; filename="{workspace.slug}_2026-01-01_2026-12-31_UTC.csv"'
    )
    assert headers["Content-Type"].startswith("text/csv")
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_export_across_my_workspaces_is_one_file(
    worker: WorkerProcess, app: Flask, client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    second = make_workspace()
    make_member(second, Role.AUDITOR, user=admin)
    append_events(second, [event_input()])
    event_filter = parsed_filter({"activity": "invoice.update"})
    on_the_page = ids_on_the_page([workspace, second], event_filter)
    export_id = ask(client, "", activity="invoice.update")
    state(app, export_id, "ready")
    rows = cells(client.get(f"/exports/{export_id}/download").data)
    assert [row["event_id"] for row in rows] == on_the_page
    assert {row["workspace"] for row in rows} == {workspace.slug, second.slug}


def test_a_super_admin_exports_across_workspaces(
    worker: WorkerProcess,
    app: Flask,
    browser: Callable[[User], FlaskClient],
    workspace: Workspace,
) -> None:
    client = browser(make_user(is_super_admin=True))
    wanted = {"workspace": workspace.slug, "activity": "invoice.update"}
    say_why(client)
    export_id = ask(client, "/admin", **wanted)
    assert state(app, export_id, "ready").through_platform
    rows = cells(client.get(f"/admin/exports/{export_id}/download").data)
    assert [row["event_id"] for row in rows] == ids_on_the_page([workspace], parsed_filter(wanted))


def test_auditor_sees_only_their_own_exports(
    browser: Callable[[User], FlaskClient], workspace: Workspace, client: FlaskClient
) -> None:
    place = f"/w/{workspace.slug}"
    auditor = browser(make_member(workspace, Role.AUDITOR))
    of_the_admin, own = ask(client, place), ask(auditor, place)
    assert str(of_the_admin) not in auditor.get(f"{place}/exports").text
    assert str(own) in client.get(f"{place}/exports").text
    for action in ("", "/download"):
        assert auditor.get(f"{place}/exports/{of_the_admin}{action}").status_code == 404
    for action in ("/cancel", "/retry"):
        assert post(auditor, f"{place}/exports/{of_the_admin}{action}").status_code == 404


def test_download_checks_the_permission_again(
    worker: WorkerProcess, app: Flask, client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    place = f"/w/{workspace.slug}"
    export_id = ask(client, place)
    state(app, export_id, "ready")
    demote(workspace, admin)
    assert client.get(f"{place}/exports/{export_id}/download").status_code == 403
    make_member(make_workspace(), user=admin)
    assert client.get(f"/exports/{export_id}/download").status_code == 404


def demote(workspace: Workspace, user: User) -> None:
    with scoped(workspace.id) as session:
        session.execute(
            update(Membership)
            .where(Membership.workspace_id == workspace.id, Membership.user_id == user.id)
            .values(role=Role.MEMBER.value)
        )
        session.commit()


FORGED = ["11d41e1b-3365-4342-b6ce-313b603475d2", "1", "../../etc/passwd", "%00"]


@pytest.mark.parametrize("forged", FORGED)
def test_a_forged_id_is_not_found(client: FlaskClient, workspace: Workspace, forged: str) -> None:
    for address in (f"/w/{workspace.slug}/exports", "/exports"):
        assert client.get(f"{address}/{forged}").status_code == 404
        assert client.get(f"{address}/{forged}/download").status_code == 404


@pytest.mark.parametrize(
    ("form", "named"),
    [
        ({"format": "docx"}, "csv"),
        ({}, "csv"),
        ({"format": "csv", "status": "maybe"}, "maybe"),
        ({"format": "csv", "workspace": "elsewhere"}, "elsewhere"),
        ({"format": "csv", "from": "never"}, "never"),
    ],
)
def test_invalid_export_request_is_explained_and_starts_nothing(
    client: FlaskClient, workspace: Workspace, form: dict[str, str], named: str
) -> None:
    response = post(client, f"/w/{workspace.slug}/exports", **form)
    assert response.status_code == 422
    assert named in response.text
    assert "data-export-id" not in client.get(f"/w/{workspace.slug}/exports").text


def test_an_export_is_cancelled_and_run_again(
    worker: WorkerProcess, app: Flask, client: FlaskClient, workspace: Workspace
) -> None:
    worker.kill()
    url = f"/w/{workspace.slug}/exports/{(export_id := ask(client, f'/w/{workspace.slug}'))}"
    assert post(client, f"{url}/cancel").status_code == 303
    assert post(client, f"{url}/cancel").status_code == 409
    assert client.get(f"{url}/download").status_code == 409
    worker.start()
    assert post(client, f"{url}/retry").status_code == 303
    assert state(app, export_id, "ready").rows_done == 120
    assert post(client, f"{url}/retry").status_code == 409


def test_killed_build_with_proof_is_made_again(
    worker: WorkerProcess,
    app: Flask,
    client: FlaskClient,
    workspace: Workspace,
    owner_engine: Engine,
) -> None:
    worker.kill()
    export_id = ask(client, f"/w/{workspace.slug}", proof="1")
    sealing.seal(workspace)
    with log_locked_to_readers(owner_engine):
        worker.start()
        state(app, export_id, "building")
        worker.kill()
    append_events(workspace, [event_input()] * 5)
    sealing.seal(workspace)
    worker.start()
    age(owner_engine, export_id, "lease_until")
    export = state(app, export_id, "ready")
    assert (export.attempts, export.rows_done) == (2, 120)
    assert export.sealed_size > 125
    kept = sorted(path.name for path in (files(app) / export.file_key).parent.iterdir())
    assert kept == ["2.csv", "2.proof.zip"]


def test_expired_file_is_gone_and_can_be_rebuilt(
    worker: WorkerProcess,
    app: Flask,
    client: FlaskClient,
    workspace: Workspace,
    owner_engine: Engine,
) -> None:
    url = f"/w/{workspace.slug}/exports/{(export_id := ask(client, f'/w/{workspace.slug}'))}"
    first = state(app, export_id, "ready")
    age(owner_engine, export_id, "expires_at")
    assert client.get(f"{url}/download").status_code == 410
    with app.app_context():
        expire_exports()
    assert row_of(app, export_id).state == "expired"
    assert not (files(app) / first.file_key).exists()
    post(client, f"{url}/retry")
    again = state(app, export_id, "ready")
    assert again.sha256 == first.sha256


def test_missing_file_is_reported_as_missing(
    worker: WorkerProcess, app: Flask, client: FlaskClient, workspace: Workspace
) -> None:
    url = f"/w/{workspace.slug}/exports/{(export_id := ask(client, f'/w/{workspace.slug}'))}"
    (files(app) / state(app, export_id, "ready").file_key).unlink()
    response = client.get(f"{url}/download")
    assert response.status_code == 404
    assert "no longer in storage" in response.text


def files(app: Flask) -> Path:
    settings: Settings = app.extensions["settings"]
    return Path(settings.storage_url.removeprefix("file://"))


def test_request_waits_less_than_two_seconds_for_redis() -> None:
    """Connecting and speaking each have their time, and nothing is tried again that was slow."""
    connecting = PUBLISHER_TRANSPORT["socket_connect_timeout"]
    speaking = PUBLISHER_TRANSPORT["socket_timeout"]
    assert AT_ONCE_SECONDS + connecting + speaking < 2
    assert PUBLISHER_TRANSPORT["max_retries"] == 0


def test_frozen_redis_delays_the_file_but_not_the_response(
    worker: WorkerProcess,
    app: Flask,
    settings: Settings,
    client: FlaskClient,
    workspace: Workspace,
    owner_engine: Engine,
) -> None:
    with redis.Redis.from_url(settings.redis_url) as connection:
        pid = connection.info("server")["process_id"]
    os.kill(pid, signal.SIGSTOP)
    # Whoever waits for Redis waits for this.
    given_up = threading.Timer(PATIENCE_SECONDS, os.kill, (pid, signal.SIGCONT))
    given_up.start()
    try:
        export_id = ask(client, f"/w/{workspace.slug}")
        assert given_up.is_alive()
        assert row_of(app, export_id).state == "queued"
    finally:
        given_up.cancel()
        os.kill(pid, signal.SIGCONT)
    age(owner_engine, export_id, "created_at")

    def ready() -> bool:
        with app.app_context():
            sweep_jobs()
        return bool(row_of(app, export_id).state == "ready")

    # Redis may have read the message before it froze; then there is nothing left to sweep.
    eventually(ready, "an export that is ready once Redis is back")
