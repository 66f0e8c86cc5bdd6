"""A request that only read ends in COMMIT, so its statements stay prepared; all else rolls back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import func, select, text, update

from auditsaas.accounts.models import User
from auditsaas.db import pools
from auditsaas.extensions import db
from tests.support.factories import make_user, unique

PREPARED = text("SELECT count(*) FROM pg_prepared_statements WHERE strpos(statement, :mark) > 0")
THRESHOLD = 5
"""psycopg prepares what it ran this often."""


def _read(mark: str) -> None:
    db.session.execute(select(func.count(User.id).label(mark)))


def _write_by_hand(_: str) -> None:
    db.session.execute(text("UPDATE users SET name = name WHERE false"))


def prepared_after(app: Flask, also: Callable[[str], None] | None = None) -> bool:
    """Whether a statement is still prepared on its connection once requests that ran it ended."""
    mark = unique("mark").replace("-", "_")
    for _ in range(THRESHOLD + 2):
        with app.app_context():
            _read(mark)
            if also:
                also(mark)
    with app.app_context():
        return bool(db.session.scalar(PREPARED, {"mark": mark}))


def test_statement_stays_prepared_after_requests_that_only_read(app: Flask) -> None:
    assert prepared_after(app)


def test_statement_is_forgotten_after_requests_that_may_have_written(app: Flask) -> None:
    """The control: a rollback is what forgets it."""
    assert not prepared_after(app, _write_by_hand)


def test_reads_noted_as_writes_would_be_forgotten(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "_only_read", lambda _session: False)
    assert not prepared_after(app)


def _text(name: str, slug: str) -> None:
    db.session.execute(text("UPDATE users SET name = :n WHERE email = :e"), {"n": slug, "e": name})


def _core(name: str, slug: str) -> None:
    db.session.execute(update(User).where(User.email == name).values(name=slug))


def _cte(name: str, slug: str) -> None:
    changed = update(User).where(User.email == name).values(name=slug).returning(User.id)
    db.session.execute(select(changed.cte("changed")))


def _unflushed(name: str, slug: str) -> None:
    db.session.scalars(select(User).where(User.email == name)).one().name = slug


def _flushed(name: str, slug: str) -> None:
    _unflushed(name, slug)
    db.session.flush()


def _connection(name: str, slug: str) -> None:
    db.session.connection().execute(update(User).where(User.email == name).values(name=slug))


@pytest.mark.parametrize("change", [_text, _core, _cte, _unflushed, _flushed, _connection])
def test_change_that_no_view_committed_is_not_kept(
    app: Flask, change: Callable[[str, str], None]
) -> None:
    user = make_user()
    with app.app_context():
        _read("before")
        change(user.email, "Changed")
        db.session.execute(select(func.count(User.id)))
    with app.app_context():
        assert db.session.scalar(select(User.name).where(User.email == user.email)) != "Changed"
