"""``/api/v1``: what applications call, with a workspace's key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from flask import Flask, Response, current_app, request
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from auditsaas import current_request
from auditsaas.access.form_protection import csrf
from auditsaas.api import access, docs, events, exports, feed, limits, openapi
from auditsaas.api.blueprint import api, log_tiles
from auditsaas.api.evidence import proofs, tiles
from auditsaas.api.evidence.witness import witness
from auditsaas.api.ingest import views as ingest
from auditsaas.api.problems import PROBLEM_TYPE, problem
from auditsaas.db import failures
from auditsaas.errors import DomainError
from auditsaas.extensions import db
from auditsaas.first_run import refusals
from auditsaas.first_run.refusals import Refusals

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LOGS = "/v1/logs"
SENDING = frozenset({"api.post_events", "api.post_logs"})

__all__ = [
    "access",
    "api",
    "events",
    "exports",
    "feed",
    "ingest",
    "install",
    "openapi",
    "proofs",
    "tiles",
]


def install(app: Flask) -> None:
    limits.install(app)
    for blueprint in (api, log_tiles):
        app.register_blueprint(blueprint)
    app.register_blueprint(docs.docs)
    app.register_blueprint(witness)
    csrf.exempt(api)
    csrf.exempt(witness)
    app.wsgi_app = _at_the_usual_place(app.wsgi_app)  # type: ignore[assignment, method-assign]  # Flask's way


def _at_the_usual_place(wsgi_app: WSGIApplication) -> WSGIApplication:
    """Serve ``/v1/logs`` as the API's own address, for exporters that know the server alone."""

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") == LOGS:
            environ["PATH_INFO"] = f"/api{LOGS}"
        return wsgi_app(environ, start_response)

    return serve


@api.after_request
@log_tiles.after_request
def _say_how_to_authenticate(response: Response) -> Response:
    """Name the wanted scheme in a 401 (RFC 9110, section 11.6.1)."""
    if response.status_code == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="AuditSaaS"'
    return response


@api.after_request
def _say_it_as_otlp(response: Response) -> Response:
    """Encode a refusal in protobuf for an exporter that speaks it."""
    if (
        request.endpoint == "api.post_logs"
        and request.mimetype == "application/x-protobuf"
        and response.mimetype == PROBLEM_TYPE
    ):
        from auditsaas.api.ingest import otlp

        return otlp.as_status(response, (response.get_json() or {}).get("detail", ""))
    return response


@api.after_request
def _tell_who_waits(response: Response) -> Response:
    """Keep why an event was refused, for the page that waits for the first of its workspace."""
    if request.endpoint in SENDING and 400 <= response.status_code < 500:
        kept = cast(Refusals, current_app.extensions[refusals.EXTENSION])
        told = response.get_json(silent=True) or {}
        detail = str(told.get("detail") or told.get("title") or "")
        wrong = [each for event in told.get("rejected", []) for each in event.get("errors", [])]
        if wrong:
            detail = f"{wrong[0].get('field', '')} {wrong[0].get('message', '')}".strip()
        kept.note(request.headers.get("Authorization", ""), response.status_code, detail)
    return response


@api.after_request
def _prove_refused_key(response: Response) -> Response:
    """Ask for a remembered key before an answer that no append proved it for, and refuse it."""
    if not access.is_recalled() or response.status_code >= 500:
        return response
    try:
        access.prove_key()
    except (DomainError, OperationalError, InterfaceError, PoolTimeout) as error:
        return current_app.make_response(current_app.handle_user_exception(error))
    return response


@api.errorhandler(OperationalError)
@api.errorhandler(InterfaceError)
@api.errorhandler(PoolTimeout)
@log_tiles.errorhandler(OperationalError)
@log_tiles.errorhandler(InterfaceError)
@log_tiles.errorhandler(PoolTimeout)
def _database_away(error: Exception) -> Response:
    failure = failures.note(error, current_request.request_id())
    db.session.rollback()
    current_request.unavailable(failure.reason)
    response = problem(503, "Unavailable", failure.api_detail)
    response.headers["Retry-After"] = str(failure.retry_after)
    return response
