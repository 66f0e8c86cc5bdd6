"""Every form wants a token of the session that it was given to."""

from __future__ import annotations

from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from tests.architecture.needs import OPEN
from tests.factories import make_user, make_workspace, sign_in

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


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_changes_without_a_csrf_token(app: Flask, client: FlaskClient, method: str) -> None:
    workspace = make_workspace()
    sign_in(client, make_user())
    for endpoint, own, url in requests(app, workspace.slug):
        if own == method:
            assert client.open(url, method=method).status_code == 400, endpoint
