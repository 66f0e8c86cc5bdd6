"""Whatever a super-admin reads of a workspace, its log tells of: one line for every address.

The table is made from the addresses themselves, so a new one fails until it stands here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from auditsaas.app import create_app
from auditsaas.db.platform import Look, platform_session
from auditsaas.events.models import events
from auditsaas.pages.audit_log.partials import FRAGMENTS
from config.settings import Settings
from tasks.platform_access import tell_looks
from tests.support.company import Company
from tests.support.factories import csrf_token, make_user, say_why, sign_in
from tests.support.htmx import PARTIAL
from tests.support.left_over import end_all_looks

Ask = Callable[[Company], str]


def of_log(path: str, query: str = "") -> Ask:
    """An address of the log across workspaces, narrowed to the company's own word."""
    return lambda company: f"/admin/audit-logs{path}?q={company.mark}{query}"


READS: dict[str, tuple[str, Ask]] = {
    "/admin/audit-logs": ("rows", of_log("")),
    "/admin/audit-logs/count": ("count", of_log("/count")),
    "/admin/audit-logs/facets": ("facets", of_log("/facets")),
    "/admin/audit-logs/histogram": ("histogram", of_log("/histogram")),
    "/admin/audit-logs/latency": ("latency", of_log("/latency")),
    "/admin/audit-logs/tail": ("tail", of_log("/tail")),
    "/admin/audit-logs/users": (
        "users",
        lambda company: f"/admin/audit-logs/users?term={company.admin.email}",
    ),
    "/admin/audit-logs/without": ("without", of_log("/without", "&status=error")),
    "/admin/audit-logs/suggest": (
        "suggestions",
        lambda company: f"/admin/audit-logs/suggest?q=user:{company.admin.email}",
    ),
    "/admin/audit-logs/<slug>/<event_id>": (
        "event",
        lambda company: f"/admin/audit-logs/{company.workspace.slug}/{company.event()}",
    ),
    "/admin/audit-logs/<slug>/<event_id>/related": (
        "related events",
        lambda company: f"/admin/audit-logs/{company.workspace.slug}/{company.event()}/related",
    ),
    "/admin/exports": ("list of exports", lambda _: "/admin/exports"),
    "/admin/exports/preflight": (
        "size of an export",
        lambda company: f"/admin/exports/preflight?q={company.mark}",
    ),
    "/admin/workspaces": (
        "figures of workspaces",
        lambda company: f"/admin/workspaces?q={company.mark}",
    ),
    "/admin/users": (
        "people and their workspaces",
        lambda company: f"/admin/users?q={company.admin.email}",
    ),
}
"""Every address that shows something of workspaces: what its event calls it; how it is asked."""

OF_OWN_EXPORT = {
    "/admin/exports/<uuid:export_id>": "own export",
    "/admin/exports/<uuid:export_id>/download": "export.downloaded",
    "/admin/exports/progress": "own export",
}
"""What a super-admin sees of an export that they asked for themselves."""

TELLS_NOTHING = {
    "/admin": "leads to the workspaces page",
    "/admin/workspaces/new": "an empty form",
    "/admin/members/new": "a form, which names the workspace that it is for, and nothing within",
    "/admin/access": "the form that asks why",
    "/admin/access/requests": "what super-admins themselves asked for, and of which workspaces",
    "/admin/system": "the installation's parts; what waits is counted for all workspaces together",
}
"""Addresses that hold nothing of a workspace, and why."""


def addresses(app: Flask) -> set[str]:
    """Every address below ``/admin`` that can be read, a fragment of the log by its name."""
    found = {
        rule.rule
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/admin") and "GET" in (rule.methods or ())
    }
    log = "/admin/audit-logs/<fragment>"
    return (found - {log}) | {log.replace("<fragment>", name) for name in FRAGMENTS}


def unlisted(app: Flask) -> set[str]:
    return addresses(app) - READS.keys() - OF_OWN_EXPORT.keys() - TELLS_NOTHING.keys()


@pytest.fixture(scope="module")
def company(app: Flask, owner_engine: Engine) -> Company:
    end_all_looks(owner_engine)
    made = Company.found(app)
    made.event()
    made.export()
    return made


@pytest.fixture
def above(app: Flask, company: Company) -> FlaskClient:
    """The browser of a super-admin who has said why, for all and for the company by name."""
    client = app.test_client()
    sign_in(client, make_user(name="Robin Ross", is_super_admin=True))
    say_why(client)
    say_why(client, company.workspace.slug)
    return client


def read(client: FlaskClient, url: str) -> TestResponse:
    whole = url.startswith(("/admin/workspaces", "/admin/users")) or url == "/admin/exports"
    return client.get(url, headers={} if whole else PARTIAL)


def told(app: Flask, company: Company, answer: TestResponse) -> list[Any]:
    """The events of the company's log that a request left, once all that waits is told."""
    with app.app_context():
        tell_looks()
        with platform_session(Look.at(company.workspace.id)) as session:
            name = events.c.request_id == answer.headers["X-Request-ID"]
            return list(session.execute(select(events).where(name)).all())


def test_every_address_of_super_admins_is_listed(app: Flask) -> None:
    assert unlisted(app) == set()
    listed = READS.keys() | OF_OWN_EXPORT.keys() | TELLS_NOTHING.keys()
    assert listed == addresses(app)


def test_new_address_fails_until_it_is_listed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    grown = create_app(settings)
    grown.add_url_rule("/admin/peek", "superadmin.peek", lambda: "")
    monkeypatch.setitem(FRAGMENTS, "heatmap", FRAGMENTS["count"])
    assert unlisted(grown) == {"/admin/peek", "/admin/audit-logs/heatmap"}


@pytest.mark.parametrize("address", READS)
def test_workspace_is_told_of_what_was_read_of_it(
    app: Flask, company: Company, above: FlaskClient, address: str
) -> None:
    kind, ask = READS[address]
    answer = read(above, ask(company))
    assert answer.status_code == 200, answer.text
    looks = [event.metadata["look"] for event in told(app, company, answer)]
    assert looks == [kind]


def own_export(client: FlaskClient, company: Company) -> str:
    """The file that a super-admin has asked for of the company."""
    form = {"csrf_token": csrf_token(client), "format": "csv", "workspace": company.workspace.slug}
    assert client.post("/admin/exports", data=form).status_code == 200
    export_id = re.findall(r'data-export-id="([^"]+)"', client.get("/admin/exports").text)[0]
    return str(export_id)


@pytest.mark.parametrize("address", OF_OWN_EXPORT)
def test_workspace_is_told_of_an_export_that_is_seen_or_downloaded(
    app: Flask, company: Company, above: FlaskClient, address: str
) -> None:
    export_id = own_export(above, company)
    url = address.replace("<uuid:export_id>", export_id)
    follows = address.endswith("/progress")
    answer = above.get(f"{url}?export={export_id}", headers=PARTIAL if follows else {})
    assert answer.status_code == 200
    left = told(app, company, answer)
    assert OF_OWN_EXPORT[address] in {
        name for event in left for name in (event.activity, (event.metadata or {}).get("look"))
    }
