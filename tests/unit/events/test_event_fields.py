"""The list of an event's fields, and the shapes that are typed by hand beside it."""

from __future__ import annotations

import re
from pathlib import Path

from auditsaas.api.models import StoredActor, StoredEvent
from auditsaas.events.event_fields import ACTOR, FIELDS, GIVEN, SENT, STORED, TABLE, EventField
from auditsaas.events.presenter import EventRow, TableRow
from auditsaas.events.schema import ActorInput, EventInput
from auditsaas.events.writing.rows import Row

LOOKED_UP = ("contested_with",)
"""What an answer has beside the event's own fields."""

CONTRACT = Path(__file__).resolve().parents[3] / "docs" / "contract.md"


def keys(fields: tuple[EventField, ...]) -> list[str]:
    """The keys of an event's own object, in order; the actor is one of them."""
    return list(dict.fromkeys(ACTOR if known.in_actor else known.key for known in fields))


def in_actor(fields: tuple[EventField, ...]) -> list[str]:
    return [known.key for known in fields if known.in_actor]


def test_a_sender_may_give_what_the_list_says() -> None:
    assert set(EventInput.__struct_fields__) == set(keys(SENT))
    assert list(ActorInput.__struct_fields__) == in_actor(SENT)


def test_a_row_to_append_has_the_columns_that_are_given() -> None:
    assert set(Row.__struct_fields__) == {known.column for known in GIVEN}


def test_the_event_of_the_api_has_every_field_in_order() -> None:
    assert list(StoredEvent.__struct_fields__) == [*keys(FIELDS), *LOOKED_UP]
    assert list(StoredActor.__struct_fields__) == in_actor(FIELDS)


def test_a_row_that_is_presented_has_only_columns_of_the_log() -> None:
    columns = {"workspace_id", *(known.column for known in STORED)}
    presented = TableRow.__annotations__ | EventRow.__annotations__
    assert set(presented) <= columns


def test_places_in_a_table_are_counted_without_a_gap() -> None:
    assert [known.place for known in TABLE.values()] == list(range(1, len(TABLE) + 1))


def test_the_contract_names_the_columns_of_a_table_in_order() -> None:
    named = re.search(r"header `(created_at,[a-z_,]+)`", CONTRACT.read_text())
    assert named is not None
    assert named[1].split(",") == list(TABLE)
