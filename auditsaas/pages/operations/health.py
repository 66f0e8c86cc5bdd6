"""For operators: is the process alive, and can it serve."""

from __future__ import annotations

import redis
from flask import Blueprint, Flask, Response, current_app, jsonify, make_response
from sqlalchemy import Engine

from auditsaas import current_request
from auditsaas.extensions import settings
from auditsaas.operations import readiness
from auditsaas.version import version

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
