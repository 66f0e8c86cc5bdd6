"""The frame around every page: cookies, headers, who is asking, and where files come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from flask import Flask, Request, Response, g, redirect, request, url_for
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response as AnyResponse

from auditsaas import current_request
from auditsaas.access import page_scope, who_asks
from auditsaas.access.browser import BrowserSessions, Identity, browser_session, signed_in
from auditsaas.access.who_asks import AskedPage
from auditsaas.accounts import sessions
from auditsaas.accounts.forms import own_path
from auditsaas.accounts.sent_forms import new_token
from auditsaas.extensions import db, login_manager, settings
from auditsaas.frame import (
    admission,
    bundles,
    error_pages,
    read_recording,
    request_log,
    template_context,
)
from auditsaas.pages.operations import health as health_pages
from auditsaas.pages.operations import metrics_view  # noqa: F401  # joins the blueprint of health
from config.settings import Settings

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"

ICONS = "vendor/tabler-icons-3.51.0/sprite.svg"

MAX_API_BYTES = 6 * 1024 * 1024
YEAR_SECONDS = 31_536_000

COMPRESSED = [
    "application/json",
    "application/problem+json",
    "application/vnd.oai.openapi+json",
    "image/svg+xml",
    "text/css",
    "text/html",
    "text/javascript",
]

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " font-src 'self'; connect-src 'self'; form-action 'self';"
    " frame-ancestors 'none'; base-uri 'none'"
)
THE_LOG = "audit_logs.log"
"""The endpoint whose page shows saved views."""

SAYS_HOW_LONG = frozenset({"log_tiles.read", "verifier.download"})
"""Answers that caches may keep, and that say for how long themselves."""

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # for what does not know frame-ancestors
    # Not no-referrer: the CSRF check over HTTPS needs our own pages to say who they are.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def configuration(settings: Settings) -> dict[str, Any]:
    secure = settings.secure_cookies
    return {
        "SECRET_KEY": settings.secret_key,
        # Signs with the last, and takes what any of them signed.
        "WTF_CSRF_SECRET_KEY": [*reversed(list(settings.secret_keys))],
        "SESSION_COOKIE_NAME": "__Host-session" if secure else "session",
        "SESSION_COOKIE_SECURE": secure,
        "SESSION_PROTECTION": None,  # Flask-Login's own session is not used
        "MAX_CONTENT_LENGTH": admission.MAX_FORM_BYTES,
        "TRUSTED_HOSTS": _trusted_hosts(settings),
        "WTF_CSRF_TIME_LIMIT": None,  # a token lives as long as its session
        "SEND_FILE_MAX_AGE_DEFAULT": None,
        # Pages hold a CSRF token beside what a request asked for; its signature changes by the
        # second, so its length tells nothing that is still true when it has been guessed.
        "COMPRESS_MIMETYPES": COMPRESSED,
        "COMPRESS_ALGORITHM": ["br", "gzip"],
        "COMPRESS_BR_LEVEL": 4,
        "TEMPLATES_AUTO_RELOAD": False,
        "SQLALCHEMY_TRACK_MODIFICATIONS": False,
    }


def install(app: Flask) -> None:
    known = settings(app)
    app.session_interface = BrowserSessions()
    login_manager.request_loader(_load_person)
    login_manager.unauthorized_handler(_ask_to_sign_in)
    # First of all, before the CSRF check, whose refusal also wants an id and a duration.
    app.before_request_funcs.setdefault(None, []).insert(0, _begin)
    admission.install(app)
    app.before_request(_know_the_person)
    app.after_request(_add_headers)
    app.url_defaults(_add_version)
    app.jinja_env.globals["once"] = new_token
    app.jinja_env.globals["sprite"] = _sprite
    app.context_processor(template_context.context)
    bundles.install(app)
    health_pages.install(app)
    error_pages.install(app)
    request_log.install(app)
    read_recording.install(app)
    page_scope.install(app)
    if known.trusted_proxies:
        hops = known.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]  # Flask documents this way


def _trusted_hosts(settings: Settings) -> list[str] | None:
    """Return the trusted hosts of production: its own name, and loopback for health checks."""
    if not settings.production:
        return None
    return [urlsplit(settings.base_url).hostname or "", "localhost", "127.0.0.1"]


def _begin() -> None:
    current_request.begin()
    if current_request.is_api():
        request.max_content_length = MAX_API_BYTES


def _know_the_person() -> None:
    """Look the session up before the view begins work, for its use is noted and committed.

    A probe's thread must not wait for the database, whatever cookie it was sent.
    """
    unasked = request.endpoint == "static" or request.blueprint == health_pages.health.name
    if not unasked and not current_request.is_api():
        signed_in()


def _load_person(asking: Request) -> Identity | None:
    """Load the signed-in person, with their own rows (memberships, notifications) in scope."""
    # An error page asks again after the database failed; the first failure is enough.
    browser = browser_session()
    if current_request.is_api() or not browser.received or g.get("person_unknown"):
        return None
    g.person_unknown = True
    found = who_asks.find(db.session(), browser.session_id, _asked_page())
    if found is not None and found.seen_long_ago:
        sessions.note_use(db.session(), browser.session_id)
        db.session.commit()
    g.person_unknown = False
    g.asking = found
    return found.identity if found is not None else None


def _asked_page() -> AskedPage:
    """Tell what the answer will show of who asks, as far as its address says."""
    is_log = request.endpoint == THE_LOG and not request.path.startswith("/admin/")
    of_one = request.path.startswith("/w/")
    return AskedPage(
        slug=(request.view_args or {}).get("slug") if of_one else None,
        offers_views=is_log,
        counts_unread=is_log and not current_request.is_partial(),
        has_bell=not current_request.is_partial() or request.blueprint == "notifications",
    )


def _ask_to_sign_in() -> AnyResponse:
    """Redirect to the sign-in page, which leads back to the page that was asked for."""
    asked = current_request.own_address() if request.method == "GET" else ""
    if current_request.is_htmx() and not current_request.is_next_page():
        asked = current_request.page_of_origin() or ""
    target = own_path(asked)
    address = "/login" + (f"?next={quote(target, safe='/')}" if target else "")
    if current_request.is_htmx():
        return Response(status=401, headers={"HX-Redirect": address})
    return redirect(address)


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if settings().secure_cookies:
        response.headers["Strict-Transport-Security"] = f"max-age={YEAR_SECONDS}"
    if request.endpoint in request_log.SECRET_ENDPOINTS:
        # What such a page loads is written down by proxies, together with where it was asked from.
        response.headers["Referrer-Policy"] = "strict-origin"
    response.headers["X-Request-ID"] = current_request.request_id()
    response.headers["AuditSaaS-Answer"] = "1"  # what a proxy sends in our place has none
    if response.status_code < 400 and request.endpoint in SAYS_HOW_LONG:
        return response
    if request.endpoint != "static" or response.status_code >= 400:
        response.headers["Cache-Control"] = "no-store"
        response.vary.add("HX-Request-Type")
    elif "v" in request.args:
        response.headers["Cache-Control"] = f"public, max-age={YEAR_SECONDS}, immutable"
    return response


def _add_version(endpoint: str, values: dict[str, Any]) -> None:
    """Address static files by their content, so that they can be kept for a year."""
    if endpoint == "static" and "filename" in values:
        version = bundles.version(values["filename"])
        if version is not None:
            values["v"] = version


def _sprite() -> str:
    """Build the address of the icons, once for all that an answer shows."""
    if "sprite" not in g:
        g.sprite = url_for("static", filename=ICONS)
    address: str = g.sprite
    return address
