"""Files in an object store: a real S3 server process on loopback."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from flask import Flask
from flask.testing import FlaskClient

from auditsaas.storage.address import storage_at
from auditsaas.storage.base import FileMissing, Storage, StorageError
from auditsaas.storage.s3 import PART_BYTES, ObjectStorage, client_of
from tasks.jobs import build_export
from tests.support.exporting import ask, row_of
from tests.support.factories import append_events, event_input, make_member, make_workspace, sign_in
from tests.support.serving import free_port
from tests.support.strict_store import strict_store
from tests.support.workers import eventually

KEY = "exports/1/1.csv"
PATTERN = bytes(range(256)) * 4096


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"{url}/moto-api/", timeout=1):  # noqa: S310  # loopback
                return True
        except OSError:
            return False

    eventually(answers, "an S3 server")
    patch = pytest.MonkeyPatch()
    patch.setenv("AWS_ENDPOINT_URL", url)
    patch.setenv("AWS_ACCESS_KEY_ID", "test")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client_of.cache_clear()
    yield url
    patch.undo()
    client_of.cache_clear()
    server.terminate()
    server.wait()


@pytest.fixture(scope="module")
def bucket(endpoint: str) -> str:
    boto3.client("s3").create_bucket(Bucket="audit")
    return "audit"


@pytest.fixture
def storage(bucket: str) -> Storage:
    return storage_at(f"s3://{bucket}/files")


def uploads(bucket: str) -> list[Any]:
    return boto3.client("s3").list_multipart_uploads(Bucket=bucket).get("Uploads", [])


def test_a_small_file_is_read_as_it_was_written(storage: Storage) -> None:
    with storage.write(KEY) as upload:
        upload.write(b"one,")
        upload.write(b"two")
    with storage.open(KEY) as file:
        assert file.read() == b"one,two"
    assert storage.size(KEY) == 7
    assert upload.sha256 == hashlib.sha256(b"one,two").hexdigest()


def test_a_large_file_is_sent_in_parts_and_any_range_of_it_is_read(
    storage: Storage, bucket: str
) -> None:
    count = 2 * PART_BYTES // len(PATTERN) + 3
    with storage.write(KEY) as upload:
        for _ in range(count):
            upload.write(PATTERN)
    assert storage.size(KEY) == count * len(PATTERN)
    assert upload.sha256 == hashlib.sha256(PATTERN * count).hexdigest()
    with storage.open(KEY) as file:
        file.seek(PART_BYTES - 2)
        assert file.read(6) == bytes([254, 255, 0, 1, 2, 3])
        file.seek(0)
        assert hashlib.sha256(file.read()).hexdigest() == upload.sha256
    assert uploads(bucket) == []


def test_failed_write_leaves_nothing(storage: Storage, bucket: str) -> None:
    upload = storage.write("exports/2/1.csv")
    upload.write(b"x" * (PART_BYTES + 1))
    assert len(uploads(bucket)) == 1
    upload.__exit__(RuntimeError, RuntimeError(), None)
    assert uploads(bucket) == []
    with pytest.raises(FileMissing):
        storage.open("exports/2/1.csv")


def test_parts_left_by_a_killed_process_are_listed_and_deleted(
    storage: Storage, bucket: str
) -> None:
    upload = storage.write("exports/3/1.csv")
    upload.write(b"x" * (PART_BYTES + 1))
    assert "exports/3/1.csv" in list(storage.keys("exports/3/"))
    storage.delete("exports/3/1.csv")
    assert uploads(bucket) == []
    assert list(storage.keys("exports/3/")) == []


def test_a_deleted_file_is_missing_and_deleting_again_is_no_error(storage: Storage) -> None:
    with storage.write(KEY) as upload:
        upload.write(b"x")
    storage.delete(KEY)
    storage.delete(KEY)
    with pytest.raises(FileMissing):
        storage.size(KEY)


def test_missing_bucket_is_reported_in_a_sentence(bucket: str) -> None:
    missing = storage_at("s3://nowhere")
    with pytest.raises(StorageError), missing.write(KEY) as upload:
        upload.write(b"x")


def test_unreachable_store_is_reported_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, bucket: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    client_of.cache_clear()
    gone = ObjectStorage(bucket, "", client_of(0))
    client_of.cache_clear()
    with pytest.raises(StorageError, match="does not answer"):
        gone.size(KEY)


def test_an_export_is_built_into_the_store_and_downloaded_in_ranges(
    app: Flask, client: FlaskClient, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = app.extensions["settings"]
    here = replace(settings, storage_url=f"s3://{bucket}/files")
    monkeypatch.setitem(app.extensions, "settings", here)
    workspace = make_workspace()
    admin = make_member(workspace)
    append_events(workspace, [event_input() for _ in range(20)])
    export_id = ask(admin, [workspace])
    with app.app_context():
        build_export(str(export_id))
    export = row_of(app, export_id)
    assert export.state == "ready", export.error
    sign_in(client, admin)
    url = f"/w/{workspace.slug}/exports/{export_id}/download"
    whole = client.get(url)
    assert hashlib.sha256(whole.data).hexdigest() == export.sha256
    part = client.get(url, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.data) == (206, whole.data[100:200])


def test_browser_is_led_to_the_store_by_a_link_that_opens_the_file(
    app: Flask, client: FlaskClient, bucket: str, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"s3://{bucket}?send={endpoint}"
    monkeypatch.setitem(
        app.extensions, "settings", replace(app.extensions["settings"], storage_url=url)
    )
    workspace = make_workspace()
    append_events(workspace, [event_input()])
    admin = make_member(workspace)
    sign_in(client, admin)
    export_id = ask(admin, [workspace])
    with app.app_context():
        build_export(str(export_id))
    answer = client.get(f"/w/{workspace.slug}/exports/{export_id}/download")
    assert (answer.status_code, answer.data) == (303, b"")
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    link = answer.headers["Location"]
    assert "X-Amz-Expires=60&" in link
    with urllib.request.urlopen(link) as file:  # noqa: S310  # loopback
        assert file.headers["Content-Disposition"].startswith("attachment; filename=")
        assert b"invoice.update" in file.read()
    log = client.get(f"/w/{workspace.slug}/audit-logs?activity=export.downloaded").text
    assert log.count("data-event-id") == 1


@pytest.mark.parametrize("size", [1_000, PART_BYTES + 1_000])
def test_store_that_refuses_checksum_headers_keeps_files(
    bucket: str, endpoint: str, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    content = (PATTERN * 9)[:size]
    with strict_store(endpoint) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        client_of.cache_clear()
        kept = storage_at(f"s3://{bucket}/strict")
        with kept.write(KEY) as file:
            file.write(content)
        with kept.open(KEY) as read:
            assert read.read() == content
        kept.delete(KEY)
    client_of.cache_clear()


def test_default_client_is_refused_by_the_strict_store(bucket: str, endpoint: str) -> None:
    """The control."""
    with strict_store(endpoint) as address, pytest.raises(ClientError):
        boto3.client("s3", endpoint_url=address).put_object(Bucket=bucket, Key="x", Body=b"x")
