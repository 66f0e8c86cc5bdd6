"""The bell's page: reading one, reading all, and choosing which mails come."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from auditsaas.accounts.models import User
from auditsaas.jobs.runner import run
from auditsaas.mail import outbox
from auditsaas.mail.models import Mail
from auditsaas.notifications import delivery, service
from tests.support.factories import csrf_token, make_user, scoped, sign_in


@pytest.fixture
def person(client: FlaskClient) -> User:
    made = make_user()
    sign_in(client, made)
    return made


def tell(person: User, title: str) -> UUID:
    with scoped(user=person.id) as session:
        notification = service.notify(
            session, person.id, kind="export.ready", title=title, body="", url="/exports"
        )
        session.commit()
        return notification.id


def post(client: FlaskClient, url: str, **fields: str) -> int:
    return client.post(url, data={"csrf_token": csrf_token(client), **fields}).status_code


def unread(person: User) -> int:
    with scoped(user=person.id) as session:
        return service.count_unread(session, person.id)


def test_marking_one_notification_as_read_keeps_the_others(
    client: FlaskClient, person: User
) -> None:
    first, _ = tell(person, "First"), tell(person, "Second")
    assert post(client, f"/notifications/{first}/read") == 303
    assert unread(person) == 1
    assert post(client, "/notifications/read") == 303
    assert unread(person) == 0


def test_notification_of_another_person_is_not_found(client: FlaskClient, person: User) -> None:
    other = make_user()
    theirs = tell(other, "Theirs")
    assert post(client, f"/notifications/{theirs}/read") == 404
    assert post(client, f"/notifications/{uuid4()}/read") == 404
    assert unread(other) == 1


def test_disabled_mail_choice_stops_the_mail(client: FlaskClient, person: User) -> None:
    assert client.get("/notifications").text.count(" checked") == 3
    assert post(client, "/notifications/mails", export_failed="1") == 303
    with scoped(user=person.id) as session:
        assert not outbox.wants(session, person.id, "export.ready")
        assert outbox.wants(session, person.id, "export.failed")
        assert not outbox.wants(session, person.id, "report.ready")
    assert client.get("/notifications").text.count(" checked") == 1


def test_demo_shows_the_kept_mail_and_gives_it_as_a_file(
    app: Flask, client: FlaskClient, person: User
) -> None:
    notification = tell(person, "Everything")
    with scoped(user=person.id) as session:
        mail_id = session.scalar(select(Mail.id).where(Mail.notification_id == notification))
    assert mail_id is not None
    with app.app_context():
        run(delivery.mail_job(replace(app.extensions["settings"], smtp_url=None)), mail_id)
    url = f"/notifications/mails/{mail_id}"
    assert url in client.get("/notifications").text
    page = client.get(url).text
    assert "Export ready: Everything" in page
    assert person.email in page
    assert "no mail server" in page
    kept = client.get(f"{url}?file=1")
    assert kept.content_type == "message/rfc822"
    assert b"Subject: Export ready: Everything" in kept.data
    stranger = app.test_client()
    sign_in(stranger, make_user())
    assert stranger.get(url).status_code == 404
