"""Events: sending them, in the shapes that senders have."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Response, request

from auditsaas.api.blueprint import api
from auditsaas.api.ingest import cloudevents
from auditsaas.api.ingest.bodies import (
    JSON_KINDS,
    LINES_KINDS,
    Parsed,
    Reader,
    parse_json,
    parse_lines,
)
from auditsaas.api.ingest.keeping import ingested, keep, refused_whole
from auditsaas.api.ingest.options import read_options
from auditsaas.api.ingest.unpacking import Unsupported, unpack
from auditsaas.api.problems import problem


@api.post("/events")
def post_events() -> Response:
    now = datetime.now(UTC)
    options = read_options()
    parsed = _parsed(Reader(now, options.keep_unknown))
    if not len(parsed):
        return problem(422, "Invalid input", "The request holds no events.")
    if options.strict and parsed.refused:
        return refused_whole(parsed)
    return ingested(parsed, keep(parsed, now, options))


@api.post("/logs")
def post_logs() -> Response:
    """Receive OTLP over HTTP; its messages are loaded with the first request that needs them."""
    from auditsaas.api.ingest import otlp

    return otlp.receive(unpacked_body(), datetime.now(UTC))


def unpacked_body() -> bytes:
    return unpack(request.get_data(), request.headers.get("Content-Encoding", "").strip().lower())


def _parsed(reader: Reader) -> Parsed:
    kind, headers, body = request.mimetype, dict(request.headers), unpacked_body()
    if cloudevents.is_binary(headers):
        return cloudevents.parse_binary(body, kind, headers, reader)
    if kind in JSON_KINDS:
        return parse_json(body, reader)
    if kind in LINES_KINDS:
        return parse_lines(body, reader)
    if kind in cloudevents.KINDS:
        return cloudevents.parse(body, reader)
    raise Unsupported(
        "Send application/json, application/x-ndjson, application/cloudevents+json or"
        " application/cloudevents-batch+json."
    )
