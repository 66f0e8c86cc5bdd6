"""Every form wants a token of the session that it was given to."""

from __future__ import annotations

from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from tests.architecture.needs import OPEN
from tests.support.factories import csrf_token, make_user, make_workspace, sign_in

SAMPLES = {"fragment": "count", "filename": "app.css"}


def address(rule: Rule, slug: str) -> str:
    values = {
        name: slug if name == "slug" else SAMPLES.get(name, str(uuid4())) for name in rule.arguments
    }
    built = rule.build(values)
    assert built is not None
    return built[1]


def requests(app: Flask, slug: str) -> list[tuple[str, str, str]]:
    """Every endpoint's method and address."""
    return [
        (rule.endpoint, method, address(rule, slug))
        for rule in app.url_map.iter_rules()
        for method in sorted(rule.methods or ())
        if method not in ("HEAD", "OPTIONS")
        and rule.endpoint not in OPEN - {"accounts.sign_out"}
        and not rule.rule.startswith("/api/")
    ]


@pytest.mark.parametrize("token", ["missing", "forged", "stale", "of another session"])
def test_every_changing_route_requires_the_sessions_csrf_token(
    app: Flask, client: FlaskClient, token: str
) -> None:
    workspace, other = make_workspace(), app.test_client()
    stale = csrf_token(client)
    sign_in(client, make_user())
    sign_in(other, make_user())
    given = {"forged": "x" * 91, "stale": stale, "of another session": csrf_token(other)}
    form = {"csrf_token": given[token]} if token in given else {}
    asked = [r for r in requests(app, workspace.slug) if r[1] != "GET"]
    assert len(asked) > 50
    for endpoint, method, url in asked:
        answer = client.open(url, method=method, data=form)
        assert answer.status_code == 400, endpoint
        assert "Page out of date" in answer.text
