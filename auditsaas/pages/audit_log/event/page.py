"""One event in full, and the events related to it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy import Row, and_, select
from sqlalchemy.orm import Session

from auditsaas.access import current, log_reading
from auditsaas.db.ids import first_id_at
from auditsaas.errors import NotFound
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.models import events
from auditsaas.events.presenter import PresentedEvent, present
from auditsaas.events.reading import pages
from auditsaas.events.reading.scans.event_rows import PLACE, TABLE
from auditsaas.events.reading.totals import count
from auditsaas.events.search.parser import Term, parse, unparse
from auditsaas.events.stored import stored_event
from auditsaas.events.writing.contests import contested_with
from auditsaas.pages.audit_log.event.details import describe
from auditsaas.pages.audit_log.event.seal import ShownSeal, describe_seal
from auditsaas.pages.audit_log.event.source import describe_source
from auditsaas.pages.audit_log.log_scope import LogScope

RELATED = 5
MOST_OF_A_REQUEST = 20
SAME_REQUEST_WITHIN = timedelta(hours=1)


def load(scope: LogScope, slug: str, text: str) -> Any:
    """Load the event that an address names.

    Raises:
        NotFound: there is no such event in this scope, or the id is not one.
    """
    workspace_id = scope.ids_by_slug.get(slug)
    try:
        event_id = UUID(text)
    except ValueError:
        event_id = None
    row = None
    if workspace_id is not None and event_id is not None:
        row = pages.event(scope.session, workspace_id, event_id)
    if row is None:
        raise NotFound("There is no such event.")
    return row


def context(scope: LogScope, row: Row[Any], chosen: EventFilter, root_url: str) -> dict[str, Any]:
    """Build the context of the drawer and the event's page; ``chosen`` is the list's filter."""
    log_reading.opened(row.workspace_id, row.id)
    name = scope.names[row.workspace_id]
    shown = present(row, name, row.actor_status_now, scope.event_url)
    query = chosen.query_string()
    older = _beside(scope, row, chosen, before=row.id)
    newer = _beside(scope, row, chosen, after=row.id)
    return {
        "event": shown,
        "details": describe(
            row, shown, query, row.actor_role_now, row.actor_status_now, row.actor_source_now
        ),
        "source": describe_source(scope.session, row, query),
        "received_at": row.received_at,
        "seal": _seal(scope, row),
        "integrity_url": f"/w/{name.slug}/integrity",
        "proof_url": f"/w/{name.slug}/events/{row.id}",
        "contested_with": [
            (other, scope.event_url(name.slug, other))
            for other in contested_with(scope.session, row.workspace_id, row.id)
        ],
        "event_json": json.dumps(stored_event(row, name.slug), ensure_ascii=False, indent=2),
        "list_url": _url(scope.base_url, query),
        "filter_base": scope.base_url,
        "permalink": f"{root_url.rstrip('/')}{shown.url}",
        "related_url": f"{shown.url}/related",
        "read_by_url": f"{shown.url}/read-by" if scope.views_of is not None else None,
        "older_url": _neighbour(scope, older, query),
        "newer_url": _neighbour(scope, newer, query),
    }


def related(scope: LogScope, row: Row[Any], by: str) -> dict[str, Any]:
    """Read the newest other events of the same actor, of the same request, or on its target."""
    by_actor = EventFilter(user=(row.actor_id,))
    by_target = _on_target(row)
    number: int | None = count(scope.session, [row.workspace_id], by_actor).total
    tabs = [_tab(scope, row, "actor", number, by_actor.query_string())]
    same: Sequence[Row[Any]] = ()
    if row.request_id:
        term = Term(False, "request", (row.request_id,), "=", 0, 0)
        same = _same_request(scope.session, row)
        number = len(same) if len(same) < MOST_OF_A_REQUEST else None
        tabs.append(_tab(scope, row, "request", number, urlencode({"q": unparse([term])})))
    if by_target is not None:
        tabs.append(_tab(scope, row, "target", None, by_target.query_string()))
    by = by if by in {tab["by"] for tab in tabs} else "actor"
    chosen = next(tab for tab in tabs if tab["by"] == by)
    chosen["current"] = True
    rows: Sequence[Row[Any]]
    if by == "request":
        rows = same
    else:
        wanted = by_target if by == "target" and by_target is not None else by_actor
        found = pages.page(
            scope.session, [row.workspace_id], wanted, limit=RELATED + 1, columns=TABLE
        )
        rows = [other for other in found.rows if other.id != row.id][:RELATED]
    log_reading.shown(rows)
    return {
        "tabs": tabs,
        "rows": [_present(scope, other) for other in rows],
        "list_url": chosen["list_url"],
    }


def _tab(scope: LogScope, row: Row[Any], by: str, number: int | None, query: str) -> dict[str, Any]:
    url = scope.event_url(scope.names[row.workspace_id].slug, row.id)
    return {
        "by": by,
        "label": f"Same {by}",
        "count": number,
        "url": f"{url}/related?by={by}",
        "list_url": _url(scope.base_url, query),
        "current": False,
    }


def _on_target(row: Row[Any]) -> EventFilter | None:
    """Build the filter for events on the first target of this one."""
    if not row.targets:
        return None
    term = Term(False, "target", (row.targets[0]["id"],), "=", 0, 0)
    text = unparse([term])
    return EventFilter(q=text, terms=parse(text))


def _same_request(session: Session, row: Row[Any]) -> Sequence[Row[Any]]:
    """Read the events of the same request, which lie close in time, by a short scan."""
    lowest = first_id_at(row.occurred_at - SAME_REQUEST_WITHIN)
    highest = first_id_at(row.occurred_at + SAME_REQUEST_WITHIN)
    found = select(*TABLE.of_event).where(
        and_(
            events.c.workspace_id == row.workspace_id,
            events.c.id >= lowest,
            events.c.id < highest,
            events.c.request_id == row.request_id,
            events.c.id != row.id,
        )
    )
    return session.execute(found.order_by(events.c.id.desc()).limit(MOST_OF_A_REQUEST)).all()


def _present(scope: LogScope, row: Row[Any]) -> PresentedEvent:
    return present(row, scope.names[row.workspace_id], None, scope.event_url)


def _seal(scope: LogScope, row: Row[Any]) -> ShownSeal | None:
    """Describe the seal to who may look after the whole log; it is no part of other scopes."""
    if scope.views_of is None:
        return None
    return describe_seal(scope.session, row, current.viewer(), datetime.now(UTC))


def _beside(
    scope: LogScope,
    row: Row[Any],
    chosen: EventFilter,
    *,
    before: UUID | None = None,
    after: UUID | None = None,
) -> Sequence[Row[Any]]:
    """Read where the next event of the list is, on one side of this one."""
    of, session = [row.workspace_id], scope.session
    found = pages.page(session, of, chosen, limit=1, before=before, after=after, columns=PLACE)
    return found.rows


def _neighbour(scope: LogScope, rows: Sequence[Row[Any]], query: str) -> str | None:
    if not rows:
        return None
    slug = scope.names[rows[0].workspace_id].slug
    return _url(scope.event_url(slug, rows[0].id), query)


def _url(path: str, query: str) -> str:
    return f"{path}?{query}" if query else path
