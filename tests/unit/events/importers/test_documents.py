import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditsaas.events.importers import documents
from auditsaas.events.importers.documents import DocumentError

NAMES = frozenset({"Records"})


def records_of(content: bytes, step: int = 7) -> list[tuple[int, Any]]:
    """The records of a document that comes a few bytes at a time."""
    stream = io.BytesIO(content)
    found = documents.records(lambda most: stream.read(min(step, most)), NAMES)
    return [(byte, json.loads(raw)) for byte, raw in found]


def values_of(content: str | bytes, step: int = 7) -> list[Any]:
    raw = content if isinstance(content, bytes) else content.encode()
    return [value for _, value in records_of(raw, step)]


TEXT = st.text(st.sampled_from('"\\{}[],: é\n'), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.lists(st.dictionaries(st.text(max_size=4), JSON, max_size=4), max_size=4)


@given(OBJECTS, st.integers(1, 40), st.sampled_from([None, 1]))
def test_an_array_gives_its_elements_however_it_is_written(
    objects: list[Any], step: int, indent: int | None
) -> None:
    assert values_of(json.dumps(objects, indent=indent), step) == objects


@given(OBJECTS, st.dictionaries(st.text(max_size=4), JSON, max_size=3), st.integers(1, 40))
def test_an_object_gives_the_records_it_holds(
    objects: list[Any], around: dict[str, Any], step: int
) -> None:
    assert values_of(json.dumps(around | {"Records": objects}), step) == objects


@given(OBJECTS, st.integers(1, 40))
def test_concatenated_objects_are_records(objects: list[Any], step: int) -> None:
    content = "\n".join(json.dumps(value, indent=2) for value in objects)
    assert values_of(content, step) == objects


def test_each_record_carries_its_byte_offset() -> None:
    assert records_of(b'{"Records": [ {"a":1},\n{"b":2}]}') == [(14, {"a": 1}), (23, {"b": 2})]


def test_a_byte_order_mark_is_passed_over() -> None:
    assert values_of(b'\xef\xbb\xbf[{"a":1}]') == [{"a": 1}]


@pytest.mark.parametrize(
    ("content", "byte", "reason"),
    [
        ('{"Records": [{"a":1}, {"b":', 22, "the file ends inside the value that begins here"),
        ('{"Records": [{"a":1}', 20, "expected a comma or ]"),
        ('{"Records": [{"a":1} {"b":2}]}', 21, "found '{', expected a comma or ]"),
        ('[{"a":"b', 1, "the file ends inside the value that begins here"),
        ("[", 1, "the file ends here; expected a value"),
        ("{1:2}", 1, "found '1', expected a name in quotes"),
        ('{"a" 2}', 5, "found '2', expected :"),
        ("---\n- yaml", 0, "neither an object nor an array begins here"),
        ('[{"a":1}] end', 10, "neither an object nor an array begins here"),
    ],
)
def test_malformed_json_is_reported_with_its_byte_offset(
    content: str, byte: int, reason: str
) -> None:
    with pytest.raises(DocumentError) as caught:
        values_of(content)
    assert caught.value.byte == byte
    assert reason in caught.value.reason


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('["' + "a" * 2_000_000 + '"]', "more than 1,048,576 bytes"),
        ("[" * 2_000_000, "more than 1,000 deep"),
        ("[[]," * 1_000_000, "more than 1,000 deep"),
        ('{"a":[' + "1," * 1_000_000 + "1]}", "more than 1,048,576 bytes"),
    ],
)
def test_unterminated_value_is_not_kept_in_memory(content: str, reason: str) -> None:
    with pytest.raises(DocumentError, match=reason):
        values_of(content, 65_536)
