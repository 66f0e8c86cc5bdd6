"""Gauges of the whole installation, read from database, Redis and disks at each scrape."""

from __future__ import annotations

import platform as machine
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

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
from auditsaas.extensions import db
from auditsaas.jobs.backlog import Backlog, backlogs
from auditsaas.operations.figures import (
    database_server,
    dictionaries,
    disks,
    mail_queue,
    queue_server,
    seals,
)
from auditsaas.operations.kinds import KINDS
from auditsaas.schedules.lateness import lateness
from auditsaas.version import version
from config.settings import Settings


class Installation(Collector):
    """The gauges that are the same whichever process is asked. A part that does not answer is 0 in
    ``auditsaas_up``, and its figures are left out rather than guessed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def collect(self) -> Iterator[Metric]:
        yield _build()
        up: dict[str, float] = {}
        for part, read in (("database", _database), ("redis", self._redis)):
            try:
                figures = list(read())
            except (SQLAlchemyError, redis.RedisError, OSError):
                up[part] = 0
                continue
            up[part] = 1
            yield from figures
        yield _family("auditsaas_up", "Whether a part answers", "part", up)
        yield from _disks(list(disks.read(self._settings)))

    def _redis(self) -> Iterator[Metric]:
        return _queue_server(queue_server.read(self._settings.redis_url))


def _build() -> Metric:
    labels = ("version", "python")
    family = GaugeMetricFamily("auditsaas_build_info", "1, by what runs", labels=labels)
    family.add_metric((version(), machine.python_version()), 1)
    return family


def _database() -> Iterator[Metric]:
    with platform_session(JOBS) as session:
        now = datetime.now(UTC)
        yield _exports(session)
        yield from _jobs(backlogs(session, KINDS), now)
        yield from _mails(mail_queue.read(session), now)
        yield from _seals(seals.read(session, now), seals.longest_lag(session, db.engine, now))
        yield from _words(dictionaries.read(session, now))
        late = lateness(session, now)
        yield _gauge("auditsaas_schedules_late", "Reports that are overdue", late.number)
        yield _gauge(
            "auditsaas_schedule_lateness_seconds",
            "For how long a report has been overdue at most; 0 without one",
            late.longest.total_seconds(),
        )
        yield _gauge(
            "auditsaas_partition_horizon_days",
            "For how many days ahead the log has partitions",
            partition_horizon_days(session, now),
        )
        yield from _database_server(database_server.read(session))
        yield _gauge(
            "auditsaas_database_takes_writes",
            "Whether the database's disk has room, 1 or 0",
            database_server.takes_writes(session),
        )


def _exports(session: Session) -> Metric:
    states = select(Export.state, func.count()).group_by(Export.state)
    counted = {row[0]: row[1] for row in session.execute(states)}
    found = {state.value: counted.get(state, 0) for state in ExportState}
    return _family("auditsaas_exports", "Exports by state", "state", found)


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
        yield _family(name, words, "kind", {backlog.kind: figure(backlog) for backlog in found})
    yield _gauge(
        "auditsaas_export_oldest_pending_seconds",
        "Age of the oldest export that is neither finished nor failed; 0 without one",
        next(b.waited(now).total_seconds() for b in found if b.kind == EXPORTS.name),
    )


def _mails(found: mail_queue.MailQueue, now: datetime) -> Iterator[Metric]:
    states = {"waiting": found.waiting, "retrying": found.retrying, "failed": found.failed}
    words = "Mails that wait for their first try, for another, and that were given up in a day"
    yield _family("auditsaas_mails", words, "state", states)
    yield _gauge(
        "auditsaas_mail_oldest_seconds",
        "Age of the oldest mail that is neither sent nor given up; 0 without one",
        found.waited(now).total_seconds(),
    )


def _seals(found: seals.Seals, lag: timedelta) -> Iterator[Metric]:
    words = "Differences between logs and their seals that are not acknowledged"
    yield _gauge("auditsaas_seal_mismatches", words, found.differences)
    yield _gauge("auditsaas_seal_lag_events", "Events in no tree yet", found.events_behind)
    words = "For how long an event has waited to be sealed at most; 0 without one"
    yield _gauge("auditsaas_seal_lag_seconds", words, max(0.0, lag.total_seconds()))
    words = "Events below a checkpoint of their log"
    yield _gauge("auditsaas_seal_events", words, found.events_sealed)
    yield _gauge("auditsaas_logs_forked", "Logs that sign nothing more", found.forked)


def _words(found: dictionaries.Words) -> Iterator[Metric]:
    said = "Events whose words are in no dictionary yet"
    yield _gauge("auditsaas_words_lag_events", said, found.behind)
    said = "Logs whose new events have waited for more than a minute for their words to be taken in"
    yield _gauge("auditsaas_words_late_logs", said, found.late)


def _database_server(found: database_server.DatabaseServer) -> Iterator[Metric]:
    words = "By how much this machine's clock is ahead of the database's; below 0 behind"
    yield _gauge("auditsaas_clock_ahead_seconds", words, found.ahead)
    yield _gauge("auditsaas_database_size_bytes", "Size of the database", found.size)
    yield _gauge("auditsaas_database_connections", "Connections to the database", found.connections)
    yield _gauge(
        "auditsaas_database_connections_max",
        "Connections that the server takes, of all databases",
        found.most_connections,
    )


def _queue_server(found: queue_server.QueueServer) -> Iterator[Metric]:
    living = found.living
    words = "Messages that wait for a worker"
    yield _family("auditsaas_queue_depth", words, "queue", found.depths)
    yield _family("auditsaas_workers", "Live workers by queue", "queue", living.workers)
    if living.beat:
        age = _age(living.now, living.beat)
        yield _gauge("auditsaas_beat_age_seconds", "Time since beat last sent a task", age)
    ran = {task: _age(living.now, at) for task, at in living.runs.items()}
    words = "Time since a task of the timetable last ended well"
    yield _family("auditsaas_task_age_seconds", words, "task", ran)
    yield from _sweeps(found.swept, datetime.now(UTC))
    if found.memory:
        memory = found.memory
        yield _gauge("auditsaas_redis_memory_used_bytes", "Memory that Redis uses", memory.used)
        yield _gauge(
            "auditsaas_redis_memory_max_bytes",
            "Memory that Redis may use; 0 without a limit",
            memory.most,
        )


def _sweeps(found: Mapping[str, datetime | None], now: datetime) -> Iterator[Metric]:
    ages = {kind: _age(now, at) for kind, at in found.items() if at}
    words = "Time since waiting jobs were last looked for"
    yield _family("auditsaas_job_sweep_age_seconds", words, "kind", ages)
    if ages:
        longest = max(ages.values())
        yield _gauge("auditsaas_sweep_age_seconds", f"{words}, of the kind longest ago", longest)


def _disks(found: Sequence[disks.Disk]) -> Iterator[Metric]:
    for name, words, values in (
        ("auditsaas_disk_free_bytes", "Room left", {disk.name: disk.free for disk in found}),
        ("auditsaas_disk_size_bytes", "Size", {disk.name: disk.size for disk in found}),
    ):
        yield _family(name, f"{words} of a disk that this machine sees", "disk", values)


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=float(value))


def _family(name: str, words: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, words, labels=(label,))
    for key, value in values.items():
        family.add_metric((key,), float(value))
    return family


def _age(now: datetime, at: datetime) -> float:
    return max(0.0, (now - at).total_seconds())


def partition_horizon_days(session: Session, now: datetime) -> float:
    """Return the days from ``now`` to the end of the last month without a gap; 0 without any."""
    months = partitions.months_ahead(session, now)
    end = partitions.add_months(now, months)
    return (end - now).total_seconds() / 86_400 if months else 0.0
