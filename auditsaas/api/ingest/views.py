"""Events: sending them."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Response, request

from auditsaas.api.blueprint import api
from auditsaas.api.ingest.bodies import Parsed, Unsupported, parse_json, parse_lines, unpack
from auditsaas.api.ingest.keeping import ingested, keep
from auditsaas.api.problems import problem


@api.post("/events")
def post_events() -> Response:
    now = datetime.now(UTC)
    parsed = _read_events(now)
    if not len(parsed):
        return problem(422, "Invalid input", "The request holds no events.")
    return ingested(parsed, keep(parsed, now))


def _read_events(now: datetime) -> Parsed:
    body = unpack(request.get_data(), request.headers.get("Content-Encoding", "").strip().lower())
    if request.mimetype == "application/json":
        return parse_json(body, now)
    if request.mimetype == "application/x-ndjson":
        return parse_lines(body, now)
    raise Unsupported("Send application/json or application/x-ndjson.")
