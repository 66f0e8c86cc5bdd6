"""A time in a file leads back to its instant, also in a night that has an hour twice."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import openpyxl
import pypdf
import pytest
from flask import Flask

from auditsaas.events.filter.period import TimeRange
from auditsaas.exports.building.file_header import period_words
from auditsaas.formatting.viewer import Viewer
from tests.support.clocks import changes, read_back
from tests.support.exporting import ask, build_in, parsed_filter
from tests.support.factories import append_events, event_input, make_member, make_workspace

INVOICES = parsed_filter({"activity": "invoice.*"})
TODAY = datetime(2026, 11, 19, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
NIGHTS = [
    "America/New_York",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Europe/Dublin",
    "Europe/Moscow",
    "Pacific/Chatham",
    "UTC",
]
Made = Callable[[str, str], bytes]


def instants(zone: str) -> list[datetime]:
    """Newest first: two nights of change, every quarter of an hour, and two seasons."""
    nights = [change for change in changes(zone) if change < TODAY][-2:]
    near = [night + step * QUARTER for night in nights for step in range(-8, 9)]
    seasons = [datetime(2026, month, 20, 10, tzinfo=UTC) for month in (1, 7)]
    return sorted({*near, *seasons}, reverse=True)


@pytest.fixture
def made(app: Flask, tmp_path: Path) -> Made:
    def exported(zone: str, format: str) -> bytes:
        workspace = make_workspace()
        admin = make_member(workspace)
        sent = [event_input(occurred_at=at.isoformat()) for at in instants(zone)]
        append_events(workspace, sent)
        export_id = ask(admin, [workspace], INVOICES, ZoneInfo(zone), format=format)
        export = build_in(app, export_id, tmp_path)
        assert export.state == "ready", export.error
        return (tmp_path / export.file_key).read_bytes()

    return exported


@pytest.mark.parametrize("zone", NIGHTS)
def test_a_sheet_s_times_lead_back_to_their_instants(made: Made, zone: str) -> None:
    book = openpyxl.load_workbook(io.BytesIO(made(zone, "xlsx")))
    cells = [row[0] for row in book["Events"].iter_rows(min_row=2)]
    letters = [cell.number_format.split('"')[1] for cell in cells]
    shown = [f"{c.value:%m/%d/%Y %H:%M:%S} {of}" for c, of in zip(cells, letters, strict=True)]
    assert [read_back(text, ZoneInfo(zone)) for text in shown] == instants(zone)
    assert all(cell.is_date for cell in cells)
    assert zone in str(book["Notes"]["B4"].value)


@pytest.mark.slow
@pytest.mark.parametrize("zone", NIGHTS)
def test_a_report_s_times_lead_back_to_their_instants(made: Made, zone: str) -> None:
    pages = pypdf.PdfReader(io.BytesIO(made(zone, "pdf"))).pages
    lines = [
        line for page in pages for line in page.extract_text(extraction_mode="layout").splitlines()
    ]
    times = [re.match(r" *(\d\d/\d\d/\d{4} [\d:]{8}) +(\S+).* 84 ms", line) for line in lines]
    shown = [f"{found[1]} {found[2] if zone != 'UTC' else 'UTC'}" for found in times if found]
    assert [read_back(text, ZoneInfo(zone)) for text in shown] == instants(zone)


BERLIN = Viewer(zone=ZoneInfo("Europe/Berlin"))
JULY = datetime(2026, 7, 1, 10, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 19, 23, tzinfo=UTC)


def test_both_ends_of_a_period_have_their_own_letters() -> None:
    words = period_words(TimeRange(JULY, TODAY), TODAY, BERLIN)
    assert words == "07/01/2026 12:00:00 CEST to 11/19/2026 13:00:00 CET"


def test_period_without_a_start_ends_at_its_end() -> None:
    assert period_words(TimeRange(end=JULY), TODAY, BERLIN) == "Up to 07/01/2026 12:00:00 CEST"


@pytest.mark.parametrize(
    ("period", "words"),
    [
        (TimeRange(), "Everything"),
        (TimeRange(start=JULY), "From 07/01/2026 12:00:00 CEST,"),
        (TimeRange(JULY, MIDNIGHT), "07/01/2026 12:00:00 CEST to 11/20/2026 00:00:00 CET,"),
    ],
)
def test_unfinished_period_ends_at_the_last_received_event(period: TimeRange, words: str) -> None:
    """An event may have occurred ten minutes ahead of the clock by which the file was asked for."""
    said = period_words(period, TODAY, BERLIN)
    assert said == f"{words} received by 11/19/2026 13:00:00 CET"
