"""What a visitor can measure of an account: a refusal and a reset do the same work for any."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select, text
from werkzeug.test import TestResponse

from auditsaas.accounts.models import AccountOutbox, User
from auditsaas.events.models import events
from auditsaas.extensions import db
from auditsaas.mail.models import Mail
from auditsaas.permissions import Role
from auditsaas.workspaces.models import Workspace
from tests.support import factories
from tests.support.factories import csrf_token, make_member, make_user, make_workspace, unique
from tests.support.outside import settle_accounts

WORKSPACES = 12


@pytest.fixture(autouse=True)
def _nothing_waits(app: Flask) -> None:
    settle_accounts(app)


@pytest.fixture
def of_many() -> User:
    """A person in many workspaces."""
    user = make_user()
    for _ in range(WORKSPACES):
        make_member(make_workspace(), Role.AUDITOR, user)
    return user


@pytest.fixture
def work(app: Flask) -> Iterator[list[str]]:
    """The statements and commits of the web's own connections, in order."""
    done: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        done.append(statement)

    def end(_connection: Any) -> None:
        done.append("COMMIT")

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    event.listen(engine, "commit", end)
    yield done
    event.remove(engine, "before_cursor_execute", note)
    event.remove(engine, "commit", end)


def post(app: Flask, path: str, email: str, place: str, *, times: int = 1) -> TestResponse:
    client = app.test_client()
    form = {"email": email, "password": "wrong", "csrf_token": csrf_token(client)}
    answers = [
        client.post(path, data=form, environ_base={"REMOTE_ADDR": place}) for _ in range(times)
    ]
    return answers[-1]


def words(answer: TestResponse) -> str:
    """What a reader sees of the page."""
    return " ".join(re.sub(r"<[^>]*>", " ", answer.text).split())


def address_of(case: str, of_many: User) -> str:
    if case == "disabled":
        return make_user(disabled_at=datetime.now(UTC)).email
    if case == "no password":
        return make_user(password_hash=None).email
    return of_many.email if case == "known" else f"{unique('nobody')}@example.com"


def place() -> str:
    """An address that no other test of the run has asked from."""
    number = uuid4().int
    return f"2001:db8:{number % 65536:x}:{number // 65536 % 65536:x}::1"


@pytest.mark.parametrize("path", ["/login", "/password-reset"])
@pytest.mark.parametrize("times", [1, 6])
@pytest.mark.parametrize("case", ["known", "disabled"])
def test_refused_request_does_the_same_work_for_any_address(
    app: Flask, of_many: User, work: list[str], path: str, times: int, case: str
) -> None:
    email = address_of(case, of_many)
    stranger = post(app, path, address_of("unknown", of_many), place(), times=times)
    of_stranger = work.copy()
    work.clear()
    known = post(app, path, email, place(), times=times)
    assert (known.status_code, words(known)) == (stranger.status_code, words(stranger))
    assert [line for line in work if "DELETE FROM attempts" not in line] == [
        line for line in of_stranger if "DELETE FROM attempts" not in line
    ]
    assert len(of_stranger) > times


def test_work_of_a_person_in_many_workspaces_is_the_workers(
    app: Flask, of_many: User, work: list[str]
) -> None:
    """The control: what is recorded in each workspace is far more than the request does."""
    post(app, "/login", of_many.email, place())
    by_request = len(work)
    work.clear()
    assert settle_accounts(app) == 1
    assert len(work) > by_request + WORKSPACES


def test_refusal_is_recorded_with_the_time_and_facts_of_its_request(
    app: Flask, workspace: Workspace
) -> None:
    user, here = make_member(workspace), place()
    before = datetime.now(UTC)
    answer = post(app, "/login", user.email, here)
    after = datetime.now(UTC)
    settle_accounts(app)
    with factories.scoped(workspace.id) as session:
        row = session.execute(select(events).where(events.c.activity == "user.login")).one()
    assert before <= row.occurred_at <= after
    assert (str(row.ip), row.path, row.method) == (here, "/login", "POST")
    assert row.request_id == answer.headers["X-Request-ID"]
    assert 0 < row.duration_ms < (after - before).total_seconds() * 1000 + 1


def test_row_is_settled_once_and_forgotten(app: Flask, workspace: Workspace) -> None:
    user = make_member(workspace)
    post(app, "/login", user.email, place(), times=3)
    assert settle_accounts(app) == 3
    assert settle_accounts(app) == 0
    with factories.scoped(workspace.id) as session:
        assert len(session.execute(select(events.c.id)).all()) == 3


def test_row_that_cannot_be_settled_holds_up_no_other(app: Flask, workspace: Workspace) -> None:
    user = make_member(workspace)
    with factories.Sessions.begin() as session:
        broken = AccountOutbox(kind="refusal", address=user.email, reason="?", facts={"no": 1})
        session.add(broken)
    post(app, "/login", user.email, place())
    assert settle_accounts(app) == 1
    with factories.Sessions.begin() as session:
        assert session.get(AccountOutbox, broken.id) is not None
        session.execute(text("DELETE FROM account_outbox WHERE id = :id"), {"id": broken.id})


def outbox() -> list[str]:
    """Every row that waits, as text: another test may have left some that cannot be settled."""
    with factories.Sessions() as session:
        rows = session.execute(text("SELECT * FROM account_outbox"))
        return [str(row) for row in rows]


def test_what_was_typed_waits_only_where_it_is_an_address(app: Flask) -> None:
    typed, before = unique("my secret password"), outbox()
    post(app, "/login", typed, place())
    [kept] = set(outbox()) - set(before)
    assert typed not in kept


@pytest.mark.parametrize("agent", ["caf\xe9", "\xff\xfe", "x" * 9000])
def test_any_user_agent_is_noted(app: Flask, workspace: Workspace, agent: str) -> None:
    user, client = make_member(workspace), app.test_client()
    form = {"email": user.email, "password": "wrong", "csrf_token": csrf_token(client)}
    environ = {"HTTP_USER_AGENT": agent, "REMOTE_ADDR": place()}
    assert client.post("/login", data=form, environ_overrides=environ).status_code == 401
    assert settle_accounts(app) == 1


def test_link_is_made_by_the_worker_alone(app: Flask, client: FlaskClient) -> None:
    user = make_user()
    post(app, "/password-reset", user.email, place())
    with factories.scoped(user=user.id) as session:
        assert session.scalars(select(Mail)).all() == []
    settle_accounts(app)
    with factories.scoped(user=user.id) as session:
        assert session.scalars(select(Mail.kind)).all() == ["password_reset"]
