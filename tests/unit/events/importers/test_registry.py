import bz2
import gzip
import lzma
from datetime import UTC
from pathlib import Path

import pytest

from auditsaas.events.importers.lines import SourceError, open_source
from auditsaas.events.importers.mapping.presets import presets
from auditsaas.events.importers.outcome import Parsed
from auditsaas.events.importers.registry import AUTO, FORMATS, NAMES, checked_format
from tests.unit.events.importers.reading_files import FIXTURES, outcomes

ACCESS_LOG = FIXTURES.parent / "access.log"
FILES = {
    "1password.json": "1password",
    "alb.log": "alb",
    "bitbucket.log": "bitbucket",
    "caddy.jsonl": "caddy",
    "cloudfront.log": "cloudfront",
    "cloudtrail.json": "cloudtrail",
    "github-audit.jsonl": "github",
    "github-public.jsonl": "github",
    "gitlab.jsonl": "gitlab",
    "iis.log": "iis",
    "jira.log": "atlassian",
    "k8s.log": "k8s",
    "lookup-events.json": "cloudtrail",
    "nginx.jsonl": "nginx-json",
    "notion.jsonl": "notion",
    "nova.log": "openstack",
    "okta.json": "okta",
    "slack.json": "slack",
    "traefik.jsonl": "traefik",
    "zendesk.json": "zendesk",
    "../access.log": "combined",
}


def recognised(path: Path, name: str = AUTO) -> str:
    with open_source(str(path)) as source:
        return checked_format(source, name, UTC).key


@pytest.mark.parametrize(("name", "format"), FILES.items())
def test_every_format_is_recognised_by_its_content(name: str, format: str, tmp_path: Path) -> None:
    packed = tmp_path / "nameless"
    packed.write_bytes(gzip.compress((FIXTURES / name).read_bytes()))
    assert recognised(packed) == format


def test_every_foreign_format_has_a_fixture() -> None:
    assert set(FILES.values()) == FORMATS.keys() - presets().keys() - {"csv", "jsonl"}


def test_every_format_can_be_named_and_some_by_further_names() -> None:
    assert {*FORMATS, AUTO, "common", "jira", "confluence"} == set(NAMES)
    assert recognised(ACCESS_LOG, "common") == "combined"


@pytest.mark.parametrize("name", [key for key in FORMATS if key != "combined"])
def test_a_file_of_another_format_is_refused_whole_and_its_own_named(name: str) -> None:
    with pytest.raises(SourceError, match=rf"is not {name}: .*It looks like combined$"):
        recognised(ACCESS_LOG, name)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"AnalysisType: rule\nTests:\n", "is of no known format: it begins with “AnalysisType"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "is of no known format: it begins with “\\\\x89PNG"),
        (b'{"hello":"world"}\n', "is of no known format"),
        (b"[1, 2, 3]", "is of no known format"),
        (b"<html>", "is of no known format"),
    ],
)
def test_unknown_format_is_refused_with_the_files_beginning(content: bytes, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        outcomes(content)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (gzip.compress(gzip.compress(b"x")), "it was packed by gzip twice; unpack it once"),
        (bz2.compress(b"x"), "it is packed by bzip2; unpack it"),
        (lzma.compress(b"x"), "it is packed by xz; unpack it"),
        (b"PK\x03\x04...", "it is a ZIP archive; unpack it"),
        (ACCESS_LOG.read_text().encode("utf-16"), "it is text in UTF-16; convert it to UTF-8"),
    ],
    ids=["gzip twice", "bzip2", "xz", "zip", "UTF-16"],
)
def test_files_that_are_no_logs_are_refused_with_advice(content: bytes, words: str) -> None:
    with pytest.raises(SourceError, match=f"is of no known format: {words}$"):
        outcomes(content)


@pytest.mark.parametrize("cut", [-1, -40, 900])
def test_a_json_document_that_is_cut_is_refused_by_its_byte(cut: int) -> None:
    content = (FIXTURES / "cloudtrail.json").read_bytes().rstrip()[:cut]
    with pytest.raises(SourceError, match=r"is broken at byte [0-9,]+: the file ends"):
        outcomes(content)
    with pytest.raises(SourceError, match=r"is broken at byte [0-9,]+: the file ends"):
        outcomes(content, "cloudtrail")


@pytest.mark.parametrize("name", [AUTO, *FORMATS])
def test_an_empty_file_has_no_events(name: str) -> None:
    assert outcomes(b"\n \n", name) == []


def test_a_good_file_keeps_its_bad_lines_apart() -> None:
    found = outcomes(ACCESS_LOG.read_bytes() + b"\xff\x00\n")
    assert sum(isinstance(outcome, Parsed) for outcome in found) == 4
    assert len(found) == 6
