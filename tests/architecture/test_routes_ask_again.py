"""Every route by which something is managed asks again who one is, or says here why not."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from auditsaas.access import loaders
from auditsaas.permissions import Permission
from tests.architecture.needs import PLATFORM, WORKSPACE
from tests.support.asking import confirmed_ago
from tests.support.factories import csrf_token, make_member, make_user, make_workspace, sign_in

NOT_ASKED = {
    "workspace_settings.cancel_change": "to cancel takes nothing away, and may be urgent",
    "workspace_access.decline": "to refuse gives nothing away, and may be urgent",
    "erasures.cancel": "to cancel takes nothing away, and may be urgent",
    "imports.upload": "adds events, whose file cannot be kept while one is asked",
    "imports.cancel": "stops adding events",
    "import_mappings.preview": "keeps nothing",
    "import_mappings.save": "says how files are read, and gives no rights",
    "import_mappings.remove": "takes no event away",
    "onboarding.hide_steps": "hides a list of first steps, and gives no rights",
    "superadmin.give_reason": "changes nothing of anybody's; the look is recorded",
}
NAMELESS = "00000000-0000-7000-8000-0000000000ff"


def posts(app: Flask, names: set[str]) -> list[Any]:
    return [
        rule
        for rule in app.url_map.iter_rules()
        if rule.endpoint in names and "POST" in (rule.methods or ())
    ]


def managing(app: Flask) -> list[Any]:
    needed = {name for name, need in WORKSPACE.items() if need.permission.name.endswith("_MANAGE")}
    return posts(app, needed | PLATFORM)


def answers(app: Flask, client: FlaskClient, slug: str) -> dict[str, int]:
    """The status of each of these routes, posted with nothing but a token."""
    found = {}
    for rule in managing(app):
        values = dict.fromkeys(rule.arguments, NAMELESS) | {"slug": slug}
        url = rule.build(values, append_unknown=False)[1]
        found[rule.endpoint] = client.post(url, data={"csrf_token": csrf_token(client)}).status_code
    return found


@pytest.fixture
def stale(app: Flask, engine: object) -> tuple[FlaskClient, str]:
    """The browser of an admin and super-admin who signed in long ago."""
    workspace = make_workspace()
    client = app.test_client()
    sign_in(client, make_member(workspace, user=make_user(is_super_admin=True)))
    confirmed_ago(client)
    return client, workspace.slug


def test_every_managing_route_asks_again_or_is_listed(
    app: Flask, stale: tuple[FlaskClient, str]
) -> None:
    found = answers(app, *stale)
    assert len(found) > 20
    assert {name for name, status in found.items() if status != 401} == NOT_ASKED.keys()


def test_route_that_does_not_ask_is_noticed(
    app: Flask, stale: tuple[FlaskClient, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: one permission of which nothing is asked again."""
    kept = loaders.ASKED_AGAIN - {Permission.API_KEY_MANAGE}
    monkeypatch.setattr(loaders, "ASKED_AGAIN", kept)
    found = answers(app, *stale)
    unasked = {name for name, status in found.items() if status != 401} - NOT_ASKED.keys()
    assert unasked == {"api_keys.create", "api_keys.revoke", "onboarding.make_key"}


def test_routes_ask_nothing_after_a_fresh_sign_in(app: Flask, engine: object) -> None:
    workspace = make_workspace()
    client = app.test_client()
    sign_in(client, make_member(workspace))
    assert 401 not in answers(app, client, workspace.slug).values()
