"""A report from the tick to the mailbox, with a real worker, Redis and SMTP server in between."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from email.message import EmailMessage

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import Engine, func, update

from auditsaas.accounts.models import User
from auditsaas.app import create_app
from auditsaas.jobs.queue import enqueue
from auditsaas.mail.models import Mail, MailState
from auditsaas.workspaces.models import Workspace
from config.celery import QUICK
from config.settings import Settings
from tests.support import smtp
from tests.support.exporting import cells
from tests.support.factories import (
    append_events,
    as_owner,
    event_input,
    make_member,
    make_workspace,
    sign_in,
)
from tests.support.left_over import end_all_mails
from tests.support.scheduling import DAILY, end_all_schedules, make_schedule, runs_of
from tests.support.smtp import MailServer, mail_server
from tests.support.workers import MAIL_QUEUE, Found, WorkerProcess, eventually, with_queue

AT_MIDNIGHT = replace(DAILY, at=time(0))
BEAT = ("schedules.tick", "jobs.sweep")


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    with mail_server(tmp_path_factory.mktemp("smtp")) as running:
        yield running


@pytest.fixture
def installation(
    settings: Settings, engine: Engine, server: MailServer, owner_engine: Engine
) -> Iterator[Flask]:
    """The product with a mail server and a worker, on a Redis that no other worker listens to."""
    end_all_schedules(owner_engine)
    end_all_mails(owner_engine)
    own = replace(with_queue(settings, MAIL_QUEUE), smtp_url=server.url)
    worker = WorkerProcess(own, settings.data_dir / "mail-worker.log")
    worker.start()
    yield create_app(own)
    worker.kill()


def beat_until(app: Flask, find: Callable[[], Found | None], what: str) -> Found:
    """Send what beat sends until something is there."""

    def beaten() -> Found | None:
        beat_once(app)
        return find()

    return eventually(beaten, what)


def test_report_is_built_mailed_and_downloaded_after_a_mail_outage(
    installation: Flask, server: MailServer
) -> None:
    workspace = make_workspace("Halden Freight")
    admin = make_member(workspace)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    when = yesterday.isoformat()
    append_events(workspace, [event_input(occurred_at=when) for _ in range(42)])
    server.becomes(smtp.BUSY)
    made = yesterday - timedelta(days=1)
    schedule_id = make_schedule(workspace, admin, made, timetable=AT_MIDNIGHT)
    beat_until(
        installation, lambda: len(runs_of(workspace, schedule_id)) == 2, "the reports of two days"
    )
    server.becomes(smtp.TAKE)

    def digest() -> EmailMessage | None:
        end_pauses(workspace, admin)
        received = server.received(admin.email)
        return next((mail for mail in received if "42 events" in text_of(mail)), None)

    mail = beat_until(installation, digest, "a mail of 42 events")
    assert str(mail["Subject"]).startswith("Daily digest, ")
    assert "in Halden Freight" in text_of(mail)
    link = re.search(r"http://127\.0\.0\.1:8000(/w/\S+/download)", text_of(mail))
    assert link is not None
    browser = installation.test_client()
    assert "/login" in browser.get(link[1]).headers["Location"]
    sign_in(browser, admin)
    rows = cells(browser.get(link[1]).data)
    assert len([row for row in rows if row["activity"] == "invoice.update"]) == 42


def end_pauses(workspace: Workspace, admin: User) -> None:
    """Make the next try of each waiting mail due; a try still under way may yet begin a pause."""
    with as_owner(workspace.id, user=admin.id) as session:
        waiting = update(Mail).where(Mail.tenant == workspace.id, Mail.state == MailState.WAITING)
        session.execute(waiting.values(next_try_at=func.now()))
        session.commit()


def beat_once(app: Flask) -> None:
    """Send what beat sends unless the last waits, for a hint that waited a minute is dropped."""
    redis_url = app.extensions["settings"].redis_url
    with Redis.from_url(redis_url) as redis, app.app_context():
        if redis.llen(QUICK) == 0:
            for name in BEAT:
                enqueue(name)


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())
