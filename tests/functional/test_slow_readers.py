"""Readers who take a file or a page slowly, and what they leave to others."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from auditsaas.accounts.models import User
from auditsaas.events.models import events
from auditsaas.exports.building.build import export_job
from auditsaas.jobs.runner import run
from auditsaas.storage.address import storage_at
from auditsaas.workspaces.models import Workspace
from config.errors import SettingsError
from config.lanes import FILES_OF_ONE
from tests.support.exporting import ask
from tests.support.factories import (
    append_events,
    csrf_token,
    event_input,
    make_api_key,
    make_member,
    make_workspace,
    scoped,
    sign_in,
)
from tests.support.serving import WebProcess
from tests.support.workers import eventually

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


def asking(app: Flask, workspace: Workspace) -> tuple[User, bytes]:
    """The form that asks for a small file, as a browser sends it, and the person who does."""
    admin = make_member(workspace)
    client = app.test_client()
    cookie = sign_in(client, admin)
    body = urlencode({"csrf_token": csrf_token(client), "format": "jsonl"}).encode()
    head = (
        f"POST /w/{workspace.slug}/exports HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Cookie: session={cookie}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return admin, head.encode() + body


def slow_reader(stack: ExitStack, web: WebProcess, request: bytes) -> socket.socket:
    """A caller who has sent a request, and of whose answer a few kilobytes are under way."""
    caller = stack.enter_context(socket.socket())
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    caller.settimeout(20)
    caller.connect(web.address)
    caller.sendall(request)
    return caller


def test_file_at_once_comes_through_a_thread_for_files(
    app: Flask, web: WebProcess, full: Workspace
) -> None:
    _, form = asking(app, full)
    with socket.create_connection(web.address, 10) as caller:
        caller.sendall(form)
        whole = b"".join(iter(lambda: caller.recv(1 << 20), b""))
    head, _, body = whole.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert b"attachment; filename=" in head
    assert body.count(b"\n") >= 600


def test_slow_readers_of_files_at_once_hold_up_nobody(
    app: Flask, web: WebProcess, full: Workspace
) -> None:
    _, form = asking(app, full)
    with ExitStack() as stack:
        callers = [slow_reader(stack, web, form) for _ in range(READERS)]
        lines = [caller.recv(600).partition(b"\r\n")[0] for caller in callers]
        assert seconds_of_a_page(web) < 1
    sent = lines.count(b"HTTP/1.1 200 OK")
    assert 0 < sent <= PROCESSES * FILES_OF_ONE
    # A worker builds the file of a caller who has no thread left.
    assert lines.count(b"HTTP/1.1 303 SEE OTHER") == READERS - sent


def downloads(workspace: Workspace, person: User) -> list[Any]:
    with scoped(workspace.id) as session:
        mine = (events.c.workspace_id == workspace.id, events.c.actor_id == str(person.id))
        found = select(events).where(*mine, events.c.activity == "export.downloaded")
        return list(session.execute(found.order_by(events.c.seq)))


def test_reader_who_leaves_before_the_end_is_recorded_and_can_fetch_the_file_again(
    app: Flask, web: WebProcess, full: Workspace
) -> None:
    admin, form = asking(app, full)
    with ExitStack() as stack:
        begun = slow_reader(stack, web, form).recv(2000)
    address = re.search(rb"Content-Location: (\S+)", begun)
    assert address

    def both() -> list[Any] | None:
        found = downloads(full, admin)
        return found if len(found) == 2 else None

    began, ended = eventually(both, "the beginning and the end in the log")
    assert (began.status, ended.status) == ("success", "error")
    assert ended.targets == began.targets
    assert 0 <= ended.metadata["sent"] < ended.metadata["bytes"]
    client = app.test_client()
    sign_in(client, admin)
    assert client.get(address[1].decode()).content_length == ended.metadata["bytes"]


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
