"""The client's handling of the server's answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import metadata
from typing import Any

import pytest
from auditsaas_client import Actor, AuditLog, FieldError, Target, Undelivered

from tests.sdk.loopback import Event, Loopback, Reply

CLIENT = "auditsaas-client"
Open = Callable[..., AuditLog]


def away(_: list[Event]) -> Reply:
    return Reply(503)


def refusing(*activities: str) -> Callable[[list[Event]], Reply]:
    def rule(events: list[Event]) -> Reply:
        errors = [{"field": "activity", "message": "is not allowed"}]
        bad = [i for i, event in enumerate(events) if event["activity"] in activities]
        body = {
            "accepted": len(events) - len(bad),
            "duplicates": 0,
            "rejected": [{"index": i, "errors": errors} for i in bad],
            "ids": [None if i in bad else "x" for i in range(len(events))],
        }
        return Reply(201 if body["accepted"] else 422, body)

    return rule


def test_event_is_sent_with_its_own_time_and_idempotency_key(
    server: Loopback, open_log: Open
) -> None:
    log = open_log(server.url)
    log.record(
        "invoice.update",
        "success",
        Actor("u_1", name="Ann Lee", email=""),
        targets=[Target("invoice", "42")],
        changes={"total": [1, 2]},
        duration_ms=8.5,
    )
    assert log.flush()
    [event] = server.events
    assert len(event.pop("idempotency_key")) == 32
    assert event.pop("occurred_at").endswith("+00:00")
    assert event == {
        "activity": "invoice.update",
        "status": "success",
        "actor": {"id": "u_1", "name": "Ann Lee"},
        "targets": [{"type": "invoice", "id": "42"}],
        "changes": {"total": [1, 2]},
        "duration_ms": 8.5,
    }


def test_events_travel_together_compressed_and_with_the_key(
    server: Loopback, open_log: Open
) -> None:
    log = open_log(server.url, "aud_secret")
    for _ in range(1200):
        log.record("a.b", "success", "u_1")
    assert log.flush()
    assert len(server.events) == 1200
    assert max(map(len, server.batches)) <= 500
    assert len(server.batches) <= 10
    assert server.headers[0]["Authorization"] == "Bearer aud_secret"
    assert server.headers[0]["Content-Encoding"] == "gzip"


def test_retried_batch_is_identical(server: Loopback, open_log: Open) -> None:
    log = open_log(server.url)
    server.script.extend([away, away])
    log.record("a.b", "success", "u_1")
    assert log.flush(30)
    first, second, third = server.batches
    assert first == second == third


def test_retry_after_is_waited_for(server: Loopback, open_log: Open) -> None:
    log = open_log(server.url)
    server.script.append(lambda _: Reply(429, headers={"Retry-After": "1"}))
    log.record("a.b", "success", "u_1")
    started = time.monotonic()
    assert log.flush(30)
    assert time.monotonic() - started >= 1
    assert log.counts().delivered == 1


def test_a_refused_event_is_reported_and_not_sent_again(server: Loopback, open_log: Open) -> None:
    reports: list[Undelivered] = []
    log = open_log(server.url, on_undelivered=reports.append)
    server.rule = refusing("bad")
    for activity in ("good", "bad", "good"):
        log.record(activity, "success", "u_1")
    assert log.flush()
    [report] = reports
    assert (report.reason, report.event["activity"]) == ("refused", "bad")
    assert report.errors == (FieldError("activity", "is not allowed"),)
    assert len(server.events) == 3
    assert (log.counts().delivered, log.counts().refused) == (2, 1)


def test_wholly_refused_batch_is_halved_down_to_the_invalid_event(
    server: Loopback, open_log: Open
) -> None:
    reports: list[Undelivered] = []
    log = open_log(server.url, on_undelivered=reports.append)

    def rule(events: list[Event]) -> Reply:
        bad = any(event["activity"] == "bad" for event in events)
        return Reply(400, {"detail": "Not JSON"}) if bad else refusing()(events)

    server.rule = rule
    for number in range(20):
        log.record("bad" if number == 13 else "good", "success", "u_1")
    assert log.flush()
    assert [report.event["activity"] for report in reports] == ["bad"]
    assert log.counts().delivered == 19


@pytest.mark.parametrize("status", [301, 401, 403, 404, 405, 415])
def test_events_wait_while_the_key_or_the_address_is_refused(
    server: Loopback, open_log: Open, status: int
) -> None:
    log = open_log(server.url)
    server.script.append(lambda _: Reply(status))
    log.record("a.b", "success", "u_1")
    server.wait_for(1)
    assert not log.flush(0.05)
    assert log.close(20)
    assert log.counts().delivered == 1


def test_events_are_dropped_after_the_key_was_refused_for_too_long(
    server: Loopback, open_log: Open
) -> None:
    reports: list[Undelivered] = []
    log = open_log(server.url, give_up_after=0, on_undelivered=reports.append)
    server.rule = lambda _: Reply(401, {"detail": "Send a valid key."})
    log.record("a.b", "success", "u_1")
    assert log.flush()
    assert [(r.reason, r.errors[0].message) for r in reports] == [
        ("expired", "401 Send a valid key.")
    ]


def test_response_of_another_server_is_no_acknowledgement(server: Loopback, open_log: Open) -> None:
    log = open_log(server.url)
    server.rule = lambda _: Reply(200, {"hello": "world"})
    log.record("a.b", "success", "u_1")
    server.wait_for(1)
    assert not log.flush(0.05)
    assert log.counts().delivered == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"metadata": {"a": float("nan")}},
        {"metadata": {"a": object()}},
        {"metadata": {"a": "x" * 1_000_001}},
    ],
    ids=["NaN", "an object", "too long"],
)
def test_unserialisable_value_is_reported_and_not_raised(
    server: Loopback, open_log: Open, fields: dict[str, Any]
) -> None:
    reports: list[Undelivered] = []
    log = open_log(server.url, on_undelivered=reports.append)
    log.record("a.b", "success", "u_1", **fields)
    assert log.flush()
    assert [report.reason for report in reports] == ["refused"]
    assert server.events == []


def test_failing_callback_does_not_stop_delivery(server: Loopback, open_log: Open) -> None:
    def broken(_: Undelivered) -> None:
        raise RuntimeError

    log = open_log(server.url, on_undelivered=broken)
    server.rule = refusing("bad")
    log.record("bad", "success", "u_1")
    assert log.flush()
    log.record("good", "success", "u_1")
    assert log.flush()
    assert log.counts().delivered == 1


@pytest.mark.parametrize("url", ["", "audit.example.com", "ftp://a", "https://", "https://a/?b"])
def test_invalid_url_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="url"):
        AuditLog(url, "aud_test")


@pytest.mark.parametrize("key", ["", "a b", "a\r\nX-Other: 1", "ä"])
def test_invalid_key_is_refused_at_once(key: str) -> None:
    with pytest.raises(ValueError, match="key"):
        AuditLog("http://127.0.0.1", key)


def test_disabled_log_sends_nothing() -> None:
    log = AuditLog("", "", enabled=False)
    log.record("a.b", "success", "u_1")
    assert log.flush()
    assert log.close()


def test_a_request_names_the_client_and_its_version(server: Loopback, open_log: Open) -> None:
    log = open_log(server.url)
    log.record("invoice.update", "success", Actor("u_1"))
    assert log.flush()
    assert server.headers[0]["User-Agent"] == f"auditsaas-client/{metadata.version(CLIENT)}"


def test_an_event_whose_key_stands_for_other_content_is_reported_as_conflicting(
    server: Loopback, open_log: Open
) -> None:
    def taken(events: list[Event]) -> Reply:
        return Reply(
            409,
            {
                "accepted": 0,
                "duplicates": 0,
                "conflicts": [{"index": 0, "id": "x-1"}],
                "rejected": [],
                "ids": [None],
            },
        )

    reports: list[Undelivered] = []
    server.rule = taken
    log = open_log(server.url, on_undelivered=reports.append)
    log.record("invoice.update", "success", "u_1")
    assert log.flush()
    [report] = reports
    assert (report.reason, report.errors[0].field) == ("conflicting", "idempotency_key")
    assert (log.counts().conflicting, log.counts().delivered) == (1, 0)
