"""Events: sending them, and reading them newest first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import Response, request

from auditsaas.api.access import key_access, workspace_slug
from auditsaas.api.answers import FILTER_PARAMETERS, Parameters, answer
from auditsaas.api.blueprint import api
from auditsaas.api.ingest import Parsed, Unsupported, parse_json, parse_lines, unpack
from auditsaas.api.problems import problem
from auditsaas.errors import NotFound
from auditsaas.events import queries
from auditsaas.events.append import Appended, append
from auditsaas.events.stored import stored_event
from auditsaas.extensions import db
from auditsaas.operations.instruments import count_ingest

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000


@api.post("/events")
def post_events() -> Response:
    now = datetime.now(UTC)
    parsed = _read_events(now)
    if not len(parsed):
        return problem(422, "Invalid input", "The request holds no events.")
    workspace_id = key_access().workspace_id
    events = list(parsed.events.values())
    appended = append(db.session(), workspace_id, events, arrived_at=now, alone=True)
    db.session.commit()
    count_ingest(
        accepted=appended.accepted, duplicates=appended.duplicates, refused=len(parsed.refused)
    )
    return _ingested(parsed, appended)


@api.get("/events")
def list_events() -> Response:
    parameters = Parameters(request.args, (*FILTER_PARAMETERS, "limit", "cursor"))
    slug = workspace_slug()
    event_filter = parameters.event_filter(slug)
    limit = parameters.whole("limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
    before = _cursor(parameters)
    parameters.check()
    page = queries.page(
        db.session(), [key_access().workspace_id], event_filter, limit=limit, before=before
    )
    edge = page.searched_to
    if edge is None and page.older:
        edge = page.rows[-1].id
    return answer(
        {
            "data": [stored_event(row, slug) for row in page.rows],
            "next_cursor": None if edge is None else str(edge),
        }
    )


@api.get("/events/<uuid:event_id>")
def get_event(event_id: UUID) -> Response:
    row = queries.event(db.session(), key_access().workspace_id, event_id)
    if row is None:
        raise NotFound("There is no event of this id in the key's workspace.")
    return answer(stored_event(row, workspace_slug()))


def _cursor(parameters: Parameters) -> UUID | None:
    text = parameters.text("cursor")
    try:
        return UUID(text) if text else None
    except ValueError:
        parameters.refuse("cursor", "is not a next_cursor that a page gave")
        return None


def _read_events(now: datetime) -> Parsed:
    body = unpack(request.get_data(), request.headers.get("Content-Encoding", "").strip().lower())
    if request.mimetype == "application/json":
        return parse_json(body, now)
    if request.mimetype == "application/x-ndjson":
        return parse_lines(body, now)
    raise Unsupported("Send application/json or application/x-ndjson.")


def _ingested(parsed: Parsed, appended: Appended) -> Response:
    ids: list[UUID | None] = [None] * len(parsed)
    for index, identifier in zip(parsed.events, appended.ids, strict=True):
        ids[index] = identifier
    result: dict[str, Any] = {
        "accepted": appended.accepted,
        "duplicates": appended.duplicates,
        "rejected": [
            {"index": index, "errors": refusal.errors} for index, refusal in parsed.refused.items()
        ],
        "ids": ids,
    }
    if not parsed.events:
        return problem(422, "Invalid input", "Every event was refused.", **result)
    return answer(result, 201 if appended.accepted else 200)
