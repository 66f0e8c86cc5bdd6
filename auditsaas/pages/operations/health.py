"""For operators: is the process alive, and can it serve."""

from __future__ import annotations

import redis
from flask import Blueprint, Response, jsonify, make_response
from sqlalchemy.exc import SQLAlchemyError

from auditsaas.extensions import db, settings
from auditsaas.operations import revisions
from auditsaas.version import version

health = Blueprint("health", __name__)

REDIS_TIMEOUT_SECONDS = 0.5


@health.get("/healthz")
def alive() -> Response:
    """Answer ``ok`` and the version, without asking any other part."""
    return Response(f"ok {version()}\n", mimetype="text/plain")


@health.get("/readyz")
def ready() -> Response:
    """Answer 200 when everything is there; 503 naming what is not."""
    parts = {"database": _database(), "redis": _redis()}
    fine = all(state == "ok" for state in parts.values())
    return make_response(jsonify(parts), 200 if fine else 503)


def _database() -> str:
    try:
        revision = revisions.of(db.session.connection())
    except SQLAlchemyError:
        db.session.rollback()
        return "does not answer"
    older = revisions.standing(revision) is revisions.Standing.OLDER
    return "migrations are missing" if older else "ok"


def _redis() -> str:
    url = settings().redis_url
    timeout = REDIS_TIMEOUT_SECONDS
    try:
        with redis.Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout) as r:
            r.ping()
    except (redis.RedisError, OSError):
        return "does not answer"
    return "ok"
