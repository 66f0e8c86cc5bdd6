"""Sessions that were confirmed too long ago, and answering the question that comes then."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape

from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from auditsaas import tokens
from auditsaas.accounts.models import SignInSession
from tests.support.factories import PASSWORD, Sessions, csrf_token

LONG = timedelta(minutes=10, seconds=1)


def cookie_of(client: FlaskClient) -> str:
    cookie = client.get_cookie(client.application.config["SESSION_COOKIE_NAME"])
    assert cookie is not None
    return cookie.value


def confirmed_ago(client: FlaskClient, time: timedelta = LONG) -> None:
    """Let so much time have passed since the browser's person showed who they are."""
    with Sessions.begin() as session:
        session.execute(
            update(SignInSession)
            .where(SignInSession.id_hash == tokens.digest(cookie_of(client)))
            .values(confirmed_at=datetime.now(UTC) - time)
        )


def kept_in(answer: TestResponse) -> str:
    """What a question keeps, sealed."""
    found = re.search(r'name="kept"\s+value="([^"]+)"', answer.text)
    assert found is not None, answer.text
    return unescape(found[1])


def confirm(client: FlaskClient, asked: TestResponse, **given: str) -> TestResponse:
    """Answer a question, by password unless something else is given."""
    form = {"kept": kept_in(asked), "csrf_token": csrf_token(client)}
    return client.post("/account/confirm", data=form | (given or {"password": PASSWORD}))
