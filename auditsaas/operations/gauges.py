"""Gauges of the whole installation, read from database and Redis at each scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import redis
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from auditsaas.db.platform import JOBS, platform_session
from auditsaas.events.maintenance import partitions
from auditsaas.exports.kind import EXPORTS
from auditsaas.exports.models import Export, ExportState
from auditsaas.jobs.backlog import Backlog, backlogs, last_sweeps
from auditsaas.operations.kinds import KINDS
from config.celery import QUEUES

REDIS_TIMEOUT_SECONDS = 0.5


class Installation(Collector):
    """The gauges that are the same whichever process is asked. A part that does not answer is 0 in
    ``auditsaas_up``, and its figures are left out rather than guessed."""

    def __init__(self, redis_url: str) -> None:
        self._redis_url = redis_url

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("auditsaas_up", "Whether a part answers", labels=["part"])
        for part, read in (("database", self._database), ("redis", self._redis)):
            try:
                figures = list(read())
            except (SQLAlchemyError, redis.RedisError, OSError):
                up.add_metric([part], 0)
                continue
            up.add_metric([part], 1)
            yield from figures
        yield up

    def _database(self) -> Iterator[Metric]:
        with platform_session(JOBS) as session:
            yield _exports(session)
            yield from _jobs(backlogs(session, KINDS), datetime.now(UTC))
            yield GaugeMetricFamily(
                "auditsaas_partition_horizon_days",
                "For how many days ahead the log has partitions",
                value=partition_horizon_days(session, datetime.now(UTC)),
            )

    def _redis(self) -> Iterator[Metric]:
        timeout = REDIS_TIMEOUT_SECONDS
        with redis.Redis.from_url(
            self._redis_url, socket_timeout=timeout, socket_connect_timeout=timeout
        ) as server:
            depth = GaugeMetricFamily(
                "auditsaas_queue_depth", "Messages that wait for a worker", labels=["queue"]
            )
            for queue in QUEUES:
                depth.add_metric([queue], float(server.llen(queue)))
            yield depth
            yield from _sweeps(last_sweeps(server, KINDS), datetime.now(UTC))


def _exports(session: Session) -> Metric:
    states = select(Export.state, func.count()).group_by(Export.state)
    counted = {row[0]: row[1] for row in session.execute(states)}
    family = GaugeMetricFamily("auditsaas_exports", "Exports by state", labels=["state"])
    for state in ExportState:
        family.add_metric([state.value], counted.get(state, 0))
    return family


def _jobs(found: Sequence[Backlog], now: datetime) -> Iterator[Metric]:
    figures: tuple[tuple[str, str, Callable[[Backlog], float]], ...] = (
        ("auditsaas_jobs_pending", "Jobs neither finished nor failed", lambda b: b.pending),
        (
            "auditsaas_job_oldest_pending_seconds",
            "Age of the oldest pending job; 0 without one",
            lambda b: b.waited(now).total_seconds(),
        ),
        (
            "auditsaas_jobs_abandoned",
            "Jobs that were begun and have no live lease",
            lambda b: b.abandoned,
        ),
        ("auditsaas_jobs_failed_last_day", "Jobs that failed within a day", lambda b: b.failed),
    )
    for name, words, figure in figures:
        yield _by_kind(name, words, {backlog.kind: figure(backlog) for backlog in found})
    yield GaugeMetricFamily(
        "auditsaas_export_oldest_pending_seconds",
        "Age of the oldest export that is neither finished nor failed; 0 without one",
        value=next(b.waited(now).total_seconds() for b in found if b.kind == EXPORTS.name),
    )


def _sweeps(found: Mapping[str, datetime | None], now: datetime) -> Iterator[Metric]:
    ages = {kind: max(0.0, (now - at).total_seconds()) for kind, at in found.items() if at}
    words = "Time since waiting jobs were last looked for"
    yield _by_kind("auditsaas_job_sweep_age_seconds", words, ages)
    if ages:
        yield GaugeMetricFamily(
            "auditsaas_sweep_age_seconds", f"{words}, of the kind longest ago", max(ages.values())
        )


def _by_kind(name: str, words: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, words, labels=["kind"])
    for kind, value in values.items():
        family.add_metric([kind], value)
    return family


def partition_horizon_days(session: Session, now: datetime) -> float:
    """Return the days from ``now`` to the end of the last month without a gap; 0 without any."""
    months = partitions.months_ahead(session, now)
    end = partitions.add_months(now, months)
    return (end - now).total_seconds() / 86_400 if months else 0.0
