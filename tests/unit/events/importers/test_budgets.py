"""Reading a file costs no more than it may, and knowing what it is needs only its beginning."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from auditsaas.events.importers import budget as budgets
from auditsaas.events.importers.budget import MIB, Budget, SourceError
from auditsaas.events.importers.lines import Source, open_stream
from auditsaas.events.importers.reading import Reading
from auditsaas.events.importers.registry import AUTO, SAMPLE_BYTES, checked_format

LINE = b'192.0.2.1 - - [20/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "curl/8"\n'


@contextmanager
def opened(content: bytes, budget: Budget) -> Iterator[Source]:
    with open_stream("access.log.gz", io.BytesIO(content), budget) as source:
        yield source


def test_a_small_file_that_unpacks_to_very_much_is_refused_in_words() -> None:
    packed = gzip.compress(bytes(3 * MIB))
    assert len(packed) < 4096
    with (
        opened(packed, Budget(most_mib=2)) as source,
        pytest.raises(SourceError, match=r"access\.log\.gz holds more than 2 MiB, unpacked"),
    ):
        source.size  # noqa: B018  # reads it whole


def test_a_file_within_its_bound_is_read_whole() -> None:
    with opened(gzip.compress(bytes(2 * MIB)), Budget(most_mib=2)) as source:
        assert source.size == 2 * MIB


def test_a_file_that_takes_a_processor_too_long_is_refused_in_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(budgets, "GRACE_SECONDS", 0)
    with (
        opened(LINE * 2000, Budget(seconds_per_mib=0)) as source,
        pytest.raises(SourceError, match="takes too long to read"),
    ):
        list(checked_format(source, "combined").parse(source, Reading("key")))


@pytest.mark.parametrize("name", [AUTO, "combined"])
def test_a_format_is_known_by_the_beginning_of_a_file(name: str) -> None:
    content = LINE * (8 * SAMPLE_BYTES // len(LINE))
    with opened(content, Budget(most_mib=2 * SAMPLE_BYTES // MIB)) as source:
        assert checked_format(source, name).key == "combined"
        with pytest.raises(SourceError, match="holds more than"):
            source.size  # noqa: B018  # the control: the whole costs more than it may


def test_one_endless_line_is_of_no_format_before_it_is_read_whole() -> None:
    content = b"a" * (8 * SAMPLE_BYTES)
    with (
        opened(content, Budget(most_mib=3 * SAMPLE_BYTES // MIB)) as source,
        pytest.raises(SourceError, match="is not combined: line 1: nothing in its first"),
    ):
        checked_format(source, "combined")
