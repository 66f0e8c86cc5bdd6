import gzip
import io
from pathlib import Path

import pytest

from auditsaas.events.importers.lines import MAX_LINE_BYTES, SourceError, open_source


class Pipe(io.BytesIO):
    """Standard input that cannot be read twice."""

    def seekable(self) -> bool:
        return False


def read(content: bytes) -> list[tuple[int, bytes]]:
    with open_source("-", Pipe(content)) as source:
        return list(source.lines())


def test_lines_are_numbered_from_1_without_their_ends() -> None:
    assert read(b"a\r\n\nb\n") == [(1, b"a"), (2, b""), (3, b"b")]


def test_a_last_line_without_an_end_is_read() -> None:
    assert read(b"a\nb") == [(1, b"a"), (2, b"b")]


def test_an_empty_input_has_no_lines() -> None:
    assert read(b"") == []


def test_gzip_is_recognised_by_content_whatever_the_name(tmp_path: Path) -> None:
    content = b"a\nb\n"
    plain = tmp_path / "plain.gz"
    plain.write_bytes(content)
    packed = tmp_path / "packed.log"
    packed.write_bytes(gzip.compress(b"a\n") + gzip.compress(b"b\n"))
    with open_source(str(plain)) as one, open_source(str(packed)) as other:
        assert (one.identity, one.size) == (other.identity, other.size)
        assert list(one.lines()) == list(other.lines()) == [(1, b"a"), (2, b"b")]


def test_gzip_on_standard_input_is_unpacked() -> None:
    assert read(gzip.compress(b"a\n")) == [(1, b"a")]


def test_pipes_with_different_content_have_different_identities() -> None:
    with open_source("-", Pipe(b"a\n")) as one, open_source("-", Pipe(b"b\n")) as other:
        assert one.identity != other.identity


def test_lines_can_be_read_again() -> None:
    with open_source("-", io.BytesIO(b"a\nb\n")) as source:
        assert list(source.lines()) == list(source.lines())


def test_lines_appended_while_reading_are_left_out(tmp_path: Path) -> None:
    growing = tmp_path / "access.log"
    growing.write_bytes(b"a\nb\n")
    with open_source(str(growing)) as source:
        growing.open("ab").write(b"c\n")
        assert list(source.lines()) == [(1, b"a"), (2, b"b")]


@pytest.mark.parametrize("length", [MAX_LINE_BYTES + 1, MAX_LINE_BYTES * 3 + 5])
def test_only_the_beginning_of_an_endless_line_is_kept_in_memory(length: int) -> None:
    lines = read(b"x" * length + b"\nnext\n")
    assert [(number, len(line)) for number, line in lines] == [(1, MAX_LINE_BYTES + 1), (2, 4)]


def test_a_line_of_exactly_the_limit_is_whole() -> None:
    lines = read(b"x" * MAX_LINE_BYTES + b"\nnext\n")
    assert [(number, len(line)) for number, line in lines] == [(1, MAX_LINE_BYTES), (2, 4)]


@pytest.mark.parametrize("damage", [slice(0, -9), slice(0, 20)])
def test_truncated_gzip_file_is_refused_before_its_first_line(
    tmp_path: Path, damage: slice
) -> None:
    packed = tmp_path / "access.log.gz"
    packed.write_bytes(gzip.compress(b"a line\n" * 1000)[damage])
    with pytest.raises(SourceError, match="is not a whole gzip file"), open_source(str(packed)):
        pass


def test_missing_file_is_named() -> None:
    with (
        pytest.raises(SourceError, match=r"nowhere\.log cannot be read: No such file"),
        open_source("nowhere.log"),
    ):
        pass
