"""Links of waiting mails that open something: sealed in the database, and gone once sent."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from email import message_from_string
from email.policy import default
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from auditsaas.accounts import encryption
from auditsaas.accounts.encryption import Opening
from auditsaas.accounts.models import User
from auditsaas.jobs.runner import run
from auditsaas.mail.models import SealedLink
from auditsaas.notifications import delivery
from auditsaas.operations import secret_rotation
from auditsaas.workspaces.models import Workspace
from config.secret_keys import SecretKeys
from config.settings import Settings
from tests.support import factories
from tests.support.factories import csrf_token, make_user, unique
from tests.support.outside import settle_accounts

TOKEN = r"/(?:password-reset|invitations)/([A-Za-z0-9_-]{43})"

Queue = Callable[[], UUID]
"""Queues a mail with a link; its id."""


def newest_mail(engine: Engine, address: str) -> UUID:
    """The newest mail to a person or an address, found behind the walls."""
    asked = (
        "SELECT m.id FROM mails m LEFT JOIN users u ON u.id = m.user_id"
        " WHERE coalesce(m.address, u.email) = :to ORDER BY m.created_at DESC LIMIT 1"
    )
    return UUID(str(everything(engine, asked, to=address)[0][0]))


def everything(engine: Engine, statement: str, **given: Any) -> list[Any]:
    """Rows that the owner reads with the policies of mails off, in a transaction that ends."""
    with engine.connect() as connection:
        connection.execute(text("ALTER TABLE mails NO FORCE ROW LEVEL SECURITY"))
        return list(connection.execute(text(statement), given).all())


@pytest.fixture(params=["invitation", "password_reset"])
def queue(
    request: pytest.FixtureRequest,
    app: Flask,
    client: FlaskClient,
    workspace: Workspace,
    admin: User,
    owner_engine: Engine,
) -> Queue:
    def invite() -> UUID:
        factories.sign_in(client, admin)
        form = {"email": f"{unique('new')}@example.com", "role": "auditor"}
        path = f"/w/{workspace.slug}/members/invite"
        answer = client.post(path, data=form | {"csrf_token": csrf_token(client)})
        assert answer.status_code == 200
        return newest_mail(owner_engine, form["email"])

    def reset() -> UUID:
        user = make_user()
        form = {"email": user.email, "csrf_token": csrf_token(client)}
        place = f"2001:db8:{abs(hash(user.email)) % 65536:x}::1"
        client.post("/password-reset", data=form, environ_base={"REMOTE_ADDR": place})
        settle_accounts(app)
        return newest_mail(owner_engine, user.email)

    return invite if request.param == "invitation" else reset


def deliver(app: Flask, settings: Settings, mail_id: UUID) -> None:
    with app.app_context():
        run(delivery.mail_job(settings), mail_id)


def token_of(settings: Settings, mail_id: UUID) -> str:
    """The token that the delivered mail holds."""
    written = (settings.data_dir / "mail" / f"{mail_id}.eml").read_text()
    body = message_from_string(written, policy=default).get_body(("plain",))
    assert body is not None
    found = re.search(TOKEN, body.get_content())
    assert found is not None
    return found[1]


def test_link_of_a_waiting_mail_is_nowhere_in_clear(
    app: Flask, settings: Settings, queue: Queue, owner_engine: Engine
) -> None:
    mail_id = queue()
    row = str(everything(owner_engine, "SELECT * FROM mails WHERE id = :id", id=mail_id))
    sealed = str(everything(owner_engine, "SELECT * FROM sealed_links WHERE id = :id", id=mail_id))
    deliver(app, settings, mail_id)
    token = token_of(settings, mail_id)
    assert token not in row + sealed
    assert re.search(TOKEN, row + sealed) is None
    assert str(mail_id) in sealed


def test_sealed_link_goes_once_its_mail_is_sent(
    app: Flask, settings: Settings, queue: Queue
) -> None:
    mail_id = queue()
    deliver(app, settings, mail_id)
    with factories.Sessions() as session:
        assert session.get(SealedLink, mail_id) is None


def test_link_is_sealed_anew_when_the_key_is_changed(
    app: Flask, settings: Settings, queue: Queue
) -> None:
    mail_id, keys = queue(), SecretKeys("another key " * 4, (settings.secret_key,))
    with factories.OwnerSessions() as session:
        done = secret_rotation.rotate(session, keys, lambda *_: None)
        link = session.get_one(SealedLink, mail_id)
        assert done["links of mails"] >= 1
        assert encryption.opening(keys, link.sealed) is Opening.CURRENT
        secret_rotation.rotate(session, SecretKeys(settings.secret_key, (keys.current,)), print)
    deliver(app, settings, mail_id)
    assert token_of(settings, mail_id)


def test_mail_whose_key_is_lost_fails_in_words(
    app: Flask, settings: Settings, queue: Queue, owner_engine: Engine
) -> None:
    mail_id = queue()
    deliver(app, replace(settings, secret_key="a key that sealed nothing " * 2), mail_id)
    [(state, error)] = everything(
        owner_engine, "SELECT state, error FROM mails WHERE id = :id", id=mail_id
    )
    assert (state, "Ask for a new one" in error) == ("failed", True)
