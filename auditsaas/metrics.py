"""Counters and timers of each process, for ``/metrics``."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

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
REPLICA_READS = Counter(
    "auditsaas_replica_reads_total",
    "Pages and exports that could be read from the replica, by what became of it",
    ["outcome"],
)
DATABASE_ERRORS = Counter(
    "auditsaas_database_errors_total",
    "Requests that the database failed, by SQLSTATE, or hung, pool or away without one",
    ["class"],
)
UNAVAILABLE = Counter(
    "auditsaas_unavailable_total",
    "Requests that were answered with 503, by its reason",
    ["reason"],
)
POOL_SIZE = Gauge(
    "auditsaas_pool_size",
    "Connections that the pools of all processes may have at once",
    ["pool"],
    multiprocess_mode="livesum",
)
POOL_IN_USE = Gauge(
    "auditsaas_pool_in_use",
    "Connections that work is done on",
    ["pool"],
    multiprocess_mode="livesum",
)
POOL_WAITING = Gauge(
    "auditsaas_pool_waiting",
    "Threads that wait for a connection, for all are in use",
    ["pool"],
    multiprocess_mode="livesum",
)
READS_UNRECORDED = Counter(
    "auditsaas_reads_unrecorded_total",
    "Answers made of a log whose reading could not be recorded in it",
)
FEED_LAG = Histogram(
    "auditsaas_feed_lag_events",
    "How many events a reader of the feed still had before it after an answer",
    buckets=(0, 1, 10, 100, 1_000, 10_000, 100_000, 1_000_000),
)


def count_ingest(*, accepted: int, duplicates: int, conflicts: int, refused: int) -> None:
    for outcome, number in (
        ("accepted", accepted),
        ("duplicate", duplicates),
        ("conflict", conflicts),
        ("refused", refused),
    ):
        if number:
            INGESTED.labels(outcome).inc(number)
