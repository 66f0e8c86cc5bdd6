"""Input that only a real server meets: bodies that end early, broken chunks, and races."""

from __future__ import annotations

import http.client
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from auditsaas.workspaces.models import Workspace
from tests.support.factories import event_input
from tests.support.hostile import with_another_end
from tests.support.log_state import in_log
from tests.support.raw_http import BROKEN, CHUNKED, EVENT, chunk, head, sent
from tests.support.serving import WebProcess

KEYED = event_input(idempotency_key="k", occurred_at="2026-11-16T10:00:00Z")
RACERS = 50


def test_chunked_body_is_read(web: WebProcess, acme: Workspace, key: str) -> None:
    parts = chunk(EVENT[:10]) + chunk(EVENT[10:]) + b"0\r\n\r\n"
    status, _ = sent(web, head(key, "Transfer-Encoding: chunked") + parts)
    assert status == 201
    assert in_log(acme) == (1, 1, 1)


@pytest.mark.parametrize(("lines", "body"), [c[1:] for c in BROKEN], ids=[c[0] for c in BROKEN])
def test_incomplete_body_is_refused_and_stores_nothing(
    web: WebProcess, acme: Workspace, key: str, lines: list[str], body: bytes
) -> None:
    status, _ = sent(web, head(key, *lines) + body, cut=True)
    assert status is None or 400 <= status < 500
    assert in_log(acme) == (0, 0, 0)


def test_unknown_transfer_coding_is_not_implemented(
    web: WebProcess, acme: Workspace, key: str
) -> None:
    """RFC 9112, section 6.1: the server itself answers 501."""
    request = head(key, "Transfer-Encoding: chunked, zip") + chunk(EVENT)
    assert sent(web, request, cut=True)[0] == 501
    assert in_log(acme) == (0, 0, 0)


def test_blank_lines_beyond_the_limit_refuse_the_whole_body(
    web: WebProcess, acme: Workspace, key: str
) -> None:
    lines = (EVENT + b"\n") * 100 + b"\n" * 5_000_000 + EVENT
    request = head(key, CHUNKED).replace(b"application/json", b"application/x-ndjson")
    status, _ = sent(web, request + chunk(lines) + b"0\r\n\r\n")
    assert status == 413
    assert in_log(acme) == (0, 0, 0)


def test_endless_body_is_refused_at_the_limit(web: WebProcess, acme: Workspace, key: str) -> None:
    endless = chunk(b" " * 65536) * 100
    status, _ = sent(web, head(key, CHUNKED) + endless + b"0\r\n\r\n")
    assert status == 413
    announced, _ = sent(web, head(key, "Content-Length: 6000000") + b" " * 100_000, cut=True)
    assert announced == 413
    assert in_log(acme) == (0, 0, 0)


@pytest.mark.parametrize("megabytes", [6, 50])
def test_sender_that_does_not_wait_reads_that_its_body_is_too_large(
    web: WebProcess, acme: Workspace, key: str, megabytes: int
) -> None:
    connection = http.client.HTTPConnection(*web.address, timeout=30)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    connection.request("POST", "/api/v1/events", b" " * megabytes * 1_000_000, headers)
    answer = connection.getresponse()
    assert answer.status == 413
    assert json.load(answer)["title"] == "Too large"
    connection.close()
    assert in_log(acme) == (0, 0, 0)


def test_a_sender_without_a_key_still_reads_that_it_is_unknown(web: WebProcess, key: str) -> None:
    connection = http.client.HTTPConnection(*web.address, timeout=30)
    headers = {"Authorization": "Bearer nonsense", "Content-Type": "application/json"}
    connection.request("POST", "/api/v1/events", b" " * 6_000_000, headers)
    assert connection.getresponse().status == 401
    connection.close()


def test_endless_sender_is_cut_off(web: WebProcess, key: str) -> None:
    def go_on(connection: socket.socket) -> None:
        connection.sendall(head(key, "Content-Length: 1000000000"))
        for _ in range(400):
            connection.sendall(b" " * 1_000_000)

    with (
        socket.create_connection(web.address, 30) as connection,
        pytest.raises((BrokenPipeError, ConnectionResetError)),
    ):
        go_on(connection)


