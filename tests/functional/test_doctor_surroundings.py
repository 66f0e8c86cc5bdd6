"""What is broken around the database: Redis, workers, secrets, numbering, files, mail."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from auditsaas.accounts import encryption
from auditsaas.jobs import liveness
from auditsaas.storage.s3 import client_of
from config.celery import BEAT_KEY, QUEUES, WORKERS_KEY
from config.secret_keys import SecretKeys
from tests.support.patient import Patient, elsewhere
from tests.support.serving import free_port

APP, PASSWORD = "auditsaas_app", "a password of its own"


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
    ill.heals(check, says)


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
    assert wrong.words("redis").startswith(says)


def test_dead_workers_and_the_queue_without_one(ill: Patient) -> None:
    keys = [WORKERS_KEY, *(f"{WORKERS_KEY}:{queue}" for queue in QUEUES)]
    with ill.redis() as server:
        server.zadd(f"{WORKERS_KEY}:heavy", {"all@here": server.time()[0] - 11})
        [found] = ill.looked_at("workers")
        assert found.words == "none takes what is queued as heavy"
        assert found.remedy.endswith("systemctl start auditsaas-worker@heavy")
        for key in keys:
            server.zadd(key, {"all@here": server.time()[0] - 11})
        assert "fail none is alive" in ill.words("workers")
        server.delete(*keys)
        assert "warn none was ever heard of" in ill.words("workers")
    ill.lives()
    assert ill.looked_at("workers") == []


def test_dead_beat_and_one_too_many(ill: Patient) -> None:
    with ill.redis() as server:
        liveness.note_beat(server, "another")
        assert "2 were alive within ten seconds" in ill.words("beat")
        server.set(BEAT_KEY, server.time()[0] - 31)
        assert "fail is not alive" in ill.words("beat")
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
    assert "not signed" in other.words("scope")
    assert "1 of 1 that were tried open with no SECRET_KEY" in other.words("secrets")
    kept = replace(other.settings, secret_key_fallbacks=(ill.settings.secret_key,))
    rotating = replace(other, settings=kept)
    rotating.heals("scope", "not signed")
    rotating.heals("secrets", "a key of SECRET_KEY_FALLBACKS alone")


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
    ill.heals("jobs", "2 could not be sent in the last day")
    assert ill.one("SELECT string_agg(state, ' ' ORDER BY state) FROM mails") == "dropped waiting"


def test_mails_that_wait_for_long_are_told(ill: Patient) -> None:
    ill.sql("UPDATE mails SET created_at = now() - interval '1 hour' WHERE state = 'waiting'")
    assert "the oldest that is not finished was asked for 60 min ago" in ill.words("jobs")
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
    elsewhere(ill, data_dir=tmp_path / "data").heals("data-folder", "is no folder")


def test_storage_that_refuses_is_told(ill: Patient) -> None:
    assert "fail" in elsewhere(ill, storage_url="file:///proc/nowhere").words("storage")
    assert "must start with" in elsewhere(ill, storage_url="ftp://there").words("storage")


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
    away = elsewhere(ill, smtp_url=f"smtp://127.0.0.1:{port}")
    assert "fail the server refuses" in away.words("mail")
