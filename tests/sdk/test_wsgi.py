"""The WSGI middleware around small applications."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import pytest
from auditsaas_client import annotate
from auditsaas_client.wsgi import AuditMiddleware
from werkzeug.test import Client

from tests.sdk.recording import BrokenLog, KeptLog

App = Callable[..., Iterable[bytes]]


def answering(status: str = "200 OK", body: Iterable[bytes] = (b"ok",)) -> App:
    def app(_: Any, start_response: Any) -> Iterable[bytes]:
        start_response(status, [("Content-Type", "text/plain")])
        return body

    return app


def browser(middleware: App) -> Callable[..., Any]:
    """Sends requests as a server would: reads each answer to its end and closes it."""
    peer = {"REMOTE_ADDR": "192.0.2.1"}
    return partial(Client(middleware).open, buffered=True, environ_base=peer)


@pytest.fixture
def log() -> KeptLog:
    return KeptLog()


def test_a_request_is_one_event(log: KeptLog) -> None:
    headers = {"User-Agent": "curl/8", "X-Request-ID": "r-1"}
    send = browser(AuditMiddleware(answering(), log))
    send("/caf%C3%A9?token=secret", method="POST", headers=headers)
    event = log.event
    assert event.pop("duration_ms") >= 0
    assert {name: value for name, value in event.items() if value is not None} == {
        "activity": "http.post",
        "status": "success",
        "actor": "192.0.2.1",
        "method": "POST",
        "path": "/café",
        "status_code": 200,
        "ip": "192.0.2.1",
        "user_agent": "curl/8",
        "request_id": "r-1",
    }


@pytest.mark.parametrize(
    ("status", "outcome"), [("399 X", "success"), ("400 X", "error"), ("503 X", "error")]
)
def test_an_error_begins_at_400(log: KeptLog, status: str, outcome: str) -> None:
    browser(AuditMiddleware(answering(status), log))("/")
    assert log.event["status"] == outcome


def test_application_exception_is_recorded_and_reraised(log: KeptLog) -> None:
    def app(*_: Any) -> Iterable[bytes]:
        raise KeyError("secret")

    with pytest.raises(KeyError):
        browser(AuditMiddleware(app, log))("/")
    assert (log.event["status"], log.event["status_code"]) == ("error", 500)
    assert log.event["metadata"] == {"exception": "KeyError"}


def test_a_stream_is_recorded_at_its_end(log: KeptLog) -> None:
    seen: list[int] = []

    def stream() -> Iterator[bytes]:
        for part in (b"a", b"b"):
            seen.append(len(log.events))
            yield part

    answer = browser(AuditMiddleware(answering(body=stream()), log))("/")
    assert answer.data == b"ab"
    assert seen == [0, 0]
    assert log.event["status"] == "success"


def test_broken_stream_is_an_error_with_the_sent_status(log: KeptLog) -> None:
    def stream() -> Iterator[bytes]:
        yield b"a"
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - any, unchanged
        browser(AuditMiddleware(answering(body=stream()), log))("/")
    assert (log.event["status"], log.event["status_code"]) == ("error", 200)


def test_start_response_during_streaming_is_supported(log: KeptLog) -> None:
    def app(_: Any, start_response: Any) -> Iterator[bytes]:
        start_response("404 NOT FOUND", [])
        yield b"no"

    browser(AuditMiddleware(app, log))("/")
    assert log.event["status_code"] == 404


def test_disconnected_client_closes_the_body_and_records_the_request(
    log: KeptLog,
) -> None:
    class Body:
        is_closed = False

        def __iter__(self) -> Iterator[bytes]:
            return iter([b"a", b"b"])

        def close(self) -> None:
            self.is_closed = True

    body = Body()
    answer = browser(AuditMiddleware(answering(body=body), log))("/", buffered=False)
    answer.close()
    assert body.is_closed
    assert log.event["status_code"] == 200


def test_restarted_response_is_recorded_with_its_final_status(log: KeptLog) -> None:
    def app(_: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        try:
            raise ValueError
        except ValueError as error:
            start_response("500 ERROR", [], (type(error), error, error.__traceback__))
        return [b"x"]

    started: list[tuple[Any, ...]] = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/"}
    middleware = AuditMiddleware(app, log)
    assert list(middleware(environ, lambda *args: started.append(args))) == [b"x"]  # type: ignore[arg-type]
    assert [len(args) for args in started] == [2, 3]
    assert (log.event["status"], log.event["status_code"]) == ("error", 500)


def test_paths_and_methods_are_selected_with_exclusions_first(log: KeptLog) -> None:
    middleware = AuditMiddleware(
        answering(), log, include=["/api/*"], exclude=["/api/ping"], methods=["POST", "delete"]
    )
    send = browser(middleware)
    for method, path in [
        ("POST", "/api/a"),
        ("DELETE", "/api/b"),
        ("GET", "/api/c"),
        ("POST", "/api/ping"),
        ("POST", "/other"),
    ]:
        assert send(path, method=method).status_code == 200
    assert [event["path"] for event in log.events] == ["/api/a", "/api/b"]


def test_actor_is_resolved_after_the_response_is_complete(log: KeptLog) -> None:
    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        environ["my.user"] = "ann"
        return answering()(environ, start_response)

    browser(AuditMiddleware(app, log, actor=lambda environ: environ["my.user"]))("/")
    assert log.event["actor"] == "ann"


def test_details_of_the_view_override_the_middlewares(log: KeptLog) -> None:
    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        annotate(environ, actor="ann", activity="user.login", metadata={"plan": "pro"})
        return answering()(environ, start_response)

    browser(AuditMiddleware(app, log, actor=lambda _: "bob"))("/")
    event = log.event
    assert (event["actor"], event["activity"]) == ("ann", "user.login")
    assert event["metadata"] == {"plan": "pro"}


def test_view_can_skip_recording(log: KeptLog) -> None:
    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        annotate(environ, skip=True)
        return answering()(environ, start_response)

    browser(AuditMiddleware(app, log))("/")
    assert log.events == []


def test_failing_callable_leaves_out_only_its_own_field(log: KeptLog) -> None:
    def failing(*_: Any) -> str:
        raise RuntimeError

    send = browser(AuditMiddleware(answering(), log, actor=failing, activity=failing))
    assert send("/").status_code == 200
    assert (log.event["actor"], log.event["activity"]) == ("192.0.2.1", "http.get")


def test_failed_recording_does_not_break_the_response() -> None:
    assert browser(AuditMiddleware(answering(), BrokenLog()))("/").data == b"ok"


def test_forged_address_is_ignored(log: KeptLog) -> None:
    send = browser(AuditMiddleware(answering(), log, trusted_proxies=1))
    send("/", headers={"X-Forwarded-For": "6.6.6.6, 203.0.113.7"})
    assert log.event["ip"] == "203.0.113.7"


def test_hostile_headers_are_made_storable(log: KeptLog) -> None:
    headers = {"User-Agent": "x" * 9000, "X-Request-ID": "y" * 500}
    browser(AuditMiddleware(answering(), log))("/%00%ff" + "z" * 9000, headers=headers)
    event = log.event
    assert event["path"].startswith("/��z")
    lengths = (len(event["path"]), len(event["user_agent"]), len(event["request_id"]))
    assert lengths == (4096, 2048, 128)
