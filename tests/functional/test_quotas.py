"""What a workspace, a person and a key may use, and what is said when it is used up."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from auditsaas.access.crowding import RUNNING, WAITING, Crowded, Turnstile
from auditsaas.accounts.models import User
from auditsaas.cli import cli
from auditsaas.cli_session import open_session, workspace_called
from auditsaas.permissions import Role
from auditsaas.quotas.known import DAY, EVENTS, MIB, SECONDS
from auditsaas.quotas.meter import Meter
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tests.support.exporting import ask, end_all_exports
from tests.support.factories import csrf_token, event_input, make_api_key, make_member, sign_in
from tests.support.workers import process_environment

Give = Callable[..., None]


@pytest.fixture
def give(settings: Settings, engine: Engine, workspace: Workspace) -> Give:
    """Give the workspace quotas of its own, as an operator does."""

    def change(**quotas: int) -> None:
        with open_session(settings, as_owner=True) as session:
            workspace_called(session, workspace.slug).quotas = quotas
            session.commit()

    return change


def post(client: FlaskClient, key: str, number: int = 1) -> TestResponse:
    body = {"events": [event_input() for _ in range(number)]}
    return client.post("/api/v1/events", json=body, headers={"Authorization": f"Bearer {key}"})


def export(client: FlaskClient, workspace: Workspace) -> TestResponse:
    form = {"csrf_token": csrf_token(client), "format": "csv"}
    return client.post(f"/w/{workspace.slug}/exports", data=form)


def used(client: FlaskClient, workspace: Workspace, quota: str) -> tuple[str, str]:
    """What the page says is used of a quota, and allowed."""
    page = client.get(f"/w/{workspace.slug}/settings/usage").text
    row = page.split(f'data-quota="{quota}"')[1].split(">")[0]
    return row.split('data-used="')[1].split('"')[0], row.split('data-allowed="')[1].split('"')[0]


def test_events_over_the_days_quota_are_refused_in_words(
    client: FlaskClient, workspace: Workspace, give: Give
) -> None:
    give(events=10)
    key, other, third = (make_api_key(workspace) for _ in range(3))
    assert post(client, key, 5).status_code == 201
    refused = post(client, key)
    assert (refused.status_code, refused.get_json()["title"]) == (429, "Quota used up")
    assert "One key may use 5 events a day" in refused.get_json()["detail"]
    assert 0 < int(refused.headers["Retry-After"]) <= DAY.seconds
    assert post(client, other, 5).status_code == 201
    assert "This workspace may use 10 events a day" in post(client, third).get_json()["detail"]


def test_a_batch_that_is_refused_uses_nothing_up(
    client: FlaskClient, workspace: Workspace, give: Give
) -> None:
    give(events=10)
    key = make_api_key(workspace)
    assert post(client, key, 6).status_code == 429
    assert post(client, key, 5).status_code == 201


def test_without_a_quota_nothing_is_refused(client: FlaskClient, key: str) -> None:
    assert post(client, key, 900).status_code == 201


def test_bytes_sent_and_uploaded_count_against_one_quota(
    client: FlaskClient, workspace: Workspace, admin: User, give: Give
) -> None:
    give(mib=2)
    sign_in(client, admin)
    answer = client.post(
        f"/w/{workspace.slug}/imports/new",
        data={
            "csrf_token": csrf_token(client),
            "format": "auto",
            "file": (io.BytesIO(bytes(MIB.unit + 1)), "access.log"),
        },
        content_type="multipart/form-data",
    )
    assert answer.status_code == 429
    assert "One person may use 1 MiB a day" in answer.text
    assert post(client, make_api_key(workspace)).status_code == 201
    assert used(client, workspace, "mib") == ("1", "2")


@pytest.mark.usefixtures("no_file_at_once")
def test_exports_beyond_those_that_may_wait_are_refused(
    client: FlaskClient, workspace: Workspace, admin: User, give: Give, owner_engine: Engine
) -> None:
    end_all_exports(owner_engine)
    give(jobs=4)
    sign_in(client, admin)
    assert [export(client, workspace).status_code for _ in range(2)] == [303, 303]
    refused = export(client, workspace)
    assert refused.status_code == 429
    assert "One person or key may have 2 exports that wait or run" in refused.text
    colleague = make_member(workspace)
    for _ in range(2):
        ask(colleague, [workspace])
    assert used(client, workspace, "jobs") == ("4", "4")
    end_all_exports(owner_engine)
    assert export(client, workspace).status_code == 303


def test_work_of_a_minute_is_counted_and_refused(
    app: Flask, client: FlaskClient, workspace: Workspace, admin: User, give: Give
) -> None:
    give(seconds=2)
    sign_in(client, admin)
    assert client.get(f"/w/{workspace.slug}/audit-logs").status_code == 200
    meter: Meter = app.extensions["quota_meter"]
    key = f"{SECONDS.name}:{workspace.id}:{admin.id}"
    assert SECONDS.window is not None
    assert meter.used(key, SECONDS.window) > 0
    meter.add(key, 1000, SECONDS.window)
    refused = client.get(f"/w/{workspace.slug}/audit-logs")
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 60


def test_what_is_used_is_counted_in_the_process_while_redis_is_away(workspace: Workspace) -> None:
    meter = Meter.at("redis://127.0.0.1:1/0")
    name = f"{EVENTS.name}:{workspace.id}"
    assert [meter.add(name, 3, DAY) for _ in range(3)] == [3, 6, 9]


def test_what_is_used_is_counted_for_all_processes_together(
    settings: Settings, workspace: Workspace
) -> None:
    name = f"{EVENTS.name}:{workspace.id}"
    one, other = Meter.at(settings.redis_url), Meter.at(settings.redis_url)
    assert (one.add(name, 3, DAY), other.add(name, 4, DAY)) == (3, 7)


def test_page_of_use_is_for_admins(client: FlaskClient, workspace: Workspace, give: Give) -> None:
    sign_in(client, make_member(workspace, Role.AUDITOR))
    assert client.get(f"/w/{workspace.slug}/settings/usage").status_code == 403


def test_page_of_use_shows_what_is_used_and_allowed(
    client: FlaskClient, workspace: Workspace, admin: User, give: Give
) -> None:
    give(events=100)
    post(client, make_api_key(workspace), 7)
    sign_in(client, admin)
    assert used(client, workspace, "events") == ("7", "100")
    assert used(client, workspace, "seconds") == ("0", "")


def test_an_operator_sets_a_workspaces_quotas(settings: Settings, workspace: Workspace) -> None:
    run = CliRunner(env=process_environment(settings)).invoke
    changed = run(cli, ["quota", workspace.slug, "events=5000", "jobs=0"])
    assert "events: 5,000 (its own)" in changed.output
    assert "jobs: no bound (its own)" in changed.output
    again = run(cli, ["quota", workspace.slug, "jobs=default"])
    assert "jobs: 1,000 (the installation's)" in again.output
    refused = run(cli, ["quota", workspace.slug, "events=many"])
    assert (refused.exit_code, "events takes a whole number" in refused.output) == (2, True)


def test_one_persons_requests_leave_threads_to_others(admin: User, second_admin: User) -> None:
    turnstile = Turnstile()
    for _ in range(RUNNING):
        turnstile.enter(admin.id)
    waiting = [threading.Thread(target=turnstile.enter, args=(admin.id,)) for _ in range(WAITING)]
    for thread in waiting:
        thread.start()
    while turnstile.waiting(admin.id) < WAITING:
        threading.Event().wait(0.01)
    with pytest.raises(Crowded, match="more of the log at once"):
        turnstile.enter(admin.id)
    turnstile.enter(second_admin.id)
    for _ in waiting:
        turnstile.leave(admin.id)
    for thread in waiting:
        thread.join(10)
        assert not thread.is_alive()
