"""``/api/v1``: what applications call, with a workspace's key."""

from __future__ import annotations

from flask import Flask, Response
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from auditsaas.api import access, docs, events, exports, feed, limits, openapi
from auditsaas.api.blueprint import api
from auditsaas.api.ingest import views as ingest
from auditsaas.api.problems import problem
from auditsaas.extensions import csrf, db

__all__ = ["access", "api", "events", "exports", "feed", "ingest", "install", "openapi"]


def install(app: Flask) -> None:
    limits.install(app, app.extensions["settings"])
    app.register_blueprint(api)
    app.register_blueprint(docs.docs)
    csrf.exempt(api)


@api.after_request
def _say_how_to_authenticate(response: Response) -> Response:
    """RFC 9110, section 11.6.1: a 401 names the scheme that it wants."""
    if response.status_code == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="AuditSaaS"'
    return response


@api.errorhandler(OperationalError)
@api.errorhandler(InterfaceError)
@api.errorhandler(PoolTimeout)
def _database_away(error: Exception) -> Response:
    db.session.rollback()
    response = problem(503, "Unavailable", "The database does not answer. Send it again.")
    response.headers["Retry-After"] = "2"
    return response
