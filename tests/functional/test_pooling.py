"""Behind a pooler in transaction mode nothing may rest on which connection a transaction gets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import text

from auditsaas.app import create_app
from auditsaas.extensions import db
from config.settings import Settings

TIMEOUT_MS = 12_345


@pytest.fixture(params=[True, False], ids=["pooled", "direct"])
def connected(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Flask]:
    made = create_app(
        replace(settings, transaction_pooling=request.param), statement_timeout_ms=TIMEOUT_MS
    )
    with made.app_context():
        yield made


def says(name: str) -> str:
    return str(db.session.scalar(text(f"SHOW {name}")))


@pytest.mark.usefixtures("connected")
def test_every_transaction_is_in_utc_and_bounded() -> None:
    for _ in range(2):
        assert (says("timezone"), says("statement_timeout")) == ("UTC", f"{TIMEOUT_MS}ms")
        db.session.commit()


def test_a_pooled_transaction_leaves_nothing_on_its_connection(settings: Settings) -> None:
    app = create_app(replace(settings, transaction_pooling=True), statement_timeout_ms=TIMEOUT_MS)
    with app.app_context():
        for number in range(20):
            db.session.execute(text("SELECT :n"), {"n": number})
        prepared = db.session.scalar(text("SELECT count(*) FROM pg_prepared_statements"))
        raw = db.session.connection().connection.dbapi_connection
        db.session.commit()
        assert raw is not None
        left = raw.execute("SHOW statement_timeout").fetchone()
        raw.rollback()
    assert prepared == 0
    assert left != (f"{TIMEOUT_MS}ms",)
