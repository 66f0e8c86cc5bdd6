"""Where an event came from is stored with it, and decides who may say what an actor is now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from auditsaas import own_actions
from auditsaas.db.ids import new_id
from auditsaas.events.event_sources import CLI, PRODUCT, EventSource, of_import, of_key
from auditsaas.events.models import actors, events
from auditsaas.own_activities import Activity
from auditsaas.workspaces.models import Workspace
from tests.support.factories import append_events, as_owner, event_input, scoped

KEY, OTHER_KEY = of_key(uuid4()), of_key(uuid4())
NOW = datetime.now(UTC)


def said(workspace: Workspace, source: EventSource, minutes: int = 0, **actor: Any) -> None:
    """Append an event that says so of the actor ``u_1``, so many minutes ago."""
    event = event_input(
        actor={"id": "u_1"} | actor, occurred_at=(NOW - timedelta(minutes=minutes)).isoformat()
    )
    append_events(workspace, [event], source)


def known(workspace: Workspace) -> tuple[Any, ...]:
    """Name, role and source of what is known of the actor now."""
    columns = (actors.c.name, actors.c.role, actors.c.source)
    with scoped(workspace.id) as session:
        found = select(*columns).where(actors.c.workspace_id == workspace.id, actors.c.id == "u_1")
        return tuple(session.execute(found).one())


def sources(workspace: Workspace) -> list[str | None]:
    with scoped(workspace.id) as session:
        found = select(events.c.source).where(events.c.workspace_id == workspace.id)
        return list(session.scalars(found.order_by(events.c.seq)))


@pytest.mark.parametrize(
    "source", [PRODUCT, CLI, KEY, of_import(uuid4())], ids=["product", "cli", "key", "import"]
)
def test_each_event_of_a_batch_is_stored_with_its_source(
    workspace: Workspace, source: EventSource
) -> None:
    append_events(workspace, [event_input(), event_input()], source)
    assert sources(workspace) == [source, source]


def test_own_action_is_of_the_product(workspace: Workspace) -> None:
    with scoped(workspace.id) as session:
        own_actions.record(
            session,
            Activity.WORKSPACE_UPDATE,
            workspaces=[workspace.id],
            actor=own_actions.operator("root"),
        )
        session.commit()
    assert sources(workspace) == ["product"]


def test_event_sent_by_two_keys_keeps_the_source_of_the_first(workspace: Workspace) -> None:
    event = event_input(idempotency_key="k", occurred_at=NOW.isoformat())
    append_events(workspace, [event], KEY)
    again = append_events(workspace, [event, event_input()], OTHER_KEY)
    assert (again.duplicates, again.conflicts) == (1, 0)
    assert sources(workspace) == [KEY, OTHER_KEY]


def test_row_without_a_source_is_refused(workspace: Workspace) -> None:
    with as_owner(workspace.id) as session, pytest.raises(IntegrityError, match="ck_events_source"):
        session.execute(insert(events).values(**row(workspace)))


def test_row_with_a_source_is_taken(workspace: Workspace) -> None:
    """The control of the refusal: nothing else is wrong with the row."""
    with as_owner(workspace.id) as session:
        session.execute(insert(events).values(**row(workspace), source=CLI))


def row(workspace: Workspace) -> dict[str, Any]:
    return {
        "workspace_id": workspace.id,
        "id": new_id(),
        "seq": 1,
        "occurred_at": NOW,
        "received_at": datetime.now(UTC),
        "activity": "a",
        "status": "success",
        "actor_id": "x",
        "platform": "Other",
        "browser": "",
    }


def test_newest_sender_says_what_an_actor_is(workspace: Workspace) -> None:
    said(workspace, KEY, 5, name="Ann", role="admin")
    said(workspace, OTHER_KEY, 3, role="owner")
    assert known(workspace) == ("Ann", "owner", OTHER_KEY)


def test_later_sender_does_not_change_what_the_product_said(workspace: Workspace) -> None:
    said(workspace, PRODUCT, 5, name="Ann", role="auditor")
    said(workspace, KEY, 0, name="Forged", role="super-admin")
    assert known(workspace) == ("Ann", "auditor", "product")


def test_product_takes_over_from_a_sender_who_wrote_ahead(workspace: Workspace) -> None:
    said(workspace, KEY, -9, name="Forged", role="super-admin")
    said(workspace, PRODUCT, 0, name="Ann")
    assert known(workspace) == ("Ann", None, "product")


def test_product_goes_on_from_what_it_said(workspace: Workspace) -> None:
    said(workspace, PRODUCT, 5, name="Ann", role="auditor")
    said(workspace, PRODUCT, 0, name="Ann Lee")
    said(workspace, PRODUCT, 3, role="admin")
    assert known(workspace) == ("Ann Lee", "auditor", "product")
