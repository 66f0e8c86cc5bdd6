"""Actors matching a filter, in a log whose application has very many users."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from auditsaas.events.filter import actors
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.reading import facets, pages, totals
from auditsaas.events.reading.scans import index_scan
from auditsaas.events.reading.scans.event_rows import ROW_COLUMNS
from auditsaas.events.reading.scans.source import source
from auditsaas.workspaces.models import Workspace
from tests.support.factories import append_events, as_owner, event_input, make_workspace, scoped
from tests.unit.events.test_filters import parse

VERY_MANY = 70_000
"""More than one statement has parameters (65,535)."""

CROWD = text("""
INSERT INTO actors (workspace_id, id, role, status, as_of)
SELECT :workspace, 'crowd_' || n, 'customer', 'active', now() FROM generate_series(1, :n) AS n
""")


def by(actor: str, path: str, role: str, status: str = "active") -> dict[str, object]:
    who = {"id": actor, "email": f"{actor}@example.com", "role": role, "status": status}
    return event_input(actor=who, path=path)


@pytest.fixture(scope="module")
def crowded(engine: Engine) -> Workspace:
    workspace = make_workspace()
    with as_owner(workspace.id) as session:
        session.execute(CROWD, {"workspace": workspace.id, "n": VERY_MANY})
        session.commit()
    append_events(
        workspace,
        [
            by("crowd_5", "1", "customer"),
            by("ann", "2", "admin"),
            by("crowd_70000", "3", "customer"),
            by("gone", "4", "customer", "disabled"),
        ],
    )
    return workspace


@pytest.fixture
def session(crowded: Workspace) -> Iterator[Session]:
    with scoped(crowded.id) as made:
        yield made


def paths(session: Session, workspace: Workspace, chosen: EventFilter) -> str:
    found = pages.page(session, [workspace.id], chosen, limit=50)
    assert found.searched_to is None
    return "".join(sorted(row.path for row in found.rows))


WANTED = [
    ({"role": "customer"}, "134"),
    ({"role": ["customer", "admin"]}, "1234"),
    ({"role": "nobody"}, ""),
    ({"user_status": "active"}, "123"),
    ({"user_status": "disabled"}, "4"),
    ({"user_status": ["active", "disabled"], "role": "customer"}, "134"),
    ({"user": "crowd_5"}, "1"),
    ({"user": "Ann@Example.com"}, "2"),
    ({"user": ["ann", "gone@example.com"]}, "24"),
    ({"user": "ann", "role": "customer"}, ""),
    ({"q": "role:customer"}, "134"),
    ({"q": "-role:customer"}, "2"),
    ({"q": "-user:ann user_status:active"}, "13"),
    ({"role": "customer", "q": "-user:gone@example.com"}, "13"),
]


@pytest.mark.parametrize("listed", [actors.MANY_ACTORS, 0])
@pytest.mark.parametrize(("args", "expected"), WANTED)
def test_filter_matching_very_many_actors_finds_the_same_events(
    crowded: Workspace,
    session: Session,
    args: dict[str, str],
    expected: str,
    listed: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(actors, "MANY_ACTORS", listed)
    chosen = parse(**args)
    assert paths(session, crowded, chosen) == expected
    counted = totals.count(session, [crowded.id], chosen)
    assert (counted.total, counted.exact) == (len(expected), True)
    written = source(session, [crowded.id], chosen).ordered(ROW_COLUMNS)
    assert "".join(sorted(row.path for row in session.execute(written))) == expected


def test_filter_matching_few_actors_scans_one_index_range_each(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An id that is another's address means both, and each of them once."""
    acme = make_workspace()
    people_of_acme = ("ann", "bob", "bob@example.com", "eve")
    append_events(acme, [by(name, str(n), "admin") for n, name in enumerate(people_of_acme)])
    chosen = parse(user=["ann", "bob@example.com"], q="-path:0")
    with scoped(acme.id) as session:
        assert len(index_scan.branches(session, [acme.id], chosen)) == 3
        assert paths(session, acme, chosen) == "12"
        monkeypatch.setattr(index_scan, "MAX_BRANCHES", 2)
        assert len(index_scan.branches(session, [acme.id], chosen)) == 1
        assert paths(session, acme, chosen) == "12"


def test_facets_are_right_for_very_many_actors(crowded: Workspace, session: Session) -> None:
    found = facets.facets(
        session, {crowded.slug: crowded.id}, parse(role="customer"), ["user", "role", "platform"]
    )
    assert found["user"].counts == {"crowd_5": 1, "crowd_70000": 1, "gone": 1}
    assert found["role"].counts == {"customer": 3, "admin": 1}


def test_very_many_actors_are_checked_per_event_and_few_are_listed(
    crowded: Workspace, session: Session
) -> None:
    """The control: the two ways are two."""
    assert actors.resolve(session, crowded.id, parse(role="customer")).indexed is False
    assert actors.resolve(session, crowded.id, parse(role="admin")).indexed is True
