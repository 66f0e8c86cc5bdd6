"""What is broken around the database: connections, Redis, workers, secrets, files, mail, clocks."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
from moto.server import ThreadedMotoServer
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from auditsaas.accounts import encryption
from auditsaas.db import failures, tickets
from auditsaas.jobs import liveness
from auditsaas.operations import readiness
from auditsaas.storage.s3 import client_of
from config.celery import BEAT_KEY, QUEUES, WORKERS_KEY
from config.secret_keys import SecretKeys
from config.settings import Settings
from tests.functional.test_full_database import FULL
from tests.support.patient import Patient, elsewhere, patient
from tests.support.pgbouncer import PgBouncer
from tests.support.serving import free_port

APP, PASSWORD = "auditsaas_app", "a password of its own"


@pytest.fixture(scope="module")
def ill() -> Iterator[Patient]:
    with patient() as made:
        yield made


@pytest.fixture(autouse=True)
def _is_its_own(ill: Patient) -> None:
    tickets.sign_with(ill.settings.secret_key)
    ill.lives()


def words(made: Patient, check: str) -> str:
    return "; ".join(f"{each.verdict} {each.words}" for each in made.looked_at(check))


def heals(made: Patient, check: str, says: str) -> None:
    """It is found, what is printed is done to the letter, and it is well."""
    found = made.looked_at(check)
    assert says in "; ".join(each.words for each in found)
    for finding in found:
        made.follow(finding.remedy)
    assert made.looked_at(check) == []


# Connections


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
    heals(ill, "postgresql", says)
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
        assert "a pooler in transaction mode" in words(replace(ill, settings=unaware), "pooler")
        assert replace(ill, settings=pooler.settings).looked_at("pooler") == []


# PostgreSQL's host


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
    assert "differs from the database's by" in words(ill, "clock")
    ill.sql(f"ALTER ROLE {APP} RESET search_path; DROP SCHEMA skewed CASCADE")
    assert ill.looked_at("clock") == []


# Redis


@pytest.mark.parametrize(
    ("broken", "check", "says"),
    [
        (("maxmemory", "1mb"), "redis-memory", "is full"),
        (("maxmemory-policy", "allkeys-lru"), "redis-memory", "may evict messages"),
        (("appendonly", "no"), "redis", "has no append-only file"),
    ],
    ids=["full", "evicts", "forgets"],
)
def test_redis_is_healed_by_the_cure(
    ill: Patient, broken: tuple[str, str], check: str, says: str
) -> None:
    with ill.redis() as server:
        server.config_set(*broken)
        if broken[0] == "maxmemory":
            server.config_set("maxmemory", "1kb")
    heals(ill, check, says)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("redis://127.0.0.1:1/0", "fail is away"),
        ("redis://:wrong@127.0.0.1:{port}/0", "fail refuses the password"),
        ("redis://127.0.0.1:{port}/0", "fail refuses the password"),
        ("mysql://127.0.0.1/0", "fail is not named by REDIS_URL"),
    ],
    ids=["away", "wrong password", "no password", "no url"],
)
def test_redis_that_refuses_is_told_once(ill: Patient, url: str, says: str) -> None:
    port = ill.settings.redis_url.rpartition(":")[2].partition("/")[0]
    wrong = elsewhere(ill, redis_url=url.format(port=port))
    assert words(wrong, "redis").startswith(says)


def test_dead_workers_and_the_queue_without_one(ill: Patient) -> None:
    keys = [WORKERS_KEY, *(f"{WORKERS_KEY}:{queue}" for queue in QUEUES)]
    with ill.redis() as server:
        server.zadd(f"{WORKERS_KEY}:heavy", {"all@here": server.time()[0] - 11})
        [found] = ill.looked_at("workers")
        assert found.words == "none takes what is queued as heavy"
        assert found.remedy.endswith("systemctl start auditsaas-worker@heavy")
        for key in keys:
            server.zadd(key, {"all@here": server.time()[0] - 11})
        assert "fail none is alive" in words(ill, "workers")
        server.delete(*keys)
        assert "warn none was ever heard of" in words(ill, "workers")
    ill.lives()
    assert ill.looked_at("workers") == []


def test_dead_beat_and_one_too_many(ill: Patient) -> None:
    with ill.redis() as server:
        liveness.note_beat(server, "another")
        assert "2 were alive within ten seconds" in words(ill, "beat")
        server.set(BEAT_KEY, server.time()[0] - 31)
        assert "fail is not alive" in words(ill, "beat")
    ill.lives()
    assert ill.looked_at("beat") == []


# Secrets, numbering and mail


def test_changed_secret_is_found_by_scopes_and_by_what_is_sealed(ill: Patient) -> None:
    sealed = encryption.seal(SecretKeys(ill.settings.secret_key), "JBSWY3DPEHPK3PXP")
    ill.sql(
        "INSERT INTO users (id, email, name, totp_secret)"
        f" VALUES (gen_random_uuid(), 'ann@example.com', 'Ann Lee', '{sealed}')"
    )
    other = elsewhere(ill, secret_key="another secret of this installation, long")
    assert "not signed" in words(other, "scope")
    assert "1 of 1 that were tried open with no SECRET_KEY" in words(other, "secrets")
    kept = replace(other.settings, secret_key_fallbacks=(ill.settings.secret_key,))
    rotating = replace(other, settings=kept)
    heals(rotating, "scope", "not signed")
    heals(rotating, "secrets", "a key of SECRET_KEY_FALLBACKS alone")


def test_gap_of_a_log(ill: Patient) -> None:
    ill.command("workspace", "create", "Acme", "--slug", "acme")
    ill.sql("UPDATE log_heads SET seq = seq + 2")
    [found] = ill.looked_at("sequence")
    assert "has gaps in acme" in found.words
    assert "auditsaas verify acme" in found.remedy
    ill.sql("UPDATE log_heads SET seq = seq - 2")
    assert ill.looked_at("sequence") == []


def test_mails_that_were_given_up_are_sent_again_by_the_cure(ill: Patient) -> None:
    ill.sql(
        "INSERT INTO mails (id, user_id, kind, context, state, attempts, next_try_at)"
        " SELECT gen_random_uuid(), id, kind, '{}', 'failed', 40, now()"
        " FROM users, unnest(ARRAY['export.ready', 'invitation']) AS kind LIMIT 2"
    )
    heals(ill, "jobs", "2 could not be sent in the last day")
    assert ill.one("SELECT string_agg(state, ' ' ORDER BY state) FROM mails") == "dropped waiting"


def test_mails_that_wait_for_long_are_told(ill: Patient) -> None:
    ill.sql("UPDATE mails SET created_at = now() - interval '1 hour' WHERE state = 'waiting'")
    assert "the oldest that is not finished was asked for 60 min ago" in words(ill, "jobs")
    ill.sql("DELETE FROM mails")
    assert ill.looked_at("jobs") == []


# Files


@contextmanager
def as_another_account() -> Iterator[None]:
    """Look as the services do: as an account that may not write everywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_data_folder_that_cannot_be_written_is_healed_by_the_cure(ill: Patient) -> None:
    with tempfile.TemporaryDirectory(prefix="auditsaas-data-") as folder:
        Path(folder).chmod(0o555)
        made = elsewhere(ill, data_dir=Path(folder))
        with as_another_account():
            [found] = made.looked_at("data-folder")
        assert "cannot be written" in found.words
        made.follow(found.remedy)
        with as_another_account():
            assert made.looked_at("data-folder") == []


