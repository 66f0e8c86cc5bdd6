"""Whatever events say, the dictionary of their log holds all of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from auditsaas.events import folding, texts
from auditsaas.events.models import events
from auditsaas.events.words.models import BLOCK, event_words
from auditsaas.events.words.pieces import pieces
from auditsaas.workspaces.models import Workspace
from tests.support.cases import cases
from tests.support.factories import append_events, event_input, make_workspace, scoped
from tests.support.wording import exact, word

LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
SHORT = st.text(LETTERS, min_size=1, max_size=24)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | SHORT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SHORT, inner, max_size=3),
    max_leaves=6,
)
EVENTS = st.fixed_dictionaries(
    {
        "actor": st.fixed_dictionaries({"id": SHORT, "name": SHORT}),
        "path": SHORT,
        "user_agent": SHORT,
        "request_id": SHORT,
        "targets": st.lists(st.fixed_dictionaries({"type": SHORT, "id": SHORT}), max_size=2),
        "metadata": st.dictionaries(SHORT, VALUES, max_size=3),
        "changes": st.dictionaries(SHORT, st.lists(SHORT, min_size=2, max_size=2), max_size=2),
    }
)


SEARCHED = func.concat_ws(
    "\n", folding.together(texts.TEXTS), folding.json_together(texts.DOCUMENTS)
)
"""The very text that a search without words compares."""


def lacking(workspace: Workspace) -> list[str]:
    """The pieces of events that are not among the words of their block."""
    own = event_words.c.workspace_id == events.c.workspace_id
    block = own & (event_words.c.block == (events.c.seq - 1) // BLOCK)
    with scoped(workspace.id) as session:
        found = session.execute(
            select(SEARCHED, event_words.c.words).join_from(events, event_words, block)
        ).all()
    return [piece for text, words in found for piece in pieces(text) if f"\n{piece}\n" not in words]


@settings(
    max_examples=cases(15),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(EVENTS, min_size=1, max_size=4))
def test_every_piece_of_every_event_is_in_its_block(
    engine: object, given_events: list[dict[str, Any]]
) -> None:
    workspace = make_workspace()
    append_events(workspace, [event_input(**event) for event in given_events])
    word(workspace)
    assert lacking(workspace) == []
    assert exact(workspace)


def test_long_pieces_are_kept_whole(workspace: Workspace) -> None:
    long = "ж" * 4_000 + "x" * 6_000
    append_events(workspace, [event_input(metadata={"a": long, "b": "7", "c": 10**30})])
    word(workspace)
    assert lacking(workspace) == []
    assert long in words_of(workspace.id)


def words_of(workspace: UUID) -> set[str]:
    with scoped(workspace) as session:
        return set(session.scalars(select(event_words.c.words)).one().split("\n"))


def test_events_of_times_long_past_widen_the_bounds_of_their_block(workspace: Workspace) -> None:
    append_events(workspace, [event_input()])
    word(workspace)
    past = datetime(2026, 1, 2, tzinfo=UTC).isoformat()
    [late] = append_events(workspace, [event_input(occurred_at=past)]).ids
    word(workspace)
    with scoped(workspace.id) as session:
        assert session.scalar(select(event_words.c.min_id)) == late


def test_log_in_which_every_actor_is_another_has_their_words(workspace: Workspace) -> None:
    for start in range(0, 3_000, 1_000):
        append_events(
            workspace,
            [event_input(actor={"id": f"person{n:06x}"}) for n in range(start, start + 1_000)],
        )
    word(workspace)
    assert lacking(workspace) == []
