"""Headers of every answer, and the wording of errors."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import OperationalError

from auditsaas.app import create_app
from auditsaas.errors import FieldError, InvalidFields
from auditsaas.events.models import events
from auditsaas.events.system_log import SYSTEM_WORKSPACE_ID
from auditsaas.extensions import db
from auditsaas.notifications.models import Notification
from auditsaas.permissions import Role
from auditsaas.version import version
from config.settings import Settings
from tests.support import factories
from tests.support.factories import make_member, make_user, make_workspace
from tests.support.outside import settle_accounts

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " font-src 'self'; connect-src 'self'; form-action 'self';"
    " frame-ancestors 'none'; base-uri 'none'"
)


@pytest.fixture(scope="module")
def production(settings: Settings, engine: Engine) -> Flask:
    """The application as production configures it, with views that fail on purpose."""
    made = create_app(
        replace(settings, base_url="https://logs.example.com", production=True, trusted_proxies=1)
    )

    def crash() -> str:
        raise RuntimeError("a defect")

    def no_database() -> str:
        raise OperationalError("SELECT 1", {}, Exception("gone"))

    def refused() -> str:
        raise InvalidFields([FieldError("name", "is required")])

    for name, view in (("crash", crash), ("no-database", no_database), ("refused", refused)):
        made.add_url_rule(f"/{name}", view_func=view, endpoint=name)
        made.add_url_rule(f"/api/{name}", view_func=view, endpoint=f"api-{name}")
    return made


@pytest.fixture
def visitor(production: Flask) -> FlaskClient:
    return production.test_client()


HTTPS = {"base_url": "https://logs.example.com"}


@pytest.mark.parametrize("address", ["/login", "/audit-logs", "/nothing-here", "/healthz"])
def test_every_response_has_security_headers_and_is_not_cached(
    client: FlaskClient, address: str
) -> None:
    headers = client.get(address).headers
    assert headers["Content-Security-Policy"] == POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert "HX-Request-Type" in headers["Vary"]
    assert "Strict-Transport-Security" not in headers


def test_https_responses_have_hsts(visitor: FlaskClient) -> None:
    headers = visitor.get("/login", **HTTPS).headers
    assert headers["Strict-Transport-Security"] == "max-age=31536000"
    cookie = headers["Set-Cookie"]
    assert cookie.startswith("__Host-session=")
    for attribute in ("Secure", "HttpOnly", "Path=/", "SameSite=Lax"):
        assert attribute in cookie
    assert "Domain" not in cookie


def test_static_files_are_fingerprinted_and_cached_for_a_year(client: FlaskClient) -> None:
    page = client.get("/login").text
    addresses = re.findall(r"/static/[^\"#]+", page)
    assert len(addresses) > 4
    for address in addresses:
        assert re.search(r"\?v=[0-9a-f]{12}$", address), address
        kept = client.get(address).headers["Cache-Control"]
        assert kept == "public, max-age=31536000, immutable", address
    assert "no-cache" in client.get("/static/app.css").headers["Cache-Control"]


def test_valid_request_id_is_kept_and_any_other_replaced(client: FlaskClient) -> None:
    kept = client.get("/healthz", headers={"X-Request-ID": "abc-1"}).headers["X-Request-ID"]
    made = client.get("/healthz", headers={"X-Request-ID": "a b\t<"}).headers["X-Request-ID"]
    assert kept == "abc-1"
    assert re.fullmatch(r"[0-9a-f-]{36}", made)


def test_a_forged_host_is_refused_in_production(visitor: FlaskClient) -> None:
    assert visitor.get("/login", base_url="https://evil.example").status_code == 400
    assert visitor.get("/login", **HTTPS).status_code == 200


def test_client_address_comes_from_the_trusted_hop_only(production: Flask) -> None:
    visitor = production.test_client()
    nobody = f"{factories.unique('nobody')}@example.com"
    page = visitor.get("/login", **HTTPS).text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token
    visitor.post(
        "/login",
        data={"email": nobody, "password": "x", "csrf_token": token[1]},
        headers={"X-Forwarded-For": "6.6.6.6, 203.0.113.9", "Referer": "https://logs.example.com/"},
        **HTTPS,
    )
    settle_accounts(production)
    assert _last_address_of(nobody) == "203.0.113.9"


def _last_address_of(actor_id: str) -> str:
    with factories.scoped(SYSTEM_WORKSPACE_ID) as session:
        return str(
            session.scalar(
                select(events.c.ip).where(
                    events.c.workspace_id == SYSTEM_WORKSPACE_ID, events.c.actor_id == actor_id
                )
            )
        )


def test_a_body_beyond_the_limit_is_refused(client: FlaskClient) -> None:
    assert client.post("/login", data={"email": "x" * 600_000}).status_code == 413


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("/nothing-here", 404, "There is nothing at this address."),
        ("/crash", 500, "Nothing was changed."),
        ("/no-database", 503, "The database does not answer"),
        ("/refused", 422, "name: is required"),
    ],
)
def test_an_error_is_a_page_with_the_request_id(
    visitor: FlaskClient, address: str, status: int, words: str
) -> None:
    answer = visitor.get(address, headers={"X-Request-ID": "req-9"}, **HTTPS)
    assert answer.status_code == status
    assert answer.mimetype == "text/html"
    assert words in answer.text
    assert "req-9" in answer.text
    assert "Traceback" not in answer.text


def test_an_error_is_a_fragment_for_htmx(visitor: FlaskClient) -> None:
    answer = visitor.get(
        "/crash", headers={"HX-Request": "true", "HX-Request-Type": "partial"}, **HTTPS
    )
    assert answer.status_code == 500
    assert "<html" not in answer.text
    assert "Something failed" in answer.text


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/api/nothing-here", 404),
        ("/api/crash", 500),
        ("/api/no-database", 503),
        ("/api/refused", 422),
    ],
)
def test_an_error_of_the_api_is_a_problem_document(
    visitor: FlaskClient, address: str, status: int
) -> None:
    answer = visitor.get(address, **HTTPS)
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert answer.json is not None
    assert answer.json["status"] == status
    if status == 422:
        assert answer.json["errors"] == [{"field": "name", "message": "is required"}]


def test_wrong_method_gets_405_with_the_allowed_methods(client: FlaskClient) -> None:
    answer = client.get("/logout")
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


def test_non_member_gets_404_and_member_without_permission_403(
    client: FlaskClient,
) -> None:
    workspace = make_workspace()
    page = f"/w/{workspace.slug}/audit-logs"
    factories.sign_in(client, make_user())
    assert client.get(page).status_code == 404
    assert client.get("/w/no-such-workspace/audit-logs").status_code == 404
    factories.sign_in(client, make_member(workspace, Role.MEMBER))
    assert client.get(page).status_code == 403


def test_cross_workspace_pages_are_found_by_super_admins_only(client: FlaskClient) -> None:
    factories.sign_in(client, make_member(make_workspace()))
    assert client.get("/admin/audit-logs").status_code == 404
    factories.sign_in(client, make_user(is_super_admin=True))
    assert client.get("/admin/audit-logs").status_code == 200


def test_chosen_theme_is_remembered(client: FlaskClient) -> None:
    factories.sign_in(client, make_member(make_workspace()))
    form = {"theme": "dark", "csrf_token": factories.csrf_token(client)}
    assert client.post("/account/theme", data=form).location == "/"
    assert 'data-theme="dark"' in client.get("/audit-logs").text


def test_unknown_theme_is_refused(client: FlaskClient) -> None:
    factories.sign_in(client, make_user())
    form = {"theme": "plaid", "csrf_token": factories.csrf_token(client)}
    assert client.post("/account/theme", data=form).status_code == 422


def test_navigation_counts_the_persons_own_unread_notifications(
    client: FlaskClient,
) -> None:
    workspace = make_workspace()
    user = make_member(workspace)
    with factories.scoped(user=user.id) as session:
        session.add_all(
            Notification(user_id=user.id, kind="ready", title="Ready", body="") for _ in range(3)
        )
        session.commit()
    factories.sign_in(client, user)
    assert "<b>3<" in client.get("/audit-logs").text
    factories.sign_in(client, make_member(workspace))
    assert "<b>3<" not in client.get("/audit-logs").text


def test_ready_process_answers_200(client: FlaskClient) -> None:
    assert client.get("/healthz").text == f"ok {version()}\n"
    assert client.get("/readyz").json == {"database": "ok", "redis": "ok"}


def test_a_process_without_redis_is_not_ready(settings: Settings, engine: Engine) -> None:
    lonely = create_app(replace(settings, redis_url="redis://127.0.0.1:1/0")).test_client()
    answer = lonely.get("/readyz")
    assert answer.status_code == 503
    assert answer.json == {"database": "ok", "redis": "does not answer"}


def test_connection_lost_after_the_response_is_no_error(app: Flask, engine: Engine) -> None:
    with app.app_context():
        pid = db.session.scalar(text("SELECT pg_backend_pid()"))
        with engine.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
    with app.app_context():
        assert db.session.scalar(text("SELECT pg_backend_pid()")) != pid


def test_error_page_renders_without_a_database(settings: Settings, engine: Engine) -> None:
    away = "postgresql+psycopg://nobody@127.0.0.1:1/nothing?connect_timeout=2"
    lonely = create_app(replace(settings, database_url=away)).test_client()
    lonely.set_cookie("session", "x" * 43)
    answer = lonely.get("/audit-logs")
    assert answer.status_code == 503
    assert "The database does not answer" in answer.text
