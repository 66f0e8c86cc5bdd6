"""Background work on mail: send one, find those that wait."""

from __future__ import annotations

import logging
from uuid import UUID

from flask import current_app
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from auditsaas.db.tenancy import platform_session
from auditsaas.jobs.queue import enqueue, first_within, task
from auditsaas.mail import outbox
from auditsaas.notifications import delivery
from config.celery import HINT_LIFETIME

SEND = "mails.send"

log = logging.getLogger(__name__)


@task(SEND)
def send_mail(mail_id: str) -> None:
    delivery.deliver(UUID(mail_id), current_app.extensions["settings"])


@task("mails.sweep")
def sweep_mails() -> int:
    """Send a task for every mail whose time has come, once a minute each; how many were sent."""
    with platform_session() as platform:
        waiting = outbox.waiting(platform)
    sent = 0
    for mail in waiting:
        try:
            if not first_within(f"mail:{mail.mail_id}:{mail.attempts}", HINT_LIFETIME):
                continue
        except (OperationalError, RedisError, OSError) as error:
            log.warning("Sweeping mails stopped, for Redis does not answer: %s", error)
            break
        sent += enqueue(SEND, str(mail.mail_id))
    return sent
