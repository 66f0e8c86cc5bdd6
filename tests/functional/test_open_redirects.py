"""Every page that sends people on, with every address that could lead them away."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from auditsaas.accounts.forms import HOME
from tests.support import factories
from tests.support.factories import PASSWORD, csrf_token, make_user
from tests.unit.accounts.test_own_path import HOSTILE

Visit = Callable[[FlaskClient, str], TestResponse]


def post(client: FlaskClient, path: str, **fields: str) -> TestResponse:
    return client.post(path, data={"csrf_token": csrf_token(client), **fields})


def submit_sign_in(client: FlaskClient, address: str) -> TestResponse:
    return post(client, "/login", email=make_user().email, password=PASSWORD, next=address)


def open_sign_in(client: FlaskClient, address: str) -> TestResponse:
    factories.sign_in(client, make_user())
    return client.get("/login", query_string={"next": address})


def open_second_factor(client: FlaskClient, address: str) -> TestResponse:
    factories.sign_in(client, make_user())
    return client.get("/login/second-factor", query_string={"next": address})


def choose_columns(client: FlaskClient, address: str) -> TestResponse:
    factories.sign_in(client, make_user())
    return post(client, "/account/table", density="compact", next=address)


def give_reason(client: FlaskClient, address: str) -> TestResponse:
    factories.sign_in(client, make_user(is_super_admin=True))
    return post(client, "/admin/access", reason="Support case 4711", next=address)


WAYS: dict[str, tuple[Visit, str]] = {
    "submitting the sign-in": (submit_sign_in, HOME),
    "opening the sign-in page": (open_sign_in, HOME),
    "opening the second step": (open_second_factor, HOME),
    "choosing columns": (choose_columns, HOME),
    "giving a reason": (give_reason, "/admin/audit-logs"),
}


@pytest.mark.parametrize("way", WAYS)
def test_redirect_never_leaves_the_site(app: Flask, way: str) -> None:
    visit, home = WAYS[way]
    for address in HOSTILE:
        answer = visit(app.test_client(), address)
        assert answer.status_code in (302, 303)
        assert answer.location == home, address


@pytest.mark.parametrize("way", WAYS)
def test_redirect_to_an_internal_page_is_followed(app: Flask, way: str) -> None:
    """The control: the address is looked at, and not merely dropped."""
    assert WAYS[way][0](app.test_client(), "/exports?x=1").location == "/exports?x=1"


def test_forged_referrer_never_leaves_the_site(client: FlaskClient) -> None:
    factories.sign_in(client, make_user())
    for origin in ("https://evil.example/x", "http://localhost.evil.example/", "//evil.example"):
        form = {"theme": "dark", "csrf_token": csrf_token(client)}
        answer = client.post("/account/theme", data=form, headers={"Referer": origin})
        assert answer.location == HOME
