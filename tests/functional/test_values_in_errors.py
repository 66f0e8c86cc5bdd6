"""Errors of the database: which values of a statement get into the log and to error hooks."""

from __future__ import annotations

import ast
import logging
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import DBAPIError

from auditsaas import logs
from auditsaas.accounts.models import User
from auditsaas.app import create_app
from auditsaas.db.pools import make_engine
from auditsaas.extensions import db
from config.settings import Settings
from tests.support import factories
from tests.support.factories import PASSWORD, csrf_token, make_member, make_workspace

ROOT = Path(__file__).parents[2]
SECRET = "tulip-anchor-velvet"
NEW_PASSWORD = "tulip anchor velvet comet 77"
HURRIED_MS = 300

WRITES = {
    "missing value": "INSERT INTO users (id, email, password_hash)"
    " VALUES (gen_random_uuid(), :a, :b)",
    "known address": "INSERT INTO users (id, email, name, password_hash)"
    " SELECT gen_random_uuid(), :a, :b, :b FROM generate_series(1, 2)",
    "no uuid": "INSERT INTO users (id, email, name) VALUES (CAST(:a AS uuid), :a, :b)",
    "no number": "UPDATE users SET name = name WHERE length(name) = CAST(:b AS int) OR email = :a",
    "no date": "UPDATE users SET disabled_at = CAST(:b AS timestamptz) WHERE email = :a",
    "no JSON": "UPDATE mails SET context = CAST(:b AS jsonb) WHERE address = :a",
    "no such table": "INSERT INTO no_such_table VALUES (:a, :b)",
}


@pytest.fixture(scope="module")
def app(settings: Settings, engine: Engine) -> Flask:
    """The product in a hurry: what waits for a lock fails soon."""
    made = create_app(settings, statement_timeout_ms=HURRIED_MS)
    made.testing = True
    return made


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What an error hook could read of the errors that it was given."""
    given: list[str] = []

    def hook(error: BaseException, fields: Mapping[str, Any]) -> None:
        given.append(everything_of(error) + repr(fields))

    monkeypatch.setattr(logs, "_hooks", [hook])
    logs.install(as_json=True)
    yield given
    logs.install(as_json=False)


def everything_of(error: BaseException) -> str:
    chain = [error, getattr(error, "orig", None), error.__cause__, error.__context__]
    attributes = [repr(vars(one)) + repr(one) for one in chain if one is not None]
    return "\n".join([*traceback.format_exception(error), *attributes])


@pytest.fixture(params=["app", "platform", "owner"])
def any_engine(request: pytest.FixtureRequest, app: Flask, settings: Settings) -> Engine:
    if request.param == "owner":
        return make_engine(settings.owner_url)
    with app.app_context():
        return db.engines[None if request.param == "app" else "platform"]


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_failed_write_tells_log_and_hooks_no_value(
    any_engine: Engine, told: list[str], capsys: pytest.CaptureFixture[str], write: str
) -> None:
    values = {"a": f"{SECRET}@acme.example", "b": f"{SECRET}-hash"}
    with any_engine.connect() as connection, pytest.raises(DBAPIError) as failed:
        connection.execute(text(write), values)
    logging.getLogger("auditsaas").error("it failed", exc_info=failed.value)
    line = capsys.readouterr().err
    assert "psycopg.errors" in line
    assert len(told) == 1
    assert SECRET not in line + told[0]


def test_password_change_that_waits_too_long_logs_no_hash(
    app: Flask, told: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    user, client = make_member(make_workspace()), app.test_client()
    factories.sign_in(client, user)
    form = {"password": PASSWORD, "new_password": NEW_PASSWORD, "csrf_token": csrf_token(client)}
    with factories.Sessions() as other:
        other.execute(select(User.id).where(User.id == user.id).with_for_update())
        answer = client.post("/account/security/password", data=form)
    line = capsys.readouterr().err
    assert answer.status_code == 503
    assert "the database failed" in line
    assert told
    assert "$argon2" not in line + told[0]


def test_sql_of_a_failed_statement_is_still_told(app: Flask) -> None:
    with app.app_context(), pytest.raises(DBAPIError) as failed:
        db.session.execute(text("SELECT 1 / length(:a)"), {"a": ""})
    assert "SELECT 1 / length" in str(failed.value)
    assert "division by zero" in str(failed.value)


def test_no_engine_is_made_beside_the_one_maker() -> None:
    callers = {
        path.relative_to(ROOT).as_posix()
        for folder in ("auditsaas", "tasks", "config")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and "create_engine" in {getattr(node.func, "id", ""), getattr(node.func, "attr", "")}
    }
    assert callers == {"auditsaas/db/pools.py"}


def test_every_engine_of_the_application_hides_parameters(app: Flask) -> None:
    with app.app_context():
        assert [one.hide_parameters for one in db.engines.values()] == [True] * len(db.engines)
