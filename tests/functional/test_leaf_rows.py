"""Leaves made from the log's columns are those of the events that the API gives."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from auditsaas.events.models import events
from auditsaas.events.reading.scans.event_rows import ROW_COLUMNS
from auditsaas.events.stored import stored_event
from auditsaas.evidence.format import leaf
from auditsaas.evidence.tree import rows
from auditsaas.workspaces.models import Workspace
from tests.support.factories import append_events, event_input, make_workspace, scoped

SEED = bytes(range(16))
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
NAMES = WORDS.filter(bool)
NUMBERS = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
OPTIONAL: dict[str, st.SearchStrategy[Any]] = {
    "method": st.sampled_from(["GET", "VPN"]),
    "path": WORDS,
    "status_code": st.integers(100, 599),
    "ip": st.ip_addresses().map(str),
    "user_agent": WORDS,
    "duration_ms": st.floats(0, 86_400_000) | st.integers(0, 86_400_000),
    "request_id": WORDS,
    "metadata": st.dictionaries(WORDS, VALUES, max_size=4),
    "changes": st.dictionaries(WORDS, st.tuples(VALUES, VALUES).map(list), max_size=2),
    "targets": st.lists(
        st.fixed_dictionaries({"type": NAMES, "id": NAMES}, optional={"name": NAMES}), max_size=2
    ),
}
ACTORS = st.fixed_dictionaries(
    {"id": NAMES},
    optional={
        "name": NAMES,
        "email": NAMES,
        "role": NAMES,
        "status": st.sampled_from(["active", "disabled"]),
    },
)


@pytest.fixture(scope="module")
def log(engine: object) -> Workspace:
    return make_workspace()


def both(session: Session, workspace: Workspace, seq: int) -> tuple[bytes, bytes]:
    """What is kept of the leaf of a number: from the columns, and from the API's event."""
    [event] = rows.read(session, workspace.id, seq, seq)
    row = session.execute(select(*ROW_COLUMNS).where(events.c.seq == seq)).one()
    return event.preimage(SEED), leaf.preimage_of(stored_event(row, workspace.slug), SEED)


@given(st.fixed_dictionaries({"actor": ACTORS}, optional=OPTIONAL))
def test_leaf_of_any_event_is_that_of_its_json(log: Workspace, sent: dict[str, Any]) -> None:
    appended = append_events(log, [event_input(**sent)])
    assert appended.last_seq is not None
    with scoped(log.id) as session:
        from_columns, from_json = both(session, log, appended.last_seq)
    assert from_columns == from_json


STORED = [
    ('{"a": 1, "b": [1.0, 1e2, -0.0]}', '{"a":1,"b":[1,100,0]}'),
    ('{"b":1,"a":2}', '{"a":2,"b":1}'),
    ('{"a": "\\u00e9"}', '{"a":"\u00e9"}'),
    ("null", None),
]


@pytest.mark.parametrize(("stored", "meant"), STORED)
def test_text_of_a_column_is_hashed_as_what_it_means(stored: str, meant: str | None) -> None:
    expected = rows.ABSENT if meant is None else rows.PRESENT + meant.encode()
    assert rows.document(stored) == expected


FORGED = [
    '{"a":2,"a":1}',
    '{"b":{"a":1,"a":1}}',
    '[{"a":1,"a":1}]',
    '{"a":1e400}',
    '{"a":"\\ud800"}',
    "[" * 5000 + "]" * 5000,
]


@pytest.mark.parametrize("stored", FORGED)
def test_text_that_readers_disagree_on_fits_no_leaf(stored: str) -> None:
    assert rows.document(stored) == rows.UNREADABLE + stored.encode()


def test_numbers_without_an_event_are_left_out(log: Workspace) -> None:
    append_events(log, [event_input()] * 2)
    with scoped(log.id) as session:
        last = session.scalar(text("SELECT seq FROM log_heads")) or 0
        found = [event.seq for event in rows.read(session, log.id, last - 1, last + 5)]
    assert found == [last - 1, last]
