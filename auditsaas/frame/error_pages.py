"""Every error as an answer: a page, a fragment for htmx, or a problem document for the API."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Flask, Response, current_app, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from auditsaas import current_request
from auditsaas.access.browser import signed_in
from auditsaas.accounts.forms import own_path
from auditsaas.api.problems import problem
from auditsaas.db import failures
from auditsaas.errors import DomainError, InvalidFields, TooOften
from auditsaas.extensions import db, login_manager
from auditsaas.frame.admission import OPEN_FORMS

TRY_AGAIN = "Nothing was changed. Try again; if it fails again, tell your operator the id below."
WORDS = {
    400: ("Bad request", "The request cannot be understood."),
    404: ("Not found", "There is nothing at this address."),
    405: ("Not allowed here", "This address does not take that kind of request."),
    408: ("Too slow", "The request came too slowly, and was given up. Nothing was changed."),
    411: ("Length required", "A form says how long it is."),
    413: ("Too large", "The request is larger than this address takes."),
    500: ("Something failed", TRY_AGAIN),
    503: (failures.AWAY.title, failures.AWAY.message),
}
STALE_FORM = (
    "This page is out of date, or was signed in by another session. Reload it and try again."
)


def install(app: Flask) -> None:
    app.register_error_handler(DomainError, refused)
    app.register_error_handler(CSRFError, _stale_form)
    app.register_error_handler(HTTPException, _http_error)
    for away in (OperationalError, InterfaceError, PoolTimeout):
        app.register_error_handler(away, _database_away)
    app.register_error_handler(ProgrammingError, _refused_by_database)


def refused(error: DomainError) -> AnyResponse:
    """Answer with the error's status and words."""
    db.session.rollback()
    members: dict[str, Any] = {}
    if isinstance(error, InvalidFields):
        members["errors"] = [
            {"field": wrong.field, "message": wrong.message} for wrong in error.errors
        ]
    current_request.unavailable(error.reason)
    response = _answer(error.status, error.title, str(error), **members)
    if isinstance(error, TooOften):
        response.headers["Retry-After"] = str(error.seconds)
    return response


def _stale_form(error: CSRFError) -> AnyResponse:
    if not signed_in() and request.endpoint not in OPEN_FORMS:
        return make_response(login_manager.unauthorized())
    return _answer(400, "Page out of date", STALE_FORM, reload_url=_page_of_origin())


def _way_on(reload_url: str | None) -> dict[str, str] | None:
    """Return where an error's page leads: for a refused form, back to it as it was."""
    if reload_url:
        return {"url": reload_url, "label": "Reload the page"}
    origin = _page_of_origin() if request.method == "POST" else None
    return {"url": origin, "label": "Back to where you were"} if origin else None


def _page_of_origin() -> str | None:
    return own_path(current_request.page_of_origin() or "")


def _http_error(error: HTTPException) -> AnyResponse:
    status = error.code or 500
    if status < 400:
        return error.get_response()
    if status >= 500:
        db.session.rollback()
    title, message = WORDS.get(status, (error.name, error.description or error.name))
    response = _answer(status, title, message)
    for name, value in error.get_headers():
        if name not in ("Content-Type", "Content-Length"):
            response.headers[name] = value
    return response


def _database_away(error: Exception) -> AnyResponse:
    failure = failures.note(error, current_request.request_id())
    db.session.rollback()
    current_request.unavailable(failure.reason)
    response = _answer(503, failure.title, failure.message)
    response.headers["Retry-After"] = str(failure.retry_after)
    return response


def _refused_by_database(error: ProgrammingError) -> AnyResponse:
    """Answer where the database does not know this process's key; else raise it again."""
    if not failures.is_unsigned(error):
        raise error
    return _database_away(error)


def _answer(
    status: int, title: str, message: str, *, reload_url: str | None = None, **members: object
) -> AnyResponse:
    if current_request.is_api():
        document = problem(
            status, title, message, request_id=current_request.request_id(), **members
        )
        if status == HTTPStatus.UNAUTHORIZED:
            document.headers["WWW-Authenticate"] = "Bearer"  # RFC 9110, section 15.5.2
        return document
    template = "errors/_fragment.html" if current_request.is_partial() else "errors/error.html"
    try:
        body = render_template(
            template,
            status=status,
            title=title,
            message=message,
            request_id=current_request.request_id(),
            action=_way_on(reload_url),
            reload_url=reload_url,
        )
    except Exception:
        # The page itself needs the database, or is what failed; say it in plain text.
        current_app.logger.exception("%s: the error page failed", current_request.request_id())
        text = f"{title}\n{message}\n{status} {current_request.request_id()}\n"
        return Response(text, status, mimetype="text/plain")
    return make_response(body, status)