def test_missing_key_is_refused_before_the_body_arrives(web: WebProcess, key: str) -> None:
    status, problem = sent(web, head("aud_nonsense", "Content-Length: 4000000") + b"{")
    assert status == 401
    assert problem["title"] == "Not authenticated"


def test_five_hundred_filter_values_are_refused_with_a_reason(web: WebProcess, key: str) -> None:
    values = "&".join(f"activity=a.{n}" for n in range(500))
    lines = [f"GET /api/v1/events?{values} HTTP/1.1", "Host: localhost", "Connection: close"]
    request = "\r\n".join([*lines, f"Authorization: Bearer {key}", "", ""]).encode()
    status, problem = sent(web, request)
    assert status == 422
    assert problem["detail"].startswith("activity: ")


def post(web: WebProcess, key: str, body: bytes) -> tuple[int | None, Any]:
    return sent(web, head(key, f"Content-Length: {len(body)}") + body)


def test_fifty_concurrent_events_of_one_key_store_one(
    web: WebProcess, acme: Workspace, key: str
) -> None:
    def race(_: int) -> tuple[int | None, Any]:
        return post(web, key, json.dumps(KEYED).encode())

    with ThreadPoolExecutor(RACERS) as pool:
        answers = list(pool.map(race, range(RACERS)))
    assert sorted(status or 0 for status, _ in answers) == [200] * (RACERS - 1) + [201]
    assert len({answer["ids"][0] for _, answer in answers}) == 1
    assert in_log(acme) == (1, 1, 1)


def test_fifty_concurrent_events_of_one_id_and_other_content_store_one_and_conflict(
    web: WebProcess, acme: Workspace, key: str
) -> None:
    def race(number: int) -> tuple[int | None, Any]:
        return post(web, key, json.dumps(KEYED | {"path": f"/{number}"}).encode())

    with ThreadPoolExecutor(RACERS) as pool:
        answers = list(pool.map(race, range(RACERS)))
    assert sorted(status or 0 for status, _ in answers) == [201] + [409] * (RACERS - 1)
    assert len({answer["conflicts"][0]["id"] for status, answer in answers if status == 409}) == 1
    assert in_log(acme) == (RACERS,) * 3  # the event, and one for each conflict


def test_fifty_concurrent_requests_of_one_key_are_stored_once(
    web: WebProcess, acme: Workspace, key: str
) -> None:
    lines = head(key, f"Content-Length: {len(EVENT)}", "Idempotency-Key: race-1")

    def race(_: int) -> tuple[int | None, Any]:
        return sent(web, lines + EVENT)

    with ThreadPoolExecutor(RACERS) as pool:
        answers = list(pool.map(race, range(RACERS)))
    assert sorted(status or 0 for status, _ in answers) == [200] * (RACERS - 1) + [201]
    assert len({answer["ids"][0] for _, answer in answers}) == 1
    assert in_log(acme) == (1, 1, 1)


def test_fifty_concurrent_overlapping_batches_store_each_event_once(
    web: WebProcess, acme: Workspace, key: str
) -> None:
    def race(number: int) -> tuple[int | None, Any]:
        keys = [f"k{n % 60}" for n in range(number, number + 20)]
        batch = [KEYED | {"idempotency_key": name} for name in keys]
        return post(web, key, json.dumps({"events": batch}).encode())

    with ThreadPoolExecutor(RACERS) as pool:
        answers = list(pool.map(race, range(RACERS)))
    assert {status for status, _ in answers} <= {200, 201}
    assert sum(answer["accepted"] for _, answer in answers) == 60
    assert in_log(acme) == (60, 60, 60)


def test_key_with_the_right_prefix_and_a_wrong_secret_is_refused(
    web: WebProcess, acme: Workspace, key: str
) -> None:
    wrong = [with_another_end(key, n) for n in (1, 6, 20, 38)]
    wrong += [key[:17], key + "x", key.swapcase()]
    for secret in wrong:
        assert post(web, secret, EVENT)[0] == 401
    assert in_log(acme) == (0, 0, 0)
