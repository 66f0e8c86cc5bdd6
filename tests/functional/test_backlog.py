"""Waiting jobs of every kind as operators see them: figures, doctor and system page."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from auditsaas.imports.kind import IMPORTS
from auditsaas.imports.models import Import
from auditsaas.jobs.kind import Claim
from auditsaas.mail import outbox
from auditsaas.mail.models import Mail
from auditsaas.mail.outbox import MAILS
from auditsaas.notifications.service import notify
from auditsaas.operations import doctor
from auditsaas.operations.finding import Finding, Verdict
from auditsaas.operations.kinds import KINDS
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tasks.jobs import sweep_jobs
from tests.support.factories import (
    as_owner,
    make_member,
    make_user,
    make_workspace,
    scoped,
    sign_in,
)
from tests.support.importing import ask_for_import


@pytest.fixture
def workspace() -> Workspace:
    return make_workspace()


def figures(client: FlaskClient) -> dict[str, float]:
    lines = client.get("/metrics").text.splitlines()
    return {
        name: float(value)
        for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")
    }


def findings(settings: Settings) -> dict[str, Finding]:
    return {finding.part: finding for finding in doctor.examine(settings)}


def take(session: Session, import_id: UUID) -> Claim[Import]:
    taken = Claim.take(IMPORTS, session, import_id)
    session.commit()
    assert taken is not None
    return taken


@pytest.fixture
def abandoned(app: Flask, workspace: Workspace) -> UUID:
    """An import that a worker began an hour ago and left."""
    import_id = ask_for_import(app, make_member(workspace), workspace, b"anything")
    with as_owner(workspace.id) as session:
        take(session, import_id)
        hour_ago = func.now() - func.make_interval(0, 0, 0, 0, 1)
        session.execute(update(Import).values(lease_until=hour_ago, created_at=hour_ago))
        session.commit()
    return import_id


def test_an_abandoned_import_is_in_the_figures(
    client: FlaskClient, app: Flask, workspace: Workspace, request: pytest.FixtureRequest
) -> None:
    before = figures(client)
    request.getfixturevalue("abandoned")
    after = figures(client)
    for figure in ("jobs_abandoned", "jobs_pending"):
        series = f'auditsaas_{figure}{{kind="imports"}}'
        assert after[series] == before[series] + 1
    assert after['auditsaas_job_oldest_pending_seconds{kind="imports"}'] >= 3600


def test_the_doctor_warns_of_an_abandoned_import(settings: Settings, abandoned: UUID) -> None:
    found = findings(settings)["imports"]
    assert found.verdict is Verdict.WARN
    assert "no worker is at them" in found.words
    assert found.remedy


def test_the_system_page_points_at_an_abandoned_import(
    client: FlaskClient, abandoned: UUID
) -> None:
    sign_in(client, make_user(is_super_admin=True))
    page = client.get("/admin/system").text
    shown = re.search(
        r'data-part="Imports"\s+data-fine="no".*?([1-9]\d* abandoned)', page, re.DOTALL
    )
    assert shown is not None


def test_a_mail_that_failed_is_in_the_figures_for_a_day(client: FlaskClient) -> None:
    series = 'auditsaas_jobs_failed_last_day{kind="mails"}'
    before, person = figures(client)[series], make_user()
    with scoped(user=person.id) as session:
        notify(session, person.id, kind="export.ready", title="A", body="B", url="/exports/1")
        mail_id = session.scalars(select(Mail.id)).one()
        session.commit()
        claim = Claim.take(MAILS, session, mail_id)
        assert claim is not None
        outbox.failed(session, claim, "No such mailbox.")
        session.commit()
        assert figures(client)[series] == before + 1
        old = func.now() - func.make_interval(0, 0, 0, 2)
        session.execute(update(Mail).values(next_try_at=old))
        session.commit()
    assert figures(client)[series] == before


def test_a_sweep_is_noted_for_every_kind(
    app: Flask, client: FlaskClient, settings: Settings
) -> None:
    with app.app_context():
        sweep_jobs()
    found = figures(client)
    for kind in KINDS:
        assert found[f'auditsaas_job_sweep_age_seconds{{kind="{kind.name}"}}'] < 60
    assert findings(app.extensions["settings"])["sweeper"].verdict is Verdict.OK
