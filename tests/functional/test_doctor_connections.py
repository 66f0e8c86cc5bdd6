"""What is broken between the doctor and PostgreSQL: connections, a pooler, a disk, a clock."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from auditsaas.db import failures
from auditsaas.operations import doctor, readiness
from auditsaas.operations.checks import check
from config.settings import Settings
from tests.functional.test_full_database import FULL
from tests.support.engines import frozen, postgres_processes
from tests.support.patient import Patient, elsewhere
from tests.support.pgbouncer import PgBouncer

APP, PASSWORD = "auditsaas_app", "a password of its own"


def url_of(settings: Settings, **parts: Any) -> str:
    return make_url(settings.database_url).set(**parts).render_as_string(hide_password=False)


@contextmanager
def asking_for_passwords(ill: Patient) -> Iterator[None]:
    """Let PostgreSQL ask the app role for a password, as servers do."""
    file = Path(ill.one("SHOW hba_file"))
    before = file.read_text()
    file.write_text(f"local all {APP} scram-sha-256\n{before}")
    ill.sql("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        file.write_text(before)
        ill.sql("SELECT pg_reload_conf()")


def test_wrong_password_is_told_and_the_right_one_heals(ill: Patient) -> None:
    wrong = elsewhere(ill, database_url=url_of(ill.settings, password=PASSWORD))
    ill.sql(f"ALTER ROLE {APP} PASSWORD 'another'")
    with asking_for_passwords(ill):
        [found] = wrong.looked_at("postgresql")
        assert found.words.startswith(f"the database refuses the password of {APP}")
        ill.follow(found.remedy.replace("…", PASSWORD))
        assert wrong.looked_at("postgresql") == []


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ({"host": "127.0.0.1", "port": 1}, "the server is away"),
        ({"query": {"host": "/nowhere"}}, "the server is away"),
        ({"database": "other"}, "the server has no database other"),
        ({"username": "nobody"}, "the database has no role nobody"),
    ],
    ids=["port", "socket", "database", "role"],
)
def test_each_refusal_is_a_sentence_of_its_own(
    ill: Patient, place: dict[str, object], says: str
) -> None:
    by_port: dict[str, Any] = {"query": {}} if "port" in place else {}
    url = url_of(ill.settings, **{**by_port, **place})
    [found] = elsewhere(ill, database_url=url).looked_at("policies")
    assert found.part == "app role"
    assert found.words.startswith(says)
    assert found.remedy


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        (f"ALTER ROLE {APP} NOLOGIN", "may not sign in"),
        ("REVOKE CONNECT ON DATABASE auditsaas FROM PUBLIC", "may not connect"),
        (f"ALTER ROLE {APP} CONNECTION LIMIT 0", "takes no more connections"),
        ("ALTER DATABASE auditsaas CONNECTION LIMIT 0", "takes no more connections"),
    ],
    ids=["login", "connect", "role's limit", "database's limit"],
)
def test_refused_role_is_let_in_by_the_cure(ill: Patient, sql: str, says: str) -> None:
    ill.sql(sql)
    ill.heals("postgresql", says)
    for finding in ill.looked_at("platform-role"):  # where all were shut out
        ill.follow(finding.remedy)
    assert ill.looked_at("platform-role") == []


def test_full_server_is_told_as_full(ill: Patient) -> None:
    places = int(ill.one("SHOW max_connections"))
    with ExitStack() as held:
        for _ in range(places - 3):
            held.enter_context(psycopg.connect(ill.superuser.replace("postgres@", f"{APP}@")))
        [found] = ill.looked_at("postgresql")
        with pytest.raises(OperationalError) as refused:
            create_engine(ill.settings.database_url).connect()
    assert failures.told(refused.value) is failures.CROWDED
    assert failures.label(refused.value) == "53300"
    assert found.words.startswith("the server is full")
    assert "max_connections" in found.remedy
    assert ill.looked_at("postgresql") == []


def test_server_that_freezes_midway_is_asked_no_further(
    ill: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "STATEMENT_SECONDS", 0.5)
    names = ("postgresql", "clock", "policies", "grants")
    found = doctor.findings(ill.settings, [each for each in doctor.CHECKS if each.name in names])
    assert next(found)[0] == "postgresql"
    with frozen(postgres_processes(ill.settings.data_dir.parent)):
        [(name, finding)] = list(found)
    assert name == "clock"
    assert "has not answered" in finding.words
    assert ill.looked_at("clock") == []


def test_too_few_connections_for_the_processes(
    ill: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--bind 0.0.0.0:8000 --workers 4")
    [found] = ill.looked_at("connections")
    assert found.words == "the server has 97, and the processes may want 143"
    assert "ALTER SYSTEM SET max_connections" in found.remedy


def test_pooler_without_the_setting_and_with_it(ill: Patient) -> None:
    folder = Path(tempfile.mkdtemp(prefix="auditsaas-pooler-"))
    with PgBouncer(ill.settings, folder) as pooler:
        unaware = replace(pooler.settings, transaction_pooling=False)
        assert "a pooler in transaction mode" in replace(ill, settings=unaware).words("pooler")
        assert replace(ill, settings=pooler.settings).looked_at("pooler") == []


def test_full_disk(ill: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(readiness, "SPILL", text(FULL))
        [found] = ill.looked_at("disk")
    assert "disk is full" in found.words
    assert "Make room" in found.remedy
    assert ill.looked_at("disk") == []


def test_clock_that_differs(ill: Patient) -> None:
    """The database's clock is a function that this role sees first."""
    ill.sql(
        f"CREATE SCHEMA skewed; GRANT USAGE ON SCHEMA skewed TO {APP};"
        " CREATE FUNCTION skewed.clock_timestamp() RETURNS timestamptz LANGUAGE sql"
        " RETURN pg_catalog.clock_timestamp() + interval '90 seconds';"
        f" ALTER ROLE {APP} SET search_path = skewed, pg_catalog, public"
    )
    assert "differs from the database's by" in ill.words("clock")
    ill.sql(f"ALTER ROLE {APP} RESET search_path; DROP SCHEMA skewed CASCADE")
    assert ill.looked_at("clock") == []