def test_data_folder_that_is_a_file_is_healed_by_the_cure(ill: Patient, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    heals(elsewhere(ill, data_dir=tmp_path / "data"), "data-folder", "is no folder")


def test_storage_that_refuses_is_told(ill: Patient) -> None:
    assert "fail" in words(elsewhere(ill, storage_url="file:///proc/nowhere"), "storage")
    assert "must start with" in words(elsewhere(ill, storage_url="ftp://there"), "storage")


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """An object store, and what this process is told of it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=free_port(), verbose=False)
    server.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://{}:{}".format(*server.get_host_and_port()))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")

    def told(**credentials: str) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name, raising=False)
        for name, value in credentials.items():
            monkeypatch.setenv(name, value)
        client_of.cache_clear()

    yield told
    client_of.cache_clear()
    server.stop()


def test_object_store_without_bucket_or_half_of_the_credentials(
    ill: Patient, store: Callable[..., None]
) -> None:
    made = elsewhere(ill, storage_url="s3://audit")
    store(AWS_ACCESS_KEY_ID="test")
    [found] = made.looked_at("storage")
    assert found.words.startswith("Storage is not told who asks")
    assert "Set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in found.remedy
    store(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test")
    [found] = made.looked_at("storage")
    assert found.words.startswith("Storage has no such bucket")
    assert "create-bucket --bucket audit" in found.remedy
    boto3.client("s3").create_bucket(Bucket="audit")
    assert made.looked_at("storage") == []


def test_mail_server_that_does_not_answer(ill: Patient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert "fail the server refuses" in words(
        elsewhere(ill, smtp_url=f"smtp://127.0.0.1:{port}"), "mail"
    )
