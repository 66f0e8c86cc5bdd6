"""Mail over real SMTP: sent once where all goes well, later where it does not, and never lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from auditsaas import logs
from auditsaas.accounts.models import User
from auditsaas.jobs.kind import Claim
from auditsaas.jobs.runner import run
from auditsaas.mail import outbox, transport
from auditsaas.mail.models import Mail
from auditsaas.mail.outbox import MAILS
from auditsaas.mail.transport import MailError, Server
from auditsaas.notifications import delivery
from auditsaas.notifications.service import notify
from auditsaas.permissions import Role
from auditsaas.workspaces.models import Membership
from config.settings import Settings
from tests.support import smtp
from tests.support.factories import csrf_token, make_member, make_user, make_workspace, scoped
from tests.support.outside import settle_accounts
from tests.support.smtp import MailServer, mail_server


def body_of(mail: EmailMessage, kind: str) -> str:
    """The text of a mail in ``plain`` or ``html``."""
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


@pytest.fixture(scope="module")
def server_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    with mail_server(tmp_path_factory.mktemp("smtp")) as server:
        yield server


@pytest.fixture
def server(server_process: MailServer) -> MailServer:
    server_process.becomes(smtp.TAKE)
    return server_process


@pytest.fixture
def person() -> User:
    return make_user(name="Ann Lee")


def tell(person: User, kind: str = "export.ready", **given: Any) -> UUID | None:
    """Notify a person; the id of the mail that goes with it, if one does."""
    facts = {"title": "Everything, yesterday", "body": "CSV · 3 rows", "url": "/exports/1"} | given
    tenants = [given["tenant"]] if "tenant" in given else []
    with scoped(*tenants, user=person.id) as session:
        notification = notify(session, person.id, kind=kind, **facts)
        session.commit()
        return session.scalar(select(Mail.id).where(Mail.notification_id == notification.id))


def try_to_send(app: Flask, person: User, mail_id: UUID | None, server: MailServer | None) -> Mail:
    """One try whose time has come, as a worker makes it; the mail's row afterwards."""
    assert mail_id is not None
    settings: Settings = app.extensions["settings"]
    settings = replace(settings, smtp_url=server.url if server else None)
    with scoped(user=person.id) as session:
        session.execute(update(Mail).where(Mail.id == mail_id).values(next_try_at=func.now()))
        session.commit()
    with app.app_context():
        run(delivery.mail_job(settings), mail_id)
    with scoped(user=person.id) as session:
        return session.get_one(Mail, mail_id)


def test_an_export_that_is_ready_is_mailed_as_text_and_html_with_a_link(
    app: Flask, server: MailServer, person: User
) -> None:
    row = try_to_send(app, person, tell(person), server)
    assert (row.state, row.attempts) == ("sent", 1)
    (got,) = server.received(person.email)
    assert got["Subject"] == "Export ready: Everything, yesterday"
    assert got["From"] == "AuditSaaS <auditsaas@localhost>"
    assert got["To"] == f"Ann Lee <{person.email}>"
    text, html = (body_of(got, kind) for kind in ("plain", "html"))
    for body in (text, html):
        assert "http://127.0.0.1:8000/exports/1" in body
        assert "CSV · 3 rows" in body
    assert "<img" not in html
    assert [part for part in got.walk() if part.get_filename()] == []


def test_mail_and_its_log_line_carry_the_request_id(
    app: Flask, client: FlaskClient, server: MailServer, person: User
) -> None:
    asked = {"email": person.email, "csrf_token": csrf_token(client)}
    client.post("/password-reset", data=asked, headers={"X-Request-ID": "ann-forgot-it"})
    settle_accounts(app)
    logs.bind(request_id="a-sweep")
    with scoped(user=person.id) as session:
        mail_id = session.scalar(select(Mail.id).where(Mail.user_id == person.id))
    try_to_send(app, person, mail_id, server)
    assert logs.bound()["request_id"] == "ann-forgot-it"
    (got,) = server.received(person.email)
    assert got["X-Request-ID"] == "ann-forgot-it"


@pytest.mark.parametrize("mood", [smtp.BUSY, smtp.HANG_UP])
def test_temporary_failure_delays_the_mail_and_sends_it_once(
    app: Flask, server: MailServer, person: User, mood: str
) -> None:
    mail_id = tell(person)
    server.becomes(mood)
    for number in (1, 2):
        row = try_to_send(app, person, mail_id, server)
        assert (row.state, row.attempts) == ("waiting", number)
        assert row.error
    assert (row.next_try_at - row.created_at).total_seconds() > 15
    server.becomes(smtp.TAKE)
    assert try_to_send(app, person, mail_id, server).state == "sent"
    assert try_to_send(app, person, mail_id, server).attempts == 3
    assert len(server.received(person.email)) == 1


def test_mail_is_not_sent_before_its_retry_time(
    app: Flask, server: MailServer, person: User
) -> None:
    mail_id = tell(person)
    server.becomes(smtp.BUSY)
    row = try_to_send(app, person, mail_id, server)
    with app.app_context():
        run(delivery.mail_job(replace(app.extensions["settings"], smtp_url=server.url)), row.id)
    with scoped(user=person.id) as session:
        assert session.get_one(Mail, row.id).attempts == 1


@pytest.mark.parametrize("mood", [smtp.NO_SUCH_ADDRESS, smtp.NOT_THIS_MAIL])
def test_permanent_failure_ends_the_mail_with_the_servers_reason(
    app: Flask, server: MailServer, person: User, mood: str
) -> None:
    server.becomes(mood)
    row = try_to_send(app, person, tell(person), server)
    assert row.state == "failed"
    assert "55" in (row.error or "")


