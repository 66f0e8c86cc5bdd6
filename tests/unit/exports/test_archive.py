"""Archives that are written from front to back."""

from __future__ import annotations

import io
import zipfile
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from auditsaas.exports.building.archive import archive

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Stream:
    """A stream that can only be written."""

    def __init__(self) -> None:
        self.written = bytearray()

    def write(self, chunk: bytes) -> None:
        self.written += chunk


def test_archive_of_a_stream_is_whole_and_keeps_all_in_one_folder() -> None:
    stream = Stream()
    with archive(stream, "acme", AT) as packing:
        with packing.file("rows.jsonl") as file:
            for _ in range(100):
                file.write(b"a row\n" * 1000)
        packing.add("README.txt", "Élodie")
    with zipfile.ZipFile(io.BytesIO(stream.written)) as read:
        assert read.testzip() is None
        assert read.namelist() == ["acme/rows.jsonl", "acme/README.txt"]
        assert read.read("acme/rows.jsonl") == b"a row\n" * 100_000
        assert read.read("acme/README.txt").decode() == "Élodie"


def test_archive_that_was_broken_off_ends_nothing() -> None:
    stream = Stream()
    with suppress(OSError), archive(stream, "acme", AT) as packing:
        packing.add("README.txt", "words")
        raise OSError("the disk is full")
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(stream.written))
