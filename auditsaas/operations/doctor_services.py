"""The doctor's checks beside PostgreSQL: settings, Redis, storage, mail, PDF."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from smtplib import SMTPException
from typing import Any
from uuid import uuid4

import redis

from auditsaas.exports.writers.pdf import coverage
from auditsaas.jobs.backlog import last_sweeps
from auditsaas.mail.transport import MailError, Server, greet
from auditsaas.operations.finding import Finding, fail, ok, warn
from auditsaas.operations.kinds import KINDS
from auditsaas.storage.address import storage_at
from auditsaas.storage.base import Storage, StorageError
from config.errors import SettingsError
from config.settings import Settings

TIMEOUT_SECONDS = 5
SWEEP_LATE = timedelta(minutes=1)


def settings(chosen: Settings) -> Iterator[Finding]:
    if not chosen.production:
        yield warn(
            "settings",
            "are a trial's: AUDITSAAS_ENV is not production",
            "Set AUDITSAAS_ENV=production before people rely on it: it refuses what is unsafe.",
        )
    else:
        yield ok("settings", "are complete for production")
    if chosen.production and chosen.trusted_proxies == 0:
        yield warn(
            "proxies",
            "TRUSTED_PROXIES is 0, so every event would carry the proxy's address",
            "Set TRUSTED_PROXIES to the number of proxies in front, 1 for nginx alone.",
        )
    if chosen.production and not chosen.metrics_token:
        yield warn(
            "metrics",
            "METRICS_TOKEN is not set, so only a program on this machine reads /metrics",
            "Set it to a secret of 16 characters or more, and give it to Prometheus.",
        )


def queue(url: str) -> Iterator[Finding]:
    try:
        with redis.Redis.from_url(
            url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
        ) as server:
            facts: dict[str, Any] = server.info()
            yield _sweeper(last_sweeps(server, KINDS))
    except (redis.RedisError, OSError) as error:
        yield fail("Redis", f"does not answer: {error}", "Start it, or mend REDIS_URL.")
        return
    if facts.get("aof_enabled"):
        yield ok("Redis", "keeps its queue on disk")
    else:
        yield warn(
            "Redis",
            "has no append-only file: a restart forgets the queue, and exports wait for the sweep",
            "Set appendonly yes in redis.conf.",
        )
    policy = facts.get("maxmemory_policy", "noeviction")
    if policy == "noeviction":
        yield ok("Redis memory", "never evicts messages")
    else:
        yield warn(
            "Redis memory",
            f"may evict messages ({policy})",
            "Set maxmemory-policy noeviction in redis.conf.",
        )


def _sweeper(found: Mapping[str, datetime | None]) -> Finding:
    since = datetime.now(UTC) - SWEEP_LATE
    late = [kind for kind, at in found.items() if at is None or at < since]
    if late:
        return warn(
            "sweeper",
            f"has not looked for waiting {', '.join(late)} within a minute",
            "See that beat and a quick worker run.",
        )
    return ok("sweeper", "looks for waiting jobs")


def storage(url: str) -> Finding:
    """Write, read and delete a small file."""
    try:
        found = storage_at(url)
        if not _keeps_a_file(found):
            return fail(
                "storage", "gave back another file than was written", "Look at its own log."
            )
    except (StorageError, SettingsError) as error:
        return fail(
            "storage", str(error), "See that STORAGE_URL is right, has room, and may be written."
        )
    return ok("storage", "writes, reads and deletes")


def _keeps_a_file(found: Storage) -> bool:
    key, content = f"doctor/{uuid4()}", b"written by auditsaas doctor\n"
    try:
        with found.write(key) as upload:
            upload.write(content)
        with found.open(key) as file:
            return file.read() == content
    finally:
        found.delete(key)


def mail(url: str | None) -> Finding:
    """Connect as the product does, without sending anything."""
    if not url:
        return warn(
            "mail",
            "SMTP_URL is not set, so nobody gets invitations or reports",
            "Set it, such as smtp+starttls://user:password@mail.example.com:587.",
        )
    try:
        greet(Server.of(url))
    except (OSError, SMTPException, MailError) as error:
        return fail("mail", f"the server refuses: {error}", "Mend SMTP_URL, or the mail server.")
    return ok("mail", "the server takes us")


def pdf() -> Finding:
    try:
        ctypes.CDLL("libpangoft2-1.0.so.0")
    except OSError:
        return warn(
            "PDF", "Pango is not installed, so PDF exports fail", "Install libpangoft2-1.0-0."
        )
    return ok("PDF", "Pango is installed")


def fonts() -> Finding:
    """Check that the fonts have a letter of every script that a report has to draw."""
    try:
        missing = coverage.undrawn_scripts()
    except OSError:
        missing = ["any script but Latin"]
    if missing:
        return warn(
            "PDF fonts",
            f"have no letters for {', '.join(missing)}: a report prints code points instead",
            "Install fonts-noto-core, fonts-noto-cjk and fonts-noto-color-emoji, or put the Noto"
            " fonts into /usr/local/share/fonts; then start the workers again.",
        )
    return ok("PDF fonts", f"draw Latin and {len(coverage.SCRIPTS)} kinds of letters beside it")
