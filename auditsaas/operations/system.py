"""Status of the installation: database, jobs, mail, disks, Redis, workers and beat.

Nothing here waits long for Redis: whatever does not answer at once is said not to answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import redis
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from auditsaas.events.maintenance import partitions
from auditsaas.jobs.backlog import Backlog, backlogs
from auditsaas.jobs.liveness import Liveness
from auditsaas.operations.figures import (
    database_server,
    disks,
    mail_queue,
    queue_server,
    seals,
)
from auditsaas.operations.figures.database_server import CLOCK_SKEW
from auditsaas.operations.figures.queue_server import Memory
from auditsaas.operations.kinds import KINDS
from auditsaas.schedules.lateness import lateness
from auditsaas.version import version
from config.celery import QUEUES
from config.settings import Settings

LATE_SECONDS = 30
"""Beat sends a task every five seconds, and sweeps are as frequent."""
PENDING_LATE = timedelta(minutes=10)
CHECK_LATE = timedelta(hours=26)
MOSTLY_USED = 0.9
"""The share in use of connections and memory from which an operator should look."""


@dataclass(frozen=True)
class Part:
    """One line of the page; ``fine`` None where nothing can be said."""

    name: str
    value: str
    fine: bool | None
    at: datetime | None = None

    @property
    def runbook(self) -> str | None:
        """The title in ``docs/operate.md`` of what to do where it is not fine."""
        found = (title for begin, title in RUNBOOKS.items() if self.name.startswith(begin))
        return next(found, None)


RUNBOOKS = {
    "Database disk": "A disk is full",
    "Database connections": "Connections run out",
    "Database": "The database is away",
    "Disk of": "A disk is full",
    "Clock": "Clocks differ",
    "Partitions": "Upkeep is late",
    "Seals": "Seals are late",
    "Mail server": "Mail is not sent",
    "Mails": "Mail is not sent",
    "Scheduled reports": "Reports are late",
    "Redis": "Redis is away or full",
    "Queue": "Workers are away",
    "Workers": "Workers are away",
    "Beat": "Beat is away",
    "Sweeper": "Beat is away",
    "Nightly check": "Upkeep is late",
    "Oldest pending job": "Jobs wait or fail",
    "Exports": "Jobs wait or fail",
    "Imports": "Jobs wait or fail",
    "Checks": "Jobs wait or fail",
}
"""By the beginnings of names, the longer before the shorter."""


def state(session: Session, settings: Settings, now: datetime) -> list[Part]:
    product = Part("Version", f"AuditSaaS {version()}", True)
    looked_at = (_database(session, now), _disks(settings), _redis(settings.redis_url, now))
    return [product, *(part for parts in looked_at for part in parts)]


def _database(session: Session, now: datetime) -> list[Part]:
    try:
        server = database_server.read(session)
        jobs = backlogs(session, KINDS)
        sealed = seals.read(session, now)
        months = partitions.months_ahead(session, now) - 1
        work = [*_jobs(jobs, now), *_mail(mail_queue.read(session), now), _late(session, now)]
        room = database_server.takes_writes(session)
    except SQLAlchemyError:
        return [Part("Database", "Does not answer", False)]
    used, most = server.connections, server.most_connections
    return [
        Part("Database", f"PostgreSQL {server.version.split()[0]}", True),
        Part("Database disk", "Takes writes" if room else "Is full", room),
        Part("Database size", f"{server.size / 1_000_000:,.0f} MB", True),
        Part("Database connections", f"{used} of {most}", used < most * MOSTLY_USED),
        _clock(server.ahead),
        Part("Partitions ahead", f"{max(0, months)} months", months >= 1),
        Part("Seals", sealed.words, sealed.fine, sealed.oldest),
        *work,
    ]


def _clock(ahead: float) -> Part:
    if abs(ahead) <= CLOCK_SKEW.total_seconds():
        return Part("Clock", "Agrees with the database's", True)
    way = "Ahead of" if ahead > 0 else "Behind"
    return Part("Clock", f"{way} the database's by {abs(ahead):,.0f} s", False)


def _jobs(found: Sequence[Backlog], now: datetime) -> Iterator[Part]:
    """Show all kinds in one line, and each in one of its own."""
    oldest = min((each.oldest for each in found if each.oldest), default=None)
    waited = now - oldest if oldest else timedelta()
    yield Part(
        "Oldest pending job",
        "Asked for" if oldest else "None",
        waited < PENDING_LATE,
        oldest,
    )
    for each in found:
        fine = each.waited(now) < PENDING_LATE and not each.abandoned
        words = f"{each.pending:,} pending, {each.abandoned:,} abandoned, {each.failed:,} failed"
        yield Part(each.kind.capitalize(), f"{words} in the last day", fine, each.oldest)


def _mail(found: mail_queue.MailQueue, now: datetime) -> Iterator[Part]:
    words = f"{found.retrying:,} tried and not taken yet" if found.retrying else "Takes mail"
    yield Part("Mail server", words, found.waited(now) < PENDING_LATE, found.oldest)


def _late(session: Session, now: datetime) -> Part:
    late = lateness(session, now)
    since = now - late.longest if late.number else None
    return Part(
        "Scheduled reports",
        f"{late.number:,} overdue" if late.number else "On time",
        late.longest < PENDING_LATE,
        since,
    )


def _disks(settings: Settings) -> Iterator[Part]:
    for disk in disks.read(settings):
        words = f"{disk.free / 1e9:,.1f} GB of {disk.size / 1e9:,.1f} GB free"
        yield Part(f"Disk of {disk.name}", words, not disk.scarce)


def _redis(url: str, now: datetime) -> list[Part]:
    try:
        found = queue_server.read(url)
    except (redis.RedisError, OSError):
        away = "Unknown while Redis does not answer"
        silent = ("Queues", "Workers", "Beat", "Sweeper")
        return [
            Part("Redis", "Does not answer. Exports wait until it does.", False),
            *(Part(name, away, None) for name in silent),
        ]
    swept = [at for at in found.swept.values() if at]
    at = min(swept) if len(swept) == len(KINDS) else None
    return [
        Part("Redis", "Answers", True),
        *_memory(found.memory),
        *(_queue(queue, n, found.living) for queue, n in found.depths.items()),
        *_living(found.living),
        Part("Sweeper", "Ran" if at else "Has not run", not _is_late(at, now), at),
        _nightly_check(found.living),
        Part("Backup", "Not known here: backups are made outside of the product", None),
    ]


def _queue(name: str, waiting: int, living: Liveness) -> Part:
    """Show how many messages wait; of a queue that no worker takes, that says nothing good."""
    return Part(f"Queue {name}", f"{waiting:,} waiting", True if living.workers[name] else None)


def _nightly_check(living: Liveness) -> Part:
    """Show when samples of logs were last given to be compared with their seals."""
    at = living.runs.get("checks.ask")
    if at is None:
        return Part("Nightly check", "Not known: none has run since Redis began", None)
    return Part("Nightly check", "Ran", living.now - at < CHECK_LATE, at)


def _memory(found: Memory | None) -> Iterator[Part]:
    if found is not None:
        most = f"of {found.most / 1e6:,.0f} MB" if found.most else "without a limit"
        words = f"{found.used / 1e6:,.0f} MB {most}"
        yield Part("Redis memory", words, found.share < MOSTLY_USED)


def _living(found: Liveness) -> Iterator[Part]:
    alive = found.alive
    yield Part("Workers", f"{alive} alive" if alive else "None is alive", bool(alive))
    for queue in QUEUES:
        number = found.workers[queue]
        words = f"{number} alive" if number else "None is alive"
        yield Part(f"Workers of {queue}", words, bool(number))
    late = _is_late(found.beat, found.now)
    yield Part("Beat", "Ticked" if found.beat else "Has not ticked", not late, found.beat)


def _is_late(at: datetime | None, now: datetime) -> bool:
    return at is None or (now - at).total_seconds() > LATE_SECONDS
