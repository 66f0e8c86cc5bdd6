"""Behind PgBouncer in transaction mode nothing may rest on which connection a transaction gets."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import text

from auditsaas.app import create_app
from auditsaas.cli import cli
from auditsaas.extensions import db
from config.settings import Settings
from tests.support.exporting import ask, build_in, cells
from tests.support.factories import (
    append_events,
    event_input,
    make_api_key,
    make_member,
    make_workspace,
    sign_in,
    unique,
)
from tests.support.pgbouncer import SERVER_CONNECTIONS, PgBouncer
from tests.support.workers import process_environment

TIMEOUT_MS = 12_345
THREADS = 4 * SERVER_CONNECTIONS
VISITS = 8


@pytest.fixture(scope="module")
def pooled(settings: Settings, engine: object) -> Iterator[Settings]:
    folder = Path(tempfile.mkdtemp(prefix="auditsaas-pooler-"))
    with PgBouncer(settings, folder) as pooler:
        yield pooler.settings


@pytest.fixture(scope="module")
def app(pooled: Settings) -> Flask:
    made = create_app(pooled, statement_timeout_ms=TIMEOUT_MS)
    made.testing = True
    return made


def test_pooled_database_without_the_setting_is_not_ready(pooled: Settings) -> None:
    """The control: this is a pooler, and it matters."""
    unaware = create_app(replace(pooled, transaction_pooling=False))
    assert unaware.test_client().get("/readyz").json["database"] == "does not answer"  # type: ignore[index]  # it is JSON


def test_pooled_database_with_the_setting_is_ready(app: Flask) -> None:
    assert app.test_client().get("/readyz").status_code == 200


def says(name: str) -> str:
    return str(db.session.scalar(text(f"SHOW {name}")))


def test_every_transaction_sets_utc_and_a_timeout_and_leaves_no_state(app: Flask) -> None:
    with app.app_context():
        for _ in range(2):
            assert (says("timezone"), says("statement_timeout")) == ("UTC", f"{TIMEOUT_MS}ms")
            db.session.commit()
        for number in range(20):
            db.session.execute(text("SELECT :n"), {"n": number})
        assert db.session.scalar(text("SELECT count(*) FROM pg_prepared_statements")) == 0
        raw = db.session.connection().connection.dbapi_connection
        db.session.commit()
        assert raw is not None
        left = raw.execute("SHOW statement_timeout").fetchone()
        raw.rollback()
    assert left != (f"{TIMEOUT_MS}ms",)


def test_people_sharing_one_connection_each_see_their_own_log(app: Flask) -> None:
    """More threads than connections: each transaction gets whichever is free."""
    tenants = []
    for _ in range(THREADS):
        workspace, marker = make_workspace(), f"{unique('note')}.read"
        append_events(workspace, [event_input(activity=marker)])
        tenants.append((workspace, marker, make_member(workspace)))
    markers = [marker for _, marker, _ in tenants]

    def visit(number: int) -> list[str]:
        workspace, _, person = tenants[number]
        client = app.test_client()
        sign_in(client, person)
        seen = []
        for _ in range(VISITS):
            page = client.get(f"/w/{workspace.slug}/audit-logs")
            assert page.status_code == 200
            seen += [marker for marker in markers if marker in page.text]
        return seen

    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(visit, range(THREADS)))
    assert found == [[marker] * VISITS for marker in markers]


def test_concurrent_events_are_numbered_without_a_gap(app: Flask) -> None:
    workspace = make_workspace()
    key = {"Authorization": f"Bearer {make_api_key(workspace)}"}

    def send(_: int) -> int:
        client = app.test_client()
        return client.post("/api/v1/events", json=event_input(), headers=key).status_code

    with ThreadPoolExecutor(THREADS) as pool:
        codes = list(pool.map(send, range(40)))
    assert set(codes) == {201}
    read = app.test_client().get("/api/v1/events/feed?limit=100", headers=key).json
    assert read is not None
    numbers = [event["seq"] for event in read["data"] if event["activity"] == "invoice.update"]
    assert numbers == list(range(numbers[0], numbers[0] + 40))


def test_export_is_built_through_the_pooler(app: Flask, tmp_path: Path) -> None:
    workspace = make_workspace()
    append_events(workspace, [event_input() for _ in range(30)])
    row = build_in(app, ask(make_member(workspace), [workspace]), tmp_path)
    assert row.state == "ready"
    content = (tmp_path / row.file_key).read_bytes()
    assert len(cells(content)) == row.rows_done == 30


def test_commands_work_through_the_pooler(pooled: Settings) -> None:
    environment = process_environment(pooled) | {"TRANSACTION_POOLING": "1"}
    slug = unique("pooled")
    runner = CliRunner(env=environment)
    made = runner.invoke(cli, ["workspace", "create", "Pooled", "--slug", slug])
    assert made.exit_code == 0, made.output
    events = "\n".join(
        f'{{"activity": "note.{n}", "status": "success", "actor": {{"id": "u_1"}},'
        f' "occurred_at": "2026-11-01T00:00:00Z"}}'
        for n in range(20)
    )
    read = runner.invoke(cli, ["import", slug, "--format", "jsonl", "-"], input=events)
    assert read.exit_code == 0, read.output
