"""Everything people do is an event: every route that changes something appends one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from auditsaas.app import create_app
from auditsaas.db.platform import Look, platform_session
from auditsaas.events.models import events
from auditsaas.own_actions import COPY_OF
from auditsaas.own_activities import ACTIVITIES
from config.settings import Settings
from tests.architecture.audited_actions import (
    AUDITED,
    BEHIND_A_REASON,
    BY_ITSELF,
    REFUSALS,
    TELLS_NOTHING,
    WITHOUT,
)
from tests.architecture.journey import ORIGIN, AuditedAction, Journey
from tests.architecture.test_routes import address
from tests.support.company import Company
from tests.support.factories import make_user, sign_in
from tests.support.outside import settle_accounts

SAFE = {"GET", "HEAD", "OPTIONS"}


@pytest.fixture(scope="module")
def app(settings: Settings, engine: Engine) -> Flask:
    """With a name, as passkeys want, and without its queue: nothing here is to be built."""
    made = create_app(replace(settings, base_url=ORIGIN, redis_url="redis://127.0.0.1:9/0"))
    made.testing = True
    return made


@pytest.fixture
def journey(app: Flask) -> Journey:
    company = Company.found(app)
    browsers = [app.test_client() for _ in range(3)]
    sign_in(browsers[0], company.admin)
    sign_in(browsers[1], make_user(name="Robin Ross", is_super_admin=True))
    return Journey(company, *browsers)


def changing(app: Flask) -> set[str]:
    """Every endpoint that a request can change something by."""
    return {rule.endpoint for rule in app.url_map.iter_rules() if (rule.methods or set()) - SAFE}


def unlisted(app: Flask) -> set[str]:
    return changing(app) - AUDITED.keys() - WITHOUT.keys()


def test_every_changing_route_records_an_event_or_states_why_not(app: Flask) -> None:
    assert unlisted(app) == set()
    assert WITHOUT.keys() <= changing(app)
    assert AUDITED.keys() & WITHOUT.keys() == set()


def test_unlisted_route_is_detected(settings: Settings) -> None:
    grown = create_app(settings)
    grown.add_url_rule("/w/<slug>/motto", "workspaces.motto", lambda slug: slug, methods=["POST"])
    assert unlisted(grown) == {"workspaces.motto"}


def test_every_own_activity_is_recorded_by_an_action() -> None:
    done = {action.activity for action in [*AUDITED.values(), *REFUSALS.values()]}
    assert done | BY_ITSELF.keys() == {activity.value for activity in ACTIVITIES}


def recorded(app: Flask, request_id: str) -> list[Any]:
    """Every event, of whatever workspace, that the request left, without copies of them."""
    settle_accounts(app)
    with app.app_context(), platform_session(Look(every=True)) as session:
        found = select(events).where(events.c.request_id == request_id)
        rows = session.execute(found).all()
    return [row for row in rows if COPY_OF not in (row.metadata or {})]


@pytest.mark.parametrize(
    "action", [*AUDITED.values(), *REFUSALS.values()], ids=[*AUDITED, *REFUSALS]
)
def test_action_is_recorded_with_its_request_details(
    app: Flask, journey: Journey, action: AuditedAction
) -> None:
    answer = action.do(journey)
    assert (answer.status_code < 400) is (action.status == "success"), answer.text
    request, name = answer.request, answer.headers["X-Request-ID"]
    answer.close()
    done = [one for one in recorded(app, name) if one.activity == action.activity]
    # A look of a super-admin is told to each workspace that the page shows something of, once.
    assert len(done) == len({event.workspace_id for event in done})
    assert len(done) == 1 or action.activity == "platform.view"
    event = done[0]
    path, secret = event.path.rstrip("…"), request.path.removeprefix(event.path.rstrip("…"))
    assert event.status == action.status
    assert (event.method, path + secret) == (request.method, request.path)
    assert secret == "" or path in ("/invitations/", "/password-reset/")
    assert (event.status_code, event.request_id) == (answer.status_code, name)
    assert event.duration_ms > 0
    assert str(event.ip) == "127.0.0.1"
    assert action.changes <= (event.changes or {}).keys()
    for before, after in (event.changes or {}).values():
        assert before != after


def test_page_views_of_an_admin_are_not_recorded(journey: Journey) -> None:
    event = journey.company.event()
    export = journey.company.export()
    for page in ("audit-logs", f"audit-logs/{event}", "members", "settings", f"exports/{export}"):
        answer = journey.admin.get(f"{journey.base}/{page}")
        assert answer.status_code == 200, page
        assert recorded(journey.company.app, answer.headers["X-Request-ID"]) == []


@pytest.fixture
def curious(app: Flask) -> FlaskClient:
    """The browser of a super-admin who has given no reason."""
    client = app.test_client()
    sign_in(client, make_user(is_super_admin=True))
    return client


def reads_above(app: Flask, slug: str) -> Iterator[tuple[str, str]]:
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/admin") and "GET" in (rule.methods or ()):
            yield rule.endpoint, address(rule, slug)


def test_every_super_admin_read_of_tenant_data_is_recorded(
    app: Flask, journey: Journey, curious: FlaskClient
) -> None:
    journey.company.event()
    export = journey.company.export()
    slug = journey.company.workspace.slug
    for endpoint, url in reads_above(app, slug):
        answer = curious.get(url)
        if endpoint in BEHIND_A_REASON and "/preflight" not in url:
            assert 'name="reason"' in answer.text, endpoint
        elif endpoint in AUDITED and answer.status_code == 200:
            told = {e.activity for e in recorded(app, answer.headers["X-Request-ID"])}
            assert told == {AUDITED[endpoint].activity}
        elif endpoint not in BEHIND_A_REASON:
            assert answer.status_code == 404 or endpoint in TELLS_NOTHING, endpoint
        assert journey.company.mark not in answer.text or endpoint in AUDITED, endpoint
    for part in ("", "/download"):
        assert curious.get(f"/admin/exports/{export}{part}").status_code == 404


def test_export_size_across_workspaces_requires_a_reason(
    journey: Journey, curious: FlaskClient
) -> None:
    headers = {"HX-Request": "true", "HX-Request-Type": "partial"}
    url = f"/admin/exports/preflight?workspace={journey.company.workspace.slug}"
    answer = curious.get(url, headers=headers)
    assert answer.status_code == 403
    assert answer.headers["HX-Redirect"].startswith("/admin/access?")
