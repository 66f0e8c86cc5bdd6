"""One line per request, for operators."""

from __future__ import annotations

import logging
from http import HTTPStatus

from flask import Flask, Response, g, request

from auditsaas import current_request
from auditsaas.metrics import REQUESTS, UNAVAILABLE

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

SECRET_ENDPOINTS = frozenset(
    {
        *("invitations.show", "invitations.accept", "password_reset.show", "password_reset.choose"),
        *("welcome.show", "welcome.ready", "welcome.set_up"),
    }
)
"""Their paths hold a token that opens something, behind the first word."""

SILENT = frozenset({"static", "health.alive", "health.ready", "health.metrics"})

log = logging.getLogger("auditsaas.requests")


def install(app: Flask) -> None:
    app.after_request(_write)


def _write(response: Response) -> Response:
    facts = current_request.facts()
    duration_ms = facts.duration_ms()
    route = request.url_rule.rule if request.url_rule else "none"
    REQUESTS.labels(route, _method(facts.method), response.status_code).observe(duration_ms / 1000)
    if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        UNAVAILABLE.labels(g.get("unavailable", "other")).inc()
    if request.endpoint not in SILENT:
        # The path alone, as Python writes it: filters may name people, and a line stays a line.
        path = ascii(_told(facts.path))[1:-1]
        log.info(
            "%s %s %d %.1f ms",
            facts.method,
            path,
            response.status_code,
            duration_ms,
            extra={
                "kind": "request",
                "method": facts.method,
                "path": path,
                "route": route,
                "status": response.status_code,
                "duration_ms": duration_ms,
                "client": facts.ip,
            },
        )
    return response


def _method(given: str) -> str:
    """Map unknown methods to one label, to bound the number of series."""
    return given if given in METHODS else "other"


def _told(path: str) -> str:
    if request.endpoint in SECRET_ENDPOINTS:
        return "/".join([*path.split("/")[:2], "..."])
    return path
