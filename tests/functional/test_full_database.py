"""The database's disk is full: told as what it is to people, senders, probes and operators."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from auditsaas.operations import doctor, readiness
from auditsaas.operations.finding import Verdict
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tests.functional.test_metrics import figures
from tests.support.factories import csrf_token, event_input, make_member, sign_in

FULL = """DO $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device'
USING ERRCODE = 'disk_full'; END $$"""
SERIES = 'auditsaas_database_errors_total{class="53100"}'


@pytest.fixture
def full_log(owner_engine: Engine, acme: Workspace) -> Iterator[None]:
    """PostgreSQL answers as with a full disk to each event and change of Acme's."""
    with owner_engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION fill_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " RAISE EXCEPTION 'No space left on device' USING ERRCODE = 'disk_full'; END $$"
        )
        connection.exec_driver_sql(
            "CREATE TRIGGER fill_disk BEFORE INSERT ON events FOR EACH ROW"
            f" WHEN (NEW.workspace_id = '{acme.id}') EXECUTE FUNCTION fill_disk()"
        )
    yield
    with owner_engine.begin() as connection:
        connection.exec_driver_sql("DROP FUNCTION fill_disk() CASCADE")


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL answers as with a full disk to what the probes write."""
    monkeypatch.setattr(readiness, "SPILL", text(FULL))


@pytest.mark.usefixtures("full_log")
def test_sender_is_told_that_the_databases_disk_is_full(client: FlaskClient, key: str) -> None:
    before = figures(client).get(SERIES, 0)
    answer = client.post(
        "/api/v1/events", json=event_input(), headers={"Authorization": f"Bearer {key}"}
    )
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["type"] == "/api/docs#unavailable"
    assert answer.json["detail"] == "The database's disk is full. Send it again."
    assert int(answer.headers["Retry-After"]) > 2
    assert figures(client)[SERIES] == before + 1


@pytest.mark.usefixtures("full_log")
def test_page_says_that_the_databases_disk_is_full_and_the_log_has_the_reason(
    client: FlaskClient, acme: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    sign_in(client, make_member(acme))
    form = {"name": "scanner", "scope": "events:write", "lifetime": "365", "networks": ""}
    form["csrf_token"] = csrf_token(client)
    with caplog.at_level(logging.ERROR):
        answer = client.post(f"/w/{acme.slug}/api-keys/new", data=form)
    assert answer.status_code == 503
    assert "The database&#39;s disk is full" in answer.text
    assert [vars(record).get("reason") for record in caplog.records] == ["53100"]


@pytest.mark.usefixtures("full_disk")
def test_full_disk_of_the_database_is_not_ready(client: FlaskClient) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json == {"database": "the disk is full", "redis": "ok"}


@pytest.mark.usefixtures("full_disk")
def test_doctor_fails_a_full_disk_of_the_database(settings: Settings) -> None:
    found = {finding.part: finding for finding in doctor.examine(settings)}
    assert found["disk"].verdict is Verdict.FAIL
    assert "disk is full" in found["disk"].words
    assert "Make room" in found["disk"].remedy
    assert found["durability"].verdict is Verdict.OK
    assert found["platform role"].verdict is Verdict.OK


def test_probe_of_the_disk_writes_a_temporary_file(app: Flask, owner_engine: Engine) -> None:
    written = text("SELECT temp_bytes FROM pg_stat_database WHERE datname = current_database()")
    with owner_engine.connect() as connection:
        before = connection.scalar(written)
        connection.commit()
        with connection.begin():
            readiness.write(connection)
        connection.execute(text("SELECT pg_stat_force_next_flush()"))
        connection.commit()
        assert (connection.scalar(written) or 0) > (before or 0) + 500_000
