"""A page by a kept statement is what a statement built for it reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from auditsaas.events.models import events
from auditsaas.events.reading import pages
from auditsaas.events.reading.scans import whole_log
from auditsaas.events.reading.scans.cursor import NEWEST, Cursor
from auditsaas.events.reading.scans.event_rows import PLACE, TABLE, WHOLE, RowColumns, with_actors
from auditsaas.workspaces.models import Workspace
from tests.support.factories import append_events, event_input, make_workspace, scoped

FULL = {
    "targets": [{"type": "invoice", "id": "<1>", "name": "%s"}],
    "changes": {"name": ["a", None]},
    "metadata": {"deep": {"n": [1, 2.5, None, "\u202e"]}},
    "ip": "2001:db8::7",
    "duration_ms": 0.25,
}


@pytest.fixture(scope="module")
def acme(engine: Engine) -> Workspace:
    other, workspace = make_workspace("Other"), make_workspace("Acme")
    append_events(other, [event_input() for _ in range(5)])
    append_events(
        workspace, [event_input(**FULL), *(event_input(actor={"id": "b"}) for _ in "123456")]
    )
    return workspace


@pytest.fixture
def session(acme: Workspace) -> Iterator[Session]:
    with scoped(acme.id) as made:
        yield made


def built(
    session: Session, workspace: UUID, limit: int, at: Cursor, columns: RowColumns
) -> list[Any]:
    found = select(*columns.of_event).where(events.c.workspace_id == workspace, *at.within())
    found = found.order_by(at.order(events.c.id)).limit(limit)
    return [tuple(row) for row in session.execute(with_actors(found, columns, at, [workspace]))]


@pytest.mark.parametrize("columns", [WHOLE, TABLE, PLACE], ids=["whole", "table", "place"])
@pytest.mark.parametrize("older", [True, False], ids=["older", "newer"])
def test_kept_statement_reads_what_one_built_anew_reads(
    session: Session, acme: Workspace, columns: RowColumns, older: bool
) -> None:
    ids = [row.id for row in whole_log.page(session, acme.id, 9, NEWEST, PLACE)]
    assert len(ids) == 7
    for edge in (None, ids[0], ids[3], ids[-1]):
        cursor = Cursor(edge, older=older)
        for limit in (1, 3, 9):
            read = whole_log.page(session, acme.id, limit, cursor, columns)
            assert read == built(session, acme.id, limit, cursor, columns)


def test_event_is_read_in_full_and_only_from_its_workspace(
    session: Session, acme: Workspace
) -> None:
    oldest = whole_log.page(session, acme.id, 1, Cursor(older=False), PLACE)[0].id
    row = pages.event(session, acme.id, oldest)
    assert row is not None
    assert (row.metadata, row.changes, row.targets) == (
        FULL["metadata"],
        FULL["changes"],
        FULL["targets"],
    )
    assert (row.ip, row.duration_ms, row.actor_status_now) == ("2001:db8::7", 0.25, None)
    assert pages.event(session, make_workspace().id, oldest) is None
    assert pages.event(session, acme.id, UUID(int=1)) is None
