"""Readers who take a file or a page slowly, and what they leave to others."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from auditsaas.exports.building.build import export_job
from auditsaas.jobs.runner import run
from auditsaas.storage.address import storage_at
from auditsaas.workspaces.models import Workspace
from config.errors import SettingsError
from config.lanes import FILES_OF_ONE
from tests.support.exporting import ask
from tests.support.factories import (
    append_events,
    event_input,
    make_api_key,
    make_member,
    make_workspace,
    sign_in,
)
from tests.support.serving import WebProcess

PROCESSES = 2
READERS = 24
LARGE = {"blob": "y" * 16_000}


@pytest.fixture(scope="module")
def full(engine: object) -> Workspace:
    made = make_workspace("Readers")
    for _ in range(6):
        append_events(made, [event_input(metadata=LARGE) for _ in range(100)])
    return made


def built(app: Flask, workspace: Workspace) -> tuple[str, str]:
    """A file of the workspace's events; its address, and the cookie of who asked for it."""
    admin = make_member(workspace)
    export_id = ask(admin, [workspace], format="jsonl")
    with app.app_context():
        run(export_job(storage_at(app.extensions["settings"].storage_url)), export_id)
    cookie = f"Cookie: session={sign_in(app.test_client(), admin)}"
    return f"/w/{workspace.slug}/exports/{export_id}/download", cookie


@contextmanager
def readers(web: WebProcess, path: str, header: str) -> Iterator[list[bytes]]:
    """So many who ask, and read how the answer begins; a few kilobytes wait for each."""
    with ExitStack() as stack:
        begun = []
        for _ in range(READERS):
            caller = stack.enter_context(socket.socket())
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            caller.settimeout(10)
            caller.connect(web.address)
            caller.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n".encode())
            begun.append(caller)
        yield [caller.recv(600) for caller in begun]


def seconds_of_a_page(web: WebProcess) -> float:
    began = time.monotonic()
    with socket.create_connection(web.address, 5) as caller:
        caller.sendall(b"GET /login HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert caller.recv(64).startswith(b"HTTP/1.1 200")
    return time.monotonic() - began


def test_slow_downloads_of_one_person_are_few_and_hold_up_nobody(
    app: Flask, web: WebProcess, full: Workspace
) -> None:
    with readers(web, *built(app, full)) as answers:
        assert seconds_of_a_page(web) < 1
    lines = [answer.partition(b"\r\n")[0] for answer in answers]
    sent = lines.count(b"HTTP/1.1 200 OK")
    assert 0 < sent <= PROCESSES * FILES_OF_ONE
    assert lines.count(b"HTTP/1.1 429 TOO MANY REQUESTS") == READERS - sent
    refused = next(answer for answer in answers if b"429" in answer[:12])
    assert b"Retry-After: " in refused


def test_download_goes_on_once_the_slow_ones_have_ended(
    app: Flask, web: WebProcess, full: Workspace
) -> None:
    path, cookie = built(app, full)
    with readers(web, path, cookie):
        pass
    asked = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{cookie}\r\n\r\n"
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with socket.create_connection(web.address, 10) as caller:
            caller.sendall(asked.encode())
            whole = b"".join(iter(lambda: caller.recv(1 << 20), b""))
        if whole.startswith(b"HTTP/1.1 200"):
            break
    assert len(whole) > 600 * 16_000


def test_slow_readers_of_large_answers_hold_up_nobody(web: WebProcess, full: Workspace) -> None:
    key = f"Authorization: Bearer {make_api_key(full)}"
    with readers(web, "/api/v1/events?limit=300", key) as answers:
        assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers)
        assert seconds_of_a_page(web) < 1


def test_proxy_is_told_which_file_to_send_and_the_download_is_recorded(
    app: Flask,
    client: FlaskClient,
    full: Workspace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = app.extensions["settings"]
    path, cookie = built(app, full)
    url = f"{settings.storage_url}?send=/stored-files/"
    monkeypatch.setitem(app.extensions, "settings", replace(settings, storage_url=url))
    client.set_cookie("session", cookie.removeprefix("Cookie: session="))
    answer = client.get(path)
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers["X-Accel-Redirect"].startswith("/stored-files/exports/")
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    part = client.get(path, headers={"Range": "bytes=5-9"})
    assert (part.status_code, "Content-Range" in part.headers) == (200, False)
    assert client.head(path).content_length > 600 * 16_000


@pytest.mark.parametrize("query", ["sent=/a/", "send=a", "send=", "send=https://b.example"])
def test_storage_takes_no_other_option(query: str) -> None:
    with pytest.raises(SettingsError, match=r"\?send=/"):
        storage_at(f"file:///tmp/files?{query}")