def test_mail_resent_after_a_broken_connection_keeps_its_message_id(
    app: Flask, server: MailServer, person: User
) -> None:
    mail_id = tell(person)
    server.becomes(smtp.TAKE_AND_HANG_UP)
    assert try_to_send(app, person, mail_id, server).state == "waiting"
    server.becomes(smtp.TAKE)
    assert try_to_send(app, person, mail_id, server).state == "sent"
    first, second = server.received(person.email)
    assert first["Message-ID"] == second["Message-ID"] == f"<{mail_id}@localhost>"
    assert first.as_bytes().split(b"\n\n")[0].count(b"Date:") == 1
    assert first["Date"] == second["Date"]


def test_unresponsive_mail_server_times_out(app: Flask, server: MailServer, person: User) -> None:
    server.becomes(smtp.THINK)
    letter = delivery.letter(
        taken(person), delivery.Reader(person.name, person.email), settings(app)
    )
    with pytest.raises(MailError, match="does not answer"):
        transport.send(
            replace(Server.of(server.url), timeout_seconds=0.5), transport.composed(letter)
        )


def test_mail_waits_while_no_server_listens(app: Flask, person: User) -> None:
    nowhere = MailServer(Path("/nonexistent"), 1)
    assert try_to_send(app, person, tell(person), nowhere).state == "waiting"


def test_a_title_cannot_add_a_header(app: Flask, server: MailServer) -> None:
    person = make_user(name="Ann\r\nBcc: everyone@example.com")
    title = "Everything\r\nBcc: everyone@example.com\r\n\r\nHello"
    assert try_to_send(app, person, tell(person, title=title), server).state == "sent"
    (got,) = server.received(person.email)
    assert got["Bcc"] is None
    assert len(got.get_all("To", [])) == 1


def test_hostile_text_is_text_in_the_html(app: Flask, server: MailServer, person: User) -> None:
    try_to_send(app, person, tell(person, title="<script>alert(1)</script>\u202eexe"), server)
    (got,) = server.received(person.email)
    html = body_of(got, "html")
    assert "<script" not in html
    assert "‹U+202E›" in html


@pytest.mark.parametrize("address", ["ann@example.com\nBcc: x@example.com", "ann", "a b@c.d", ""])
def test_invalid_recipient_is_never_retried(app: Flask, server: MailServer, address: str) -> None:
    person = make_user()
    letter = delivery.letter(taken(person), delivery.Reader("Ann", address), settings(app))
    with pytest.raises(transport.MailRefused):
        transport.composed(letter)


def test_person_without_mail_gets_only_the_notification(person: User) -> None:
    with scoped(user=person.id) as session:
        outbox.choose(session, person.id, {"export_ready": False})
        session.commit()
    assert tell(person, "export.ready") is None
    assert tell(person, "export.failed") is not None


def test_waiting_report_is_not_mailed_to_a_recipient_without_the_role(
    app: Flask, server: MailServer
) -> None:
    workspace = make_workspace()
    person = make_member(workspace, Role.AUDITOR)
    mail_id = tell(person, "export.ready", tenant=workspace.id)
    with scoped(workspace.id) as session:
        session.execute(
            update(Membership)
            .where(Membership.workspace_id == workspace.id, Membership.user_id == person.id)
            .values(role=Role.MEMBER.value)
        )
        session.commit()
    row = try_to_send(app, person, mail_id, server)
    assert (row.state, row.context) == ("dropped", {})
    assert server.received(person.email) == []


def test_without_a_mail_server_the_demo_keeps_each_mail_as_one_file(
    app: Flask, person: User
) -> None:
    mail_id = tell(person)
    row = try_to_send(app, person, mail_id, None)
    assert row.state == "sent"
    kept = settings(app).data_dir / "mail" / f"{mail_id}.eml"
    assert person.email in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0


def test_mail_waits_in_production_until_a_server_is_configured(app: Flask, person: User) -> None:
    production = replace(settings(app), production=True, smtp_url=None)
    mail_id = tell(person)
    assert mail_id is not None
    with app.app_context():
        run(delivery.mail_job(production), mail_id)
    with scoped(user=person.id) as session:
        assert session.get_one(Mail, mail_id).state == "waiting"


@pytest.mark.parametrize(
    ("url", "must"),
    [
        ("smtp://mail:1025", False),
        ("smtp://me:secret@mail.example.com", True),
        ("smtp://me:secret@127.0.0.1:1025", False),
        ("smtp+starttls://mail.example.com", True),
    ],
)
def test_a_password_never_travels_in_the_clear(url: str, must: bool) -> None:
    assert Server.of(url).encrypts_later is must


@pytest.mark.parametrize("url", ["http://mail", "smtp://", "smtp://mail:port", "mail:25"])
def test_invalid_smtp_url_is_refused_with_a_reason(url: str) -> None:
    with pytest.raises(MailError, match="SMTP_URL"):
        Server.of(url)


def settings(app: Flask) -> Settings:
    found: Settings = app.extensions["settings"]
    return found


def taken(person: User) -> Mail:
    """A mail that a worker has taken and not yet sent."""
    mail_id = tell(person)
    assert mail_id is not None
    with scoped(user=person.id) as session:
        found = Claim.take(MAILS, session, mail_id)
        session.commit()
    assert found is not None
    return found.row
