"""The ASGI middleware around small applications."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from auditsaas_client import annotate
from auditsaas_client.asgi import AuditMiddleware, Message, Receive, Scope, Send

from tests.sdk.looping import run
from tests.sdk.recording import BrokenLog, KeptLog

START: Message = {"type": "http.response.start", "status": 200, "headers": []}
END: Message = {"type": "http.response.body", "body": b"ok"}


def scope(**changes: Any) -> Scope:
    return {
        "type": "http",
        "method": "GET",
        "path": "/a",
        "headers": [(b"user-agent", b"curl/8"), (b"x-request-id", b"r-1")],
        "client": ("192.0.2.1", 5000),
    } | changes


def call(middleware: AuditMiddleware, given: Scope) -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    run(middleware(given, receive, send))
    return sent


async def answering(given: Scope, receive: Receive, send: Send) -> None:
    await send(START)
    await send(END)


@pytest.fixture
def log() -> KeptLog:
    return KeptLog()


def test_a_request_is_one_event(log: KeptLog) -> None:
    assert call(AuditMiddleware(answering, log), scope()) == [START, END]
    event = log.event
    assert event.pop("duration_ms") >= 0
    assert {name: value for name, value in event.items() if value is not None} == {
        "activity": "http.get",
        "status": "success",
        "actor": "192.0.2.1",
        "method": "GET",
        "path": "/a",
        "status_code": 200,
        "ip": "192.0.2.1",
        "user_agent": "curl/8",
        "request_id": "r-1",
    }


def test_application_exception_is_recorded_and_reraised(log: KeptLog) -> None:
    async def app(*_: Any) -> None:
        raise KeyError

    with pytest.raises(KeyError):
        call(AuditMiddleware(app, log), scope())
    assert (log.event["status"], log.event["status_code"]) == ("error", 500)
    assert log.event["metadata"] == {"exception": "KeyError"}


def test_a_stream_is_recorded_at_its_end_and_before_what_follows_it(log: KeptLog) -> None:
    seen: list[int] = []

    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send(START)
        for _part in range(2):
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            seen.append(len(log.events))
        await send({"type": "http.response.body", "body": b""})
        seen.append(len(log.events))

    call(AuditMiddleware(app, log), scope())
    assert seen == [0, 0, 1]


def test_disconnected_client_is_no_server_error(log: KeptLog) -> None:
    async def app(*_: Any) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        call(AuditMiddleware(app, log), scope())
    assert (log.event["status"], log.event["status_code"]) == ("error", 499)


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
def test_non_http_scopes_pass_through(log: KeptLog, kind: str) -> None:
    async def app(*_: Any) -> None:
        pass

    call(AuditMiddleware(app, log), {"type": kind, "path": "/a"})
    assert log.events == []


def test_actor_callable_may_be_async(log: KeptLog) -> None:
    async def who(given: Scope) -> str:
        await asyncio.sleep(0)
        return str(given["my.user"])

    async def app(given: Scope, receive: Receive, send: Send) -> None:
        given["my.user"] = "ann"
        await answering(given, receive, send)

    call(AuditMiddleware(app, log, actor=who), scope())
    assert log.event["actor"] == "ann"


def test_view_adds_details_through_a_copied_scope(log: KeptLog) -> None:
    async def app(given: Scope, receive: Receive, send: Send) -> None:
        annotate(dict(given), activity="user.login")
        await answering(given, receive, send)

    call(AuditMiddleware(app, log), scope())
    assert log.event["activity"] == "user.login"


def test_all_forwarded_headers_count_and_a_forged_address_does_not(log: KeptLog) -> None:
    headers = [(b"X-Forwarded-For", b"6.6.6.6"), (b"x-forwarded-for", b"203.0.113.7, 10.0.0.1")]
    call(AuditMiddleware(answering, log, trusted_proxies=2), scope(headers=headers))
    assert log.event["ip"] == "203.0.113.7"


def test_a_server_on_a_socket_file_has_no_address(log: KeptLog) -> None:
    call(AuditMiddleware(answering, log), scope(client=None))
    assert (log.event["ip"], log.event["actor"]) == (None, "anonymous")


def test_failing_callable_leaves_out_only_its_own_field(log: KeptLog) -> None:
    async def failing(_: Scope) -> str:
        raise RuntimeError

    call(AuditMiddleware(answering, log, actor=failing), scope())
    assert log.event["actor"] == "192.0.2.1"


def test_failed_recording_does_not_break_the_response() -> None:
    assert call(AuditMiddleware(answering, BrokenLog()), scope()) == [START, END]
