"""A span for each request: its pattern, method and status, and nothing that it asked for."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from flask import Flask, Response, g, request
from opentelemetry import context, trace
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNTRACED: Final = frozenset({"static", "health.alive", "health.ready", "health.metrics"})
_PROPAGATOR: Final = TraceContextTextMapPropagator()


def install(app: Flask, tracer: Tracer) -> None:
    """Begin a span before anything else of a request, and end it after everything else."""

    def begin() -> None:
        if request.endpoint in UNTRACED:
            return
        method = request.method if request.method in METHODS else "_OTHER"
        route = request.url_rule.rule if request.url_rule else ""
        g.span = tracer.start_span(
            f"{method} {route}".strip(),
            context=_PROPAGATOR.extract(request.headers),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method, "http.route": route},
        )
        g.span_token = context.attach(trace.set_span_in_context(g.span))

    app.before_request_funcs.setdefault(None, []).insert(0, begin)
    app.after_request(_answered)
    app.teardown_request(_end)


def _answered(response: Response) -> Response:
    if (span := g.get("span")) is not None:
        span.set_attribute("http.response.status_code", response.status_code)
        if "request_id" in g:
            span.set_attribute("auditsaas.request_id", g.request_id)
        if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            span.set_status(Status(StatusCode.ERROR))
            span.set_attribute("error.type", str(g.get("unavailable", response.status_code)))
    return response


def _end(error: BaseException | None) -> None:
    span = g.pop("span", None)
    if span is None:
        return
    if error is not None:
        span.set_status(Status(StatusCode.ERROR))
        span.set_attribute("error.type", type(error).__name__)
    span.end()
    context.detach(g.pop("span_token"))
