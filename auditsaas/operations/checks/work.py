"""Checks background work: Redis, its workers and its clock, and what waits or failed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import redis
from sqlalchemy.orm import Session

from auditsaas.db import platform
from auditsaas.db.platform import JOBS
from auditsaas.jobs import liveness
from auditsaas.jobs.backlog import Backlog, backlogs, last_sweeps
from auditsaas.mail.outbox import MAILS
from auditsaas.operations.checks.check import Check, Sight, either
from auditsaas.operations.finding import Finding, fail, ok, warn
from auditsaas.operations.kinds import KINDS
from config.celery import MAINTENANCE, QUEUES, TREE, WORKERS_KEY

LONG_WAIT = timedelta(minutes=10)
SWEEP_LATE = timedelta(minutes=1)
BEAT_LATE = timedelta(seconds=30)
NEARLY_FULL = 0.9
LEAST_MEMORY = 256 << 20
IN_ITS_FILE = "and the same in redis.conf."
PROBE_KEY = "auditsaas:doctor"
SWEEP = "See that beat and the workers run, and what the workers' log says of it."
START_BEAT = "Start it: systemctl start auditsaas-beat"


def _redis(sight: Sight) -> Finding:
    facts: Any = sight.redis.info()
    if facts.get("role") != "master":
        return fail(
            "Redis", "is a replica, which takes no messages", "Let REDIS_URL name its master."
        )
    if facts.get("aof_enabled"):
        return ok("Redis", "keeps its queue on disk")
    return warn(
        "Redis",
        "has no append-only file: a restart forgets the queue, and exports wait for the sweep",
        f"With redis-cli: CONFIG SET appendonly yes; {IN_ITS_FILE}",
    )


def _memory(sight: Sight) -> Finding:
    """Write a key, as a message is, and compare what is used with what may be."""
    facts: Any = sight.redis.info("memory")
    used, most = int(facts["used_memory"]), int(facts.get("maxmemory", 0))
    more = f"With redis-cli: CONFIG SET maxmemory {max(2 * used, LEAST_MEMORY)}; {IN_ITS_FILE}"
    try:
        sight.redis.set(PROBE_KEY, "written by auditsaas doctor", ex=1)
    except redis.exceptions.OutOfMemoryError:
        words = f"is full: {used:,} of {most:,} bytes are used, so nothing can be queued"
        return fail("Redis memory", words, more)
    except redis.ResponseError as error:
        return fail("Redis memory", f"takes no message: {error}", "Mend what its own log says.")
    policy = facts.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        return warn(
            "Redis memory",
            f"may evict messages ({policy})",
            f"With redis-cli: CONFIG SET maxmemory-policy noeviction; {IN_ITS_FILE}",
        )
    if most and used > most * NEARLY_FULL:
        return warn("Redis memory", f"is nearly full: {used:,} of {most:,} bytes are used", more)
    return ok("Redis memory", "has room, and never evicts messages")


def _workers(sight: Sight) -> Finding:
    found = liveness.read(sight.redis)
    if not found.alive:
        if not sight.redis.exists(WORKERS_KEY):
            words = "none was ever heard of: exports wait until one is"
            return warn("workers", words, _start(QUEUES))
        words = "none is alive, so exports, imports and mails wait"
        return fail("workers", words, _start(QUEUES))
    missing = [queue for queue, number in found.workers.items() if not number]
    if missing:
        words = f"none takes what is queued as {', '.join(missing)}"
        return fail("workers", words, _start(missing))
    return ok("workers", f"{found.alive} alive, and each queue has one")


def _start(queues: Iterable[str]) -> str:
    """Name the units of ``deploy/systemd`` that take these queues."""
    units = (
        "auditsaas-maintenance" if queue in (MAINTENANCE, TREE) else f"auditsaas-worker@{queue}"
        for queue in queues
    )
    return f"Start them, such as: systemctl start {' '.join(dict.fromkeys(units))}"


def _beat(sight: Sight) -> Finding:
    found = liveness.read(sight.redis)
    if found.beat is None:
        return warn("beat", "was never heard of: schedules wait until it is", START_BEAT)
    if found.now - found.beat > BEAT_LATE:
        words = "is not alive, so schedules are late, and a lost message is not sent again"
        return fail("beat", words, START_BEAT)
    if found.beats > 1:
        return warn(
            "beat",
            f"{found.beats} were alive within ten seconds, and each asks for everything",
            "Stop all but one of them: systemctl stop auditsaas-beat on the other machines.",
        )
    return ok("beat", "is alive")


def _sweeper(sight: Sight) -> Finding:
    since = datetime.now(UTC) - SWEEP_LATE
    found = last_sweeps(sight.redis, KINDS)
    late = [kind for kind, at in found.items() if at is None or at < since]
    if late:
        return warn(
            "sweeper",
            f"has not looked for waiting {', '.join(late)} within a minute",
            "See that beat and a quick worker run.",
        )
    return ok("sweeper", "looks for waiting jobs")


def _jobs(sight: Sight) -> Iterator[Finding]:
    with platform.bind(Session(sight.platform), JOBS) as session:
        found = backlogs(session, KINDS)
    for each in found:
        yield _backlog(each)


def _backlog(each: Backlog) -> Finding:
    minutes = each.waited(datetime.now(UTC)).total_seconds() / 60
    failed = f"; {each.failed:,} failed in the last day" if each.failed else ""
    if each.abandoned:
        return warn(each.kind, f"{each.abandoned:,} were begun, and no worker is at them", SWEEP)
    if minutes > LONG_WAIT.total_seconds() / 60:
        words = f"the oldest that is not finished was asked for {minutes:.0f} min ago"
        return warn(each.kind, words, UNSENT if each.kind == MAILS.name else SWEEP)
    if each.failed and each.kind == MAILS.name:
        words = f"{each.failed:,} could not be sent in the last day"
        return warn(each.kind, words, "Mend SMTP_URL or the mail server. Run: auditsaas mail retry")
    return ok(each.kind, f"none waits for long{failed}")


UNSENT = "See whether the mail server takes us, and that beat and a quick worker run."

CHECKS = (
    either("redis", _redis),
    either("redis-memory", _memory),
    either("workers", _workers),
    either("beat", _beat),
    either("sweeper", _sweeper),
    Check("jobs", _jobs),
)
