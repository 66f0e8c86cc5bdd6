"""The client and the real server, with faults between them; bench/client.py is the long version."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from auditsaas_client import AuditLog, Undelivered
from sqlalchemy import Row

from tests.sdk.cutting import network
from tests.support.serving import WebProcess

Open = Callable[..., AuditLog]
Stored = Callable[[], list[Row[Any]]]
EVENTS = 5000


def test_recorded_event_is_stored_as_given(
    product: WebProcess, key: str, open_log: Open, stored: Stored
) -> None:
    log = open_log(product.url, key)
    log.record(
        "invoice.update",
        "success",
        {"id": 7, "name": "Ann Lee", "role": "admin"},
        method="PATCH",
        path="/invoices/42",
        status_code=200,
        ip="203.0.113.7",
        duration_ms=12.5,
        request_id="r-1",
        targets=[{"type": "invoice", "id": "42"}],
        changes={"total": [1, 2]},
        metadata={"plan": "pro", "tags": {"b", "a"}},
    )
    assert log.flush()
    [event] = stored()
    assert (event.activity, event.status, event.actor_id) == ("invoice.update", "success", "7")
    assert (event.path, str(event.ip), event.duration_ms) == ("/invoices/42", "203.0.113.7", 12.5)
    assert (event.changes, event.metadata) == (
        {"total": [1, 2]},
        {"plan": "pro", "tags": ["a", "b"]},
    )


def test_a_refusal_names_the_fields_and_the_rest_is_stored(
    product: WebProcess, key: str, open_log: Open, stored: Stored
) -> None:
    reports: list[Undelivered] = []
    log = open_log(product.url, key, on_undelivered=reports.append)
    log.record("good", "success", "u_1")
    log.record("bad", "maybe", "u_1", ip="nowhere", status_code=99)
    assert log.flush()
    [report] = reports
    assert {error.field for error in report.errors} == {"status", "status_code"}
    assert [event.activity for event in stored()] == ["good"]


def test_events_of_a_wrong_key_wait_for_the_right_one(
    product: WebProcess, key: str, spill: Path, open_log: Open, stored: Stored
) -> None:
    wrong = key[:-1] + ("a" if key[-1] != "a" else "b")
    log = open_log(product.url, wrong, spill=spill)
    log.record("waiting", "success", "u_1")
    assert not log.close(10)
    assert stored() == []
    mended = open_log(product.url, key, spill=spill, earlier_keys=[wrong])
    mended.record("mended", "success", "u_1")
    assert mended.flush()
    mended.close()
    assert {event.activity for event in stored()} == {"waiting", "mended"}


def record_through_restarts(log: AuditLog, product: WebProcess, restarts: int) -> None:
    """Record ``EVENTS`` while the server is killed and started again several times."""
    portion = EVENTS // (2 * restarts)
    numbers = iter(range(EVENTS))
    for _ in range(restarts):
        for _, number in zip(range(portion), numbers, strict=False):
            log.record("a.b", "success", "u_1", request_id=str(number))
        log.flush(0.05)
        product.kill()
        for _, number in zip(range(portion), numbers, strict=False):
            log.record("a.b", "success", "u_1", request_id=str(number))
        product.start()


def test_repeatedly_killed_server_loses_and_duplicates_nothing(
    product: WebProcess, key: str, spill: Path, open_log: Open, stored: Stored
) -> None:
    log = open_log(product.url, key, spill=spill)
    record_through_restarts(log, product, restarts=4)
    assert log.flush(60)
    numbers = [event.request_id for event in stored()]
    assert len(numbers) == len(set(numbers)) == EVENTS
    counts = log.counts()
    assert (counts.delivered, counts.refused, counts.dropped) == (EVENTS, 0, 0)


@pytest.mark.parametrize("has_keys", [True, False], ids=["with keys", "control: without keys"])
def test_lost_responses_duplicate_events_only_without_idempotency_keys(
    product: WebProcess,
    key: str,
    spill: Path,
    open_log: Open,
    stored: Stored,
    monkeypatch: pytest.MonkeyPatch,
    has_keys: bool,
) -> None:
    if not has_keys:
        monkeypatch.setattr("auditsaas_client.events.new_idempotency_key", lambda: None)
    with network(product.address, cut_every=3) as cutting:
        log = open_log(cutting.url, key, spill=spill)
        for number in range(EVENTS):
            log.record("a.b", "success", "u_1", request_id=str(number))
        assert log.flush(60)
    assert cutting.cut >= 3
    numbers = [event.request_id for event in stored()]
    assert len(set(numbers)) == EVENTS
    assert (len(numbers) == EVENTS) is has_keys


@pytest.mark.parametrize("has_folder", [True, False], ids=["spill", "control: no spill"])
def test_restart_without_the_server_loses_events_only_without_a_folder(
    product: WebProcess, key: str, spill: Path, open_log: Open, stored: Stored, has_folder: bool
) -> None:
    folder = spill if has_folder else None
    product.kill()
    before = open_log(product.url, key, spill=folder)
    for number in range(1000):
        before.record("before", "success", "u_1", request_id=str(number))
    before.close(timeout=0.5)
    product.start()
    after = open_log(product.url, key, spill=folder)
    after.record("after", "success", "u_1")
    assert after.flush(30)
    after.close()
    numbers = [event.request_id for event in stored() if event.activity == "before"]
    assert len(numbers) == len(set(numbers)) == (1000 if has_folder else 0)
