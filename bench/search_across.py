"""Searches of super-admins across a thousand workspaces, by the dictionaries and as they were."""

from __future__ import annotations

import re
from functools import partial
from statistics import median
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.db.ids import new_id
from auditsaas.db.tenancy import Scope
from auditsaas.events.models import events
from auditsaas.events.reading.scans.many_workspaces import ManyWorkspaces
from auditsaas.extensions import db
from bench.pages import FRAGMENT_HEADERS
from bench.search import Search, asked, grow_all, timed, walking
from bench.superadmin import WORKSPACES, ready, signed_in_above
from bench.tables import Table

RUNS = 7
GOAL_MS = 200
LIMIT = 50
OLD = text("SELECT request_id, path FROM events ORDER BY id OFFSET 1000 LIMIT 1")


def measure(number: int) -> Table:
    """The first page of each search as served, in ms; its rows are compared with a plain scan's."""
    app = ready(number)
    grow_all(app, app.extensions["settings"].owner_url)
    client = signed_in_above(app)
    table = Table(
        f"Searches across {WORKSPACES:,} workspaces, {number:,} events, as served",
        ["kind", "search", "walk: p50, ms", "now: p50, min, ms", f"≤ {GOAL_MS} ms", "rows"],
        ["a walk ends after half a second, with what it has found by then"],
    )
    with app.app_context():
        ids = list(db.session.scalars(text("SELECT id FROM workspaces")))
        db.session.rollback()
        session = tenancy.bind(Scope.of(*ids))
        began = new_id()
        for search in _searches(session):
            table.add(*_measured(client, session, ids, search, began))
            session.rollback()
    return table


def _searches(session: Session) -> list[Search]:
    old = session.execute(OLD).one()
    return [
        Search("no hit", "nowhere"),
        Search("no hit", "meta.plan:none"),
        Search("one hit", old.request_id),
        Search("one hit", f"path:{old.path}"),
        Search("rare", "key.rotate"),
        Search("rare", old.request_id[:6]),
        Search("common", "mozilla"),
        Search("common", '"Person 7"'),
        Search("common", "p39@example.com"),
        Search("negation", "-mozilla"),
        Search("negation", "-report key.rotate"),
    ]


def _measured(
    client: Any, session: Session, ids: list[UUID], search: Search, began: UUID
) -> tuple[str, ...]:
    url = f"/admin/audit-logs?{urlencode({'q': search.q})}"
    read = partial(client.get, url, headers=FRAGMENT_HEADERS)
    with walking():
        before = timed(read, RUNS)
    times = timed(read, RUNS)
    page = read().text
    whole = "Searched back to" not in page
    shown = [UUID(found) for found in re.findall(r'data-event-id="([^"]+)"', page)]
    plain = ManyWorkspaces(session, ids, asked(search.q)).ordered([events.c.id]).limit(LIMIT)
    # What is asked across workspaces is told of in their logs, and found by the next one.
    expected = [found for found in session.scalars(plain) if found < began]
    shown = [found for found in shown if found < began]
    same = shown == expected[: len(shown)] and (not whole or bool(shown) == bool(expected))
    return (
        search.kind,
        f"`{search.q}`",
        f"{median(before):.1f}",
        f"{median(times):.1f}, {min(times):.1f}",
        "yes" if median(times) <= GOAL_MS else "no",
        f"{len(shown)}, {'the same' if same else 'OTHERS'}{'' if whole else ', to go on'}",
    )
