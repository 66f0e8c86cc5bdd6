"""What each process counts and times as it works, for ``/metrics``."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

REQUESTS = Histogram(
    "auditsaas_request_seconds",
    "Requests by address pattern, method and status, and how long they took",
    ("route", "method", "status"),
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15),
)
INGESTED = Counter(
    "auditsaas_ingest_events_total",
    "Events that applications sent, by what became of them",
    ["outcome"],
)
APPEND_LOCK_WAIT = Histogram(
    "auditsaas_append_lock_wait_seconds",
    "How long an append waited for its turn in the workspace's log",
    buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5),
)


def count_ingest(*, accepted: int, duplicates: int, refused: int) -> None:
    for outcome, number in (
        ("accepted", accepted),
        ("duplicate", duplicates),
        ("refused", refused),
    ):
        if number:
            INGESTED.labels(outcome).inc(number)
