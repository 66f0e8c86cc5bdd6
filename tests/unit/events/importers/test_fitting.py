import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditsaas.events.importers.fitting import fit
from auditsaas.events.importers.lines import SourceError
from auditsaas.events.importers.outcomes import status_of
from auditsaas.events.importers.registry import FORMATS
from auditsaas.events.schema import RefusedEvent, from_mapping
from tests.support.cases import cases
from tests.unit.events.importers.reading_files import FIXTURES, NOW, events, outcomes, refusals

NESTED: dict[str, Any] = {"a": 1}
for _ in range(20):
    NESTED = {"in": [NESTED]}


def github_with(**fields: Any) -> dict[str, Any]:
    record = {"action": "repo.create", "actor": "ann", "created_at": 1794816000000} | fields
    (event,) = events(outcomes(json.dumps(record), "github"))
    return event


def test_values_nested_too_deeply_become_json_text() -> None:
    found = github_with(deep=NESTED)["metadata"]["deep"]
    levels = 0
    while not isinstance(found, str):
        found = found["in"] if isinstance(found, dict) else found[0]
        levels += 1
    assert levels == 9
    assert json.loads(found)


def test_metadata_too_large_is_cut_at_its_largest_and_says_so() -> None:
    metadata = github_with(small="kept", large={"list": ["é"] * 20_000})["metadata"]
    assert metadata["small"] == "kept"
    assert metadata["cut"] == ["large"]
    assert metadata["large"].startswith('{"list":["é","é"')
    assert len(json.dumps(metadata, ensure_ascii=False).encode()) > 16_000


def test_too_many_small_values_are_joined_to_one_text() -> None:
    metadata = github_with(**{f"field{n}": "x" * 20 for n in range(2000)})["metadata"]
    assert metadata["cut"] == ["record"]
    assert metadata["record"].startswith('{"field0":"x')


def test_nul_and_halves_of_surrogate_pairs_are_made_storable() -> None:
    metadata = github_with(a="x\x00y", b="\ud83d", c="\N{ROCKET}")["metadata"]
    assert metadata == {"a": "x\\x00y", "b": "\N{REPLACEMENT CHARACTER}", "c": "\N{ROCKET}"}


def test_invalid_utf8_in_json_is_replaced() -> None:
    raw = b'{"action":"repo.create","actor":"ann","created_at":1794816000000,"x":"\xe9"}'
    (event,) = events(outcomes(raw, "github"))
    assert event["metadata"] == {"x": "\N{REPLACEMENT CHARACTER}"}


def test_more_targets_than_an_event_holds_are_all_in_metadata() -> None:
    event = github_with(repo=[f"acme/{n}" for n in range(25)])
    assert len(event["targets"]) == 20
    assert len(event["metadata"]["targets"]) == 25


def test_an_actor_too_long_is_cut_and_kept() -> None:
    event = github_with(actor="a" * 300)
    assert event["actor"]["id"] == "a" * 256
    assert event["metadata"]["actor"] == "a" * 300


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("SUCCESS", "success"),
        ("ALLOW", "success"),
        ("CHALLENGE", "success"),
        ("SKIPPED", "success"),
        ("UNKNOWN", "success"),
        (None, "success"),
        ("FAILURE", "error"),
        ("failure", "error"),
        ("user_login_failed", "error"),
        ("DENY", "error"),
        ("DENIED", "error"),
        ("RATE_LIMIT", "error"),
        ("timed_out", "error"),
    ],
)
def test_outcome_words_map_to_success_or_error(word: str | None, status: str) -> None:
    assert status_of(word) == status


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=20,
)
SAMPLE_RECORDS = [
    json.loads(line)
    for path in sorted(FIXTURES.glob("*.jsonl"))
    for line in path.read_text().splitlines()
    if line.startswith("{")
]


WIDE = st.recursive(
    st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])).map("é".join),
    lambda inner: st.lists(inner, max_size=2).map(lambda values: [values]),
    max_leaves=40,
)


@given(st.dictionaries(st.text("abc", max_size=5), WIDE, max_size=5), st.integers(0, 4000))
def test_any_metadata_is_cut_to_what_an_event_holds(metadata: dict[str, Any], times: int) -> None:
    metadata |= {"more": [metadata.copy()] * times}
    fit(metadata)
    event = {"activity": "a", "status": "success", "actor": {"id": "x"}, "metadata": metadata}
    assert from_mapping(event, NOW).metadata == metadata


@settings(max_examples=cases(60))
@given(
    st.sampled_from([key for key in FORMATS if key != "csv"]),
    st.sampled_from(SAMPLE_RECORDS),
    st.data(),
)
def test_a_record_with_any_value_anywhere_is_a_storable_event_or_refused(
    format: str, record: dict[str, Any], data: st.DataObject
) -> None:
    broken = dict(record)
    broken[data.draw(st.sampled_from(sorted(record)))] = data.draw(JSON)
    try:
        found = outcomes(json.dumps(broken, allow_nan=False), format)
    except RefusedEvent as refused:
        # An importer knows no clock; what is ahead of the log's own is refused by the log.
        if [error.field for error in refused.errors] != ["occurred_at"]:
            raise
        return
    except (SourceError, ValueError):
        return
    assert len(events(found)) + len(refusals(found)) == 1
