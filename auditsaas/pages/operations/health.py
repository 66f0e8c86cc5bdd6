"""For operators: is the process alive, and can it serve."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

import redis
from flask import Blueprint, Flask, Response, current_app, jsonify, make_response
from sqlalchemy import Engine

from auditsaas import current_request
from auditsaas.extensions import settings
from auditsaas.operations import readiness
from auditsaas.version import version

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

health = Blueprint("health", __name__)

EXTENSION = "readiness"
REDIS_TIMEOUT_SECONDS = 0.5


@health.get("/healthz")
def alive() -> Response:
    """Answer ``ok`` and the version, without asking any other part."""
    return Response(f"ok {version()}\n", mimetype="text/plain")


@health.get("/readyz")
def ready() -> Response:
    """Answer 200 when everything is there; 503 naming what is not."""
    parts = {"database": readiness.database(_probe()), "redis": _redis()}
    fine = all(state == "ok" for state in parts.values())
    current_request.unavailable("not ready")
    return make_response(jsonify(parts), 200 if fine else 503)


def install(app: Flask) -> None:
    """Give an application the engine of its probe, and the addresses."""
    app.extensions[EXTENSION] = readiness.engine(settings(app))
    app.register_blueprint(health)
    named = {"/healthz", "/readyz", *(["/metrics"] if settings(app).metrics_token else [])}
    app.wsgi_app = _by_any_name(app.wsgi_app, named)  # type: ignore[assignment, method-assign]  # Flask's way


def _by_any_name(wsgi_app: WSGIApplication, paths: Collection[str]) -> WSGIApplication:
    """Answer these paths by whatever name they are asked: probes know a machine by its address.

    ``/metrics`` is among them where a token opens it; without one a name that a browser on this
    machine was lured to must not read it.
    """

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") in paths:
            environ["HTTP_HOST"] = "localhost"
        return wsgi_app(environ, start_response)

    return serve


def _probe() -> Engine:
    found: Engine = current_app.extensions[EXTENSION]
    return found


def _redis() -> str:
    url = settings().redis_url
    timeout = REDIS_TIMEOUT_SECONDS
    try:
        with redis.Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout) as r:
            r.ping()
    except (redis.RedisError, OSError):
        return "does not answer"
    return "ok"
