import json
from typing import Any
from uuid import UUID

import pytest

from auditsaas.events.importers.lines import SourceError
from auditsaas.events.importers.outcome import Parsed
from tests.unit.events.importers.reading_files import events, outcomes, refusals

ID = "019e2c8f-a000-7123-8456-789abcdef012"
AT = "2026-05-15T13:20:04Z"
HEADER = "created_at,activity,status,user_id"
ROW = f"{AT},user.login,success,ann"


def jsonl(**fields: Any) -> str:
    event = {"occurred_at": AT, "activity": "a", "status": "success", "actor": {"id": "x"}}
    return json.dumps({**event, **fields})


def at_of(identifier: str) -> str:
    from auditsaas.db.ids import time_of

    return time_of(UUID(identifier)).isoformat()


def test_event_with_an_id_keeps_it_and_needs_no_idempotency_key() -> None:
    (found,) = outcomes(jsonl(id=ID, seq=7, workspace="acme", occurred_at=at_of(ID)))
    assert isinstance(found, Parsed)
    assert found.id == UUID(ID)
    assert "idempotency_key" not in found.event


@pytest.mark.parametrize(
    ("identifier", "reason"),
    [
        ("x", "is not an event's id"),
        ("2a992f80-d1ad-4f62-900e-8c68bb72a21b", "is not the id of an event of that time"),
        (ID.replace("a000", "a001"), "is not the id of an event of that time"),
    ],
)
def test_id_that_contradicts_the_events_time_is_refused(identifier: str, reason: str) -> None:
    content = jsonl() + "\n" + jsonl(id=identifier, occurred_at=at_of(ID))
    assert reason in refusals(outcomes(content))[0][1]


def test_event_without_id_or_key_gets_a_key_from_its_line() -> None:
    found = events(outcomes(jsonl() + "\n" + jsonl(idempotency_key="mine")))
    assert [event["idempotency_key"] for event in found] == ["jsonl:file:1", "mine"]


def test_event_without_a_time_is_refused() -> None:
    content = jsonl() + '\n{"activity":"a","status":"success","actor":{"id":"x"}}'
    assert refusals(outcomes(content)) == [
        ("line 2", "has no occurred_at, so that it could be added twice")
    ]


@pytest.mark.parametrize("name", ["events", "data"])
def test_a_batch_and_a_page_of_the_api_are_read(name: str) -> None:
    assert len(events(outcomes(f'{{"{name}":[{jsonl()},{jsonl()}],"next_cursor":null}}'))) == 2


def test_events_are_imported_by_seq_in_any_file_order() -> None:
    content = "\n".join(jsonl(activity=f"a{seq}", seq=seq) for seq in (3, 1, 2))
    assert [event["activity"] for event in events(outcomes(content))] == ["a1", "a2", "a3"]


def test_a_csv_needs_four_columns_only() -> None:
    (event,) = events(outcomes(f"{HEADER}\n{ROW}\n"))
    assert event["actor"] == {"id": "ann"}
    assert event["idempotency_key"] == "csv:file:2"


def test_spreadsheet_guard_is_removed_and_any_other_apostrophe_kept() -> None:
    content = f"{HEADER},path,user_name\n{ROW},'=1+1,'tis\n"
    (event,) = events(outcomes(content))
    assert (event["path"], event["actor"]["name"]) == ("=1+1", "'tis")


def test_a_quoted_cell_may_hold_line_ends_and_the_next_row_is_still_counted_by_its_line() -> None:
    content = f'{HEADER},path\r\n{ROW},"/a\r\n""b"""\r\nbad\r\n'
    found = outcomes(content)
    assert events(found)[0]["path"] == '/a\r\n"b"'
    assert refusals(found) == [("line 4", "has 1 cells, not the header's 5")]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (f"{ROW},x,", "“x” is not a number"),
        (f"{ROW},1,nope", "“nope” is not JSON"),
        (f'{ROW},1,"a"b', "is not CSV from its character"),
        ("yesterday,a,success,ann,1,", "“yesterday” is not a time"),
        ("2026-05-15 13:20:04,a,success,ann,1,", "has no zone, and none is assumed"),
    ],
)
def test_a_bad_row_is_refused_with_a_reason(row: str, reason: str) -> None:
    found = outcomes(f"{HEADER},duration_ms,metadata\n{ROW},1.5,\n{row}\n")
    assert len(events(found)) == 1
    ((place, said),) = refusals(found)
    assert place == "line 3"
    assert reason in said


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("created_at,activity,status", "line 1: the header has no user_id"),
        (f"{HEADER},shoe_size", "line 1: “shoe_size” is no known column"),
    ],
)
def test_unknown_csv_header_is_refused(header: str, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        outcomes(f"{header}\n{ROW}\n", "csv")


@pytest.mark.slow
def test_unclosed_quote_is_not_kept_in_memory() -> None:
    content = f'{HEADER},path\n{ROW},/a\n{ROW},"' + "x\n" * 600_000 + f"{ROW},/b\n"
    found = outcomes(content)
    assert events(found)[0]["path"] == "/a"
    assert refusals(found)[0] == (
        "line 3",
        "longer than 1,048,576 bytes, or a quote is never closed",
    )
