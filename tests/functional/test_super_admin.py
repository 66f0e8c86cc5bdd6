"""The pages across workspaces: what super-admins see and change, and what is told of it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask, g, request_finished
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine, QueuePool, select, text, update
from sqlalchemy.orm import Session

from auditsaas.db.platform import JOBS, PLATFORM_BIND, platform_session
from auditsaas.events.models import events
from auditsaas.events.system_log import SYSTEM_WORKSPACE_ID
from auditsaas.extensions import db
from auditsaas.imports.models import Import
from auditsaas.jobs.backlog import backlogs
from auditsaas.operations.kinds import KINDS
from auditsaas.permissions import Role
from auditsaas.platform_access.models import PlatformAccess
from auditsaas.platform_access.reasons import HOLDS_FOR
from auditsaas.workspaces.models import Workspace
from config.celery import ALIVE_FOR, WORKERS_KEY
from config.settings import Settings
from tests.support.company import Company
from tests.support.factories import (
    append_events,
    as_owner,
    csrf_token,
    event_input,
    make_api_key,
    make_member,
    make_user,
    make_workspace,
    say_why,
    scoped,
    sign_in,
    unique,
)
from tests.support.htmx import PARTIAL
from tests.support.workers import WorkerProcess, eventually


@pytest.fixture
def above(client: FlaskClient) -> FlaskClient:
    """The browser of a super-admin."""
    sign_in(client, make_user(name="Robin Ross", is_super_admin=True))
    return client


@pytest.fixture
def acme(app: Flask) -> Workspace:
    workspace = make_workspace()
    append_events(workspace, [event_input(status=status) for status in ("success", "error")])
    return workspace


PAGES = ("workspaces", "users", "audit-logs", "exports", "system")


def post(client: FlaskClient, url: str, **fields: Any) -> Any:
    return client.post(url, data={"csrf_token": csrf_token(client), **fields})


def recorded(workspace_id: UUID, activity: str) -> list[Any]:
    with scoped(workspace_id) as session:
        return list(
            session.execute(
                select(events)
                .where(events.c.workspace_id == workspace_id, events.c.activity == activity)
                .order_by(events.c.seq)
            ).all()
        )


def told_of(event: Any) -> tuple[object, ...]:
    """What an event tells of a look."""
    return tuple(event.metadata[key] for key in ("look", "filter", "query", "shown", "looks"))


def rows_of(client: FlaskClient, url: str) -> list[str]:
    return re.findall(r'data-event-id="([^"]+)"', client.get(url).text)


def row_of(client: FlaskClient, slug: str) -> str:
    page = client.get(f"/admin/workspaces?q={slug}").text
    return page[page.index(f'data-workspace="{slug}"') :].partition("</tr>")[0]


def test_the_workspaces_page_shows_volume_error_rate_members_and_state(
    above: FlaskClient, acme: Workspace
) -> None:
    make_member(acme)
    row = row_of(above, acme.slug)
    assert 'data-state="active"' in row
    assert "50.0%" in row
    assert '<td class="end num" data-l="Events, 7 days">2</td>' in row
    assert '<td class="end num" data-l="Members">1</td>' in row
    # One day of two events, an error below a success: two bars of the last of seven columns.
    assert 'aria-label="Events of the last 7 days: 0, 0, 0, 0, 0, 0, 2"' in row
    assert 'class="ok" d="M91.8 13.0h12v-11.0h-12z"' in row
    assert 'class="er" d="M91.8 24.0h12v-11.0h-12z"' in row
    assert "84 <u>ms</u>" in row
    assert 'data-state="silent"' in row_of(above, make_workspace().slug)


def test_created_workspace_records_its_creator(above: FlaskClient) -> None:
    slug = unique("initech")
    answer = post(above, "/admin/workspaces/new", name="Initech", slug=slug)
    assert answer.status_code == 303
    assert "Initech" in row_of(above, slug)
    assert post(above, "/admin/workspaces/new", name="Initech", slug=slug).status_code == 409
    assert post(above, "/admin/workspaces/new", name="Initech", slug="admin").status_code == 422
    with scoped() as session:
        [found] = session.scalars(select(Workspace.id).where(Workspace.slug == slug))
    [event] = recorded(found, "workspace.create")
    assert (event.actor_name, event.actor_role) == ("Robin Ross", "super-admin")


def test_a_suspended_workspace_refuses_members_and_keys_until_it_is_resumed(
    app: Flask, above: FlaskClient, acme: Workspace
) -> None:
    inside, key = app.test_client(), make_api_key(acme)
    sign_in(inside, make_member(acme))
    headers = {"Authorization": f"Bearer {key}"}

    def answers() -> tuple[int, int]:
        page = inside.get(f"/w/{acme.slug}/audit-logs").status_code
        return page, app.test_client().get("/api/v1/events", headers=headers).status_code

    assert answers() == (200, 200)
    suspend = f"/admin/workspaces/{acme.slug}/suspend"
    assert "Suspend" in post(above, suspend).text
    assert answers() == (200, 200)
    assert post(above, suspend, confirmed="1").status_code == 303
    assert answers() == (403, 403)
    assert 'data-state="suspended"' in row_of(above, acme.slug)
    assert post(above, suspend, confirmed="1").status_code == 409
    assert post(above, f"/admin/workspaces/{acme.slug}/resume").status_code == 303
    assert answers() == (200, 200)
    assert recorded(acme.id, "workspace.suspend")[0].changes == {"state": ["active", "suspended"]}
    assert recorded(acme.id, "workspace.resume")


def test_system_workspace_cannot_be_suspended(above: FlaskClient) -> None:
    assert post(above, "/admin/workspaces/system/suspend", confirmed="1").status_code == 404


def test_users_are_listed_with_their_memberships_and_can_be_disabled(
    app: Flask, above: FlaskClient, acme: Workspace
) -> None:
    person = make_member(acme, Role.AUDITOR)
    browser = app.test_client()
    sign_in(browser, person)
    assert browser.get("/account").status_code == 200
    page = above.get(f"/admin/users?q={person.email}").text
    assert acme.name in page
    assert "Auditor" in page
    assert post(above, f"/admin/users/{person.id}/disable").status_code == 303
    assert browser.get("/account").status_code == 302
    assert post(above, f"/admin/users/{person.id}/disable").status_code == 409
    assert post(above, f"/admin/users/{person.id}/enable").status_code == 303
    assert browser.get("/account").status_code == 302  # the session ended for good
    [event] = recorded(acme.id, "user.disable")
    assert event.targets[0]["id"] == str(person.id)


def test_super_admins_cannot_disable_themselves(client: FlaskClient) -> None:
    me = make_user(is_super_admin=True)
    sign_in(client, me)
    assert post(client, f"/admin/users/{me.id}/disable").status_code == 409


def test_system_page_lists_every_component(above: FlaskClient) -> None:
    page = above.get("/admin/system").text
    parts = ("Database", "Redis", "Queue quick", "Workers", "Sweeper", "Partitions ahead")
    for part in (*parts, "Oldest pending job", "Exports", "Imports", "Mails"):
        assert f'data-part="{part}"' in page


def test_system_page_shows_live_workers_without_asking_them(
    above: FlaskClient,
    worker: WorkerProcess,
    worker_settings: Settings,
    app: Flask,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(app.extensions, "settings", worker_settings)

    def workers() -> str:
        shown = re.search(
            r'data-part="Workers".+?class="num">([^<]+)', above.get("/admin/system").text
        )
        assert shown is not None
        return shown[1]

    eventually(lambda: workers() == "1 alive", "a worker that says it is alive")
    with Redis.from_url(worker_settings.redis_url) as redis:
        heard = redis.zrange(WORKERS_KEY, 0, -1, withscores=True)
        worker.kill()
        # As after a silence that is one second too long.
        silence = ALIVE_FOR.total_seconds() + 1
        redis.zadd(WORKERS_KEY, {name: at - silence for name, at in heard})
    assert workers() == "None is alive"


def oldest_pending(session: Session) -> datetime | None:
    asked = [each.oldest for each in backlogs(session, KINDS)]
    return min((moment for moment in asked if moment), default=None)


def test_the_oldest_pending_job_is_an_export_or_an_import(app: Flask) -> None:
    now = datetime.now(UTC)
    company = Company.found(app)
    with app.app_context(), platform_session(JOBS) as session:
        before = oldest_pending(session) or now
        made = company.upload()
        for asked in (before - timedelta(days=1), before - timedelta(days=2)):
            with as_owner(company.workspace.id) as own:
                own.get_one(Import, (company.workspace.id, made)).created_at = asked
                own.commit()
            session.rollback()
            assert oldest_pending(session) == asked
        with scoped(company.workspace.id) as own:
            own.get_one(Import, (company.workspace.id, made)).state = "cancelled"
            own.commit()


def test_high_error_rates_and_long_retention_are_highlighted(
    above: FlaskClient, acme: Workspace
) -> None:
    with as_owner(acme.id) as session:
        session.get_one(Workspace, acme.id).retention_days = 730
        session.commit()
    row = row_of(above, acme.slug)
    assert 'class="end num err-hi"' in row
    assert "2 years" in row
    calm = make_workspace()
    append_events(calm, [event_input()])
    assert "err-hi" not in row_of(above, calm.slug)


def test_log_of_all_workspaces_requires_a_reason(above: FlaskClient, acme: Workspace) -> None:
    asked = above.get("/admin/audit-logs")
    assert asked.status_code == 200
    assert 'id="reason-form"' in asked.text
    assert rows_of(above, "/admin/audit-logs") == []
    fragment = above.get("/admin/audit-logs/count", headers=PARTIAL)
    assert fragment.status_code == 403
    assert fragment.headers["HX-Redirect"].startswith("/admin/access?")
    say_why(above)
    assert rows_of(above, "/admin/audit-logs")


def test_reason_for_one_workspace_is_recorded_there_and_opens_no_other(
    above: FlaskClient, acme: Workspace
) -> None:
    other = make_workspace()
    append_events(other, [event_input()])
    say_why(above, acme.slug, reason="Case 4711")
    assert len(rows_of(above, f"/admin/audit-logs?workspace={acme.slug}")) == 3
    assert rows_of(above, f"/admin/audit-logs?workspace={other.slug}") == []
    both = f"/admin/audit-logs?workspace={acme.slug}&workspace={other.slug}"
    assert rows_of(above, both) == []
    [event, look] = recorded(acme.id, "platform.access")
    assert event.metadata == {"reason": "Case 4711", "scope": "workspace"}
    assert look.metadata.items() >= event.metadata.items()
    assert told_of(look) == ("rows", "Everything", "", 3, 1)
    assert (event.actor_name, event.actor_role, event.status) == (
        "Robin Ross",
        "super-admin",
        "success",
    )
    assert recorded(other.id, "platform.access") == []


def test_reason_for_all_is_recorded_once_in_each_workspace_shown(
    above: FlaskClient, acme: Workspace
) -> None:
    say_why(above, reason="Incident review")
    assert recorded(acme.id, "platform.access") == []
    for _ in range(2):
        assert rows_of(above, f"/admin/audit-logs?workspace={acme.slug}")
    [event] = recorded(acme.id, "platform.access")
    said = {"reason": "Incident review", "scope": "every workspace"}
    assert event.metadata.items() >= said.items()
    assert told_of(event) == ("rows", "Everything", "", 2, 1)
    assert recorded(SYSTEM_WORKSPACE_ID, "platform.access")


def test_reason_expires_after_an_hour_and_the_next_is_recorded_again(
    above: FlaskClient, acme: Workspace, owner_engine: Engine
) -> None:
    log = f"/admin/audit-logs?workspace={acme.slug}"
    say_why(above, acme.slug, reason="Support case 4711")
    assert len(rows_of(above, log)) > 0
    with owner_engine.begin() as connection:  # no policy lets anybody change what was said
        connection.execute(text("ALTER TABLE platform_accesses DISABLE ROW LEVEL SECURITY"))
        given = update(PlatformAccess).where(PlatformAccess.tenant == acme.id)
        connection.execute(given.values(given_at=PlatformAccess.given_at - HOLDS_FOR))
        connection.execute(text("ALTER TABLE platform_accesses ENABLE ROW LEVEL SECURITY"))
    assert rows_of(above, log) == []
    assert 'name="reason"' in above.get(log).text
    say_why(above, acme.slug, reason="Support case 4712")
    assert len(rows_of(above, log)) > 0
    told = [event.metadata for event in recorded(acme.id, "platform.access")]
    assert [each["reason"] for each in told if "look" not in each] == [
        "Support case 4711",
        "Support case 4712",
    ]


def test_event_opens_only_with_a_reason_for_its_workspace(
    above: FlaskClient, acme: Workspace
) -> None:
    say_why(above)
    [row, *_] = rows_of(above, f"/admin/audit-logs?workspace={acme.slug}")
    url = f"/admin/audit-logs/{acme.slug}/{row}"
    assert 'id="reason-form"' in above.get(url).text
    assert above.get(f"{url}/related", headers=PARTIAL).status_code == 403
    say_why(above, acme.slug)
    assert 'id="reason-form"' not in above.get(url).text
    assert above.get(f"{url}/related", headers=PARTIAL).status_code == 200


def test_reason_form_redirects_only_within_the_site(above: FlaskClient) -> None:
    wanted = "/admin/audit-logs?status=error"
    answer = post(above, "/admin/access", reason="Case 4711", next=wanted)
    assert answer.headers["Location"] == wanted
    answer = post(above, "/admin/access", reason="Case 4711", next="https://evil.example/")
    assert answer.headers["Location"] == "/admin/audit-logs"


@pytest.mark.parametrize("reason", ["", "  ", "ab", "x" * 501, "a\x00bc"])
def test_blank_reason_is_refused(above: FlaskClient, reason: str) -> None:
    assert post(above, "/admin/access", reason=reason).status_code == 422


def test_export_across_workspaces_needs_a_reason_and_is_recorded_in_each(
    above: FlaskClient, acme: Workspace
) -> None:
    wanted = {"format": "csv", "workspace": acme.slug}
    assert post(above, "/admin/exports", **wanted).status_code == 403
    assert recorded(acme.id, "export.requested") == []
    say_why(above)
    assert post(above, "/admin/exports", **wanted).status_code == 200
    assert len(recorded(acme.id, "platform.access")) == 1
    assert len(recorded(acme.id, "export.requested")) == 1


def test_exports_of_others_are_listed_without_a_link(
    app: Flask, above: FlaskClient, acme: Workspace
) -> None:
    inside = app.test_client()
    sign_in(inside, make_member(acme))
    assert post(inside, f"/w/{acme.slug}/exports", format="csv").status_code == 200
    [export_id] = re.findall(r'data-export-id="([^"]+)"', inside.get("/exports").text)
    assert f'data-export-id="{export_id}"' in above.get("/admin/exports").text
    assert above.get(f"/admin/exports/{export_id}").status_code == 404


def test_super_admin_without_workspaces_lands_on_the_log_of_all_workspaces(
    above: FlaskClient,
) -> None:
    assert above.get("/audit-logs").headers["Location"] == "/admin/audit-logs"


def test_no_page_keeps_a_connection_of_the_platform_pool(app: Flask, above: FlaskClient) -> None:
    with app.app_context():
        pool = db.engines[PLATFORM_BIND].pool
        assert isinstance(pool, QueuePool)
    held: list[dict[str, Any]] = []

    def hold(_: Flask, **_event: Any) -> None:
        """Hold a reference, so that an unclosed session is not closed by garbage collection."""
        held.append(dict(vars(g._get_current_object())))

    with request_finished.connected_to(hold, app):
        answers = [above.get(f"/admin/{page}").status_code for page in PAGES]
    assert (answers, pool.checkedout()) == ([200] * len(PAGES), 0)
