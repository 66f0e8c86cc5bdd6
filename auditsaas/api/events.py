"""Events: reading them newest first."""

from __future__ import annotations

from uuid import UUID

from flask import Response, request

from auditsaas.access import log_reading
from auditsaas.api.access import key_access, key_workspace, workspace_slug
from auditsaas.api.answers import Parameters, answer
from auditsaas.api.blueprint import api
from auditsaas.errors import NotFound
from auditsaas.events.filter.event_filter import PARAMETERS
from auditsaas.events.reading import pages
from auditsaas.events.stored import stored_event
from auditsaas.events.writing.contests import contested_with
from auditsaas.extensions import db

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000


@api.get("/events")
def list_events() -> Response:
    parameters = Parameters(request.args, (*PARAMETERS, "limit", "cursor"))
    workspace = key_workspace()
    event_filter = parameters.event_filter(workspace)
    limit = parameters.whole("limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
    before = _cursor(parameters)
    parameters.check()
    page = pages.page(
        db.session(), [key_access().workspace_id], event_filter, limit=limit, before=before
    )
    log_reading.shown(page.rows, pages=1)
    edge = page.searched_to
    if edge is None and page.older:
        edge = page.rows[-1].id
    return answer(
        {
            "data": [stored_event(row, workspace.slug) for row in page.rows],
            "next_cursor": None if edge is None else str(edge),
        }
    )


@api.get("/events/<uuid:event_id>")
def get_event(event_id: UUID) -> Response:
    row = pages.event(db.session(), key_access().workspace_id, event_id)
    if row is None:
        raise NotFound("There is no event of this id in the key's workspace.")
    log_reading.opened(row.workspace_id, row.id)
    others = contested_with(db.session(), key_access().workspace_id, event_id)
    event = stored_event(row, workspace_slug())
    return answer(event | {"contested_with": others} if others else event)


def _cursor(parameters: Parameters) -> UUID | None:
    text = parameters.text("cursor")
    try:
        return UUID(text) if text else None
    except ValueError:
        parameters.refuse("cursor", "is not a next_cursor that a page gave")
        return None
