"""Every route asks who is there: nothing of a workspace is answered to a stranger."""

from __future__ import annotations

from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from tests.factories import csrf_token, make_user, make_workspace, sign_in

OPEN = {
    "static",
    "accounts.sign_in_page",
    "accounts.sign_in",
    "health.alive",
    "health.ready",
    "health.metrics",  # of the operator: tests/functional/test_metrics.py
    "invitations.show",
    "invitations.accept",
    "accounts.second_factor_page",
    "accounts.give_second_factor",
    "passkeys.sign_in",
    "passkeys.sign_in_options",
    "password_reset.ask_page",
    "password_reset.ask",
    "password_reset.show",
    "password_reset.choose",
}
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
        and rule.endpoint not in OPEN
        and not rule.rule.startswith("/api/")
    ]


def test_a_stranger_gets_nothing_of_a_workspace(app: Flask, client: FlaskClient) -> None:
    workspace = make_workspace()
    sign_in(client, make_user())
    token = csrf_token(client)
    answers = {
        (method, url): client.open(url, method=method, data={"csrf_token": token}).status_code
        for _, method, url in requests(app, workspace.slug)
        if f"/w/{workspace.slug}/" in url
    }
    assert answers
    assert {key: status for key, status in answers.items() if status != 404} == {}


def test_an_ordinary_person_finds_no_admin_pages(app: Flask, client: FlaskClient) -> None:
    sign_in(client, make_user())
    token = csrf_token(client)
    admin = [r for r in requests(app, "x") if r[2].startswith("/admin")]
    assert admin
    for _, method, url in admin:
        assert client.open(url, method=method, data={"csrf_token": token}).status_code == 404


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_a_signed_out_person_is_asked_to_sign_in(app: Flask, method: str) -> None:
    workspace = make_workspace()
    for endpoint, own, url in requests(app, workspace.slug):
        if own == method:
            answer = app.test_client().open(url, method=method)
            assert answer.status_code in (302, 400, 401), (endpoint, answer.status_code)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_changes_without_a_csrf_token(app: Flask, client: FlaskClient, method: str) -> None:
    workspace = make_workspace()
    sign_in(client, make_user())
    for endpoint, own, url in requests(app, workspace.slug):
        if own == method:
            assert client.open(url, method=method).status_code == 400, endpoint
