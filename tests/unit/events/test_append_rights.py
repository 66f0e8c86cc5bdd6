"""What appending refuses: the only way into the log that the role serving people has."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from psycopg.errors import InsufficientPrivilege, InvalidParameterValue
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.db.ids import new_id
from auditsaas.db.tenancy import Scope
from auditsaas.events.event_sources import CLI
from auditsaas.events.models import events, log_heads
from auditsaas.events.schema import from_mapping
from auditsaas.events.writing import storing
from auditsaas.events.writing.identity import identify
from auditsaas.events.writing.rows import row_of
from auditsaas.events.writing.sql import STORE, STORE_IF_NEW
from auditsaas.workspaces.models import Workspace
from tests.support.factories import append_events, event_input, make_workspace, scoped


@pytest.fixture
def acme(engine: Engine) -> Workspace:
    workspace = make_workspace()
    append_events(workspace, [event_input(), event_input()])
    return workspace


def batch(workspace: Workspace, size: int = 2) -> dict[str, Any]:
    """The parameters of a batch as the product makes them, with the rules of a new workspace."""
    now = datetime.now(UTC)
    given = [from_mapping(event_input(), now) for _ in range(size)]
    identified = identify(workspace.id, given, arrived_at=now, orders=None, ids=None)
    rows = [row_of(event, *place) for event, place in zip(given, identified, strict=True)]
    with scoped(workspace.id) as session:
        rules = session.scalars(select(log_heads.c.redacted_keys)).one()
    return storing.Batch(workspace.id, CLI, rows).values(rules)


def state(workspace: Workspace) -> tuple[int, int, int]:
    """The head's number, how many events there are, and the highest of theirs."""
    with scoped(workspace.id) as session:
        head = session.scalars(select(log_heads.c.seq)).one()
        count, highest = session.execute(select(func.count(), func.max(events.c.seq))).one()
        return head, count, highest


def test_batch_is_numbered_by_the_head(acme: Workspace) -> None:
    """The control of the refusals below."""
    with scoped(acme.id) as session:
        assert session.execute(STORE, batch(acme)).one()[:2] == (2, 2)
        session.commit()
    assert state(acme) == (4, 4, 4)


def test_batch_for_a_workspace_out_of_scope_stores_nothing(acme: Workspace) -> None:
    with scoped(make_workspace().id) as session:
        assert session.execute(STORE, batch(acme)).one()[:2] == (None, 0)
        session.commit()
    assert state(acme) == (2, 2, 2)


@pytest.mark.parametrize("statement", [STORE, STORE_IF_NEW], ids=["all", "if new"])
def test_scope_said_with_a_batch_needs_its_ticket(acme: Workspace, statement: Any) -> None:
    foreign, _, ticket = tenancy.settings_of(Scope.of(make_workspace().id))
    mine, _, _ = tenancy.settings_of(Scope.of(acme.id))
    for scope, said in ((mine, ""), (mine, ticket), (mine, f"{ticket[:-1]}x")):
        with scoped(make_workspace().id) as session, pytest.raises(DBAPIError):
            session.execute(statement, batch(acme) | {"scope": scope, "ticket": said})
    with scoped(acme.id) as session:
        given = batch(acme) | {"scope": foreign, "ticket": ticket}
        assert session.execute(statement, given).one()[:2] == (None, 0)
    assert state(acme) == (2, 2, 2)


@pytest.mark.parametrize("statement", [STORE, STORE_IF_NEW], ids=["all", "if new"])
@pytest.mark.parametrize("claimed", [1, 3])
def test_batch_of_another_size_than_said_is_refused(
    acme: Workspace, statement: Any, claimed: int
) -> None:
    """Else its events would be stored, and the head would not move past their numbers."""
    with scoped(acme.id) as session:
        with pytest.raises(DBAPIError) as refusal:
            session.execute(statement, batch(acme) | {"size": claimed})
        assert isinstance(refusal.value.orig, InvalidParameterValue)
    assert state(acme) == (2, 2, 2)


def number_taken(session: Session, acme: Workspace) -> None:
    session.execute(
        events.insert().values(
            workspace_id=acme.id,
            id=new_id(),
            seq=2,
            occurred_at=func.now(),
            received_at=func.now(),
            activity="member.remove",
            status="success",
            actor_id="forged",
            platform="Other",
            browser="Other",
            source=CLI,
        )
    )


def head_moved_back(session: Session, _acme: Workspace) -> None:
    session.execute(log_heads.update().values(seq=0))


def head_made_again(session: Session, acme: Workspace) -> None:
    session.execute(log_heads.insert().values(workspace_id=acme.id, seq=7))


def function_of_the_owner(session: Session, _acme: Workspace) -> None:
    session.execute(text("ALTER FUNCTION bound_person() VOLATILE"))


@pytest.mark.parametrize(
    "attempt", [number_taken, head_moved_back, head_made_again, function_of_the_owner]
)
def test_no_number_is_taken_twice(
    acme: Workspace, attempt: Callable[[Session, Workspace], None]
) -> None:
    with scoped(acme.id) as session:
        with pytest.raises(DBAPIError) as refusal:
            attempt(session, acme)
        assert isinstance(refusal.value.orig, InsufficientPrivilege)
    append_events(acme, [event_input()])
    assert state(acme) == (3, 3, 3)
