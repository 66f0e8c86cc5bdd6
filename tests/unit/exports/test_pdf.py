"""The printable report: every row once, in order, findable, and nothing loaded from elsewhere."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pikepdf
import pypdf
import pypdfium2  # type: ignore[import-untyped]
import pytest
from flask import Flask
from PIL import ImageChops
from sqlalchemy import Engine

from auditsaas.accounts.models import User
from auditsaas.exports.building.opening import InstallationOptions
from auditsaas.exports.limits import pages_of, row_limits
from auditsaas.exports.writers.pdf import layout, typesetting
from auditsaas.exports.writers.pdf.render import PackagedOnly
from auditsaas.workspaces.models import Workspace
from tests.support.exporting import ask, build_in, parsed_filter
from tests.support.factories import append_events, event_input, make_member, make_workspace

pytestmark = pytest.mark.slow

INVOICES = parsed_filter({"activity": "invoice.*"})
NEW_YORK = ZoneInfo("America/New_York")
LEAST_UNLIKE = 0.02
"""The share of dots that differ where a page is moved by one CSS pixel."""
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def workspace(engine: Engine) -> Workspace:
    return make_workspace("Halden Freight")


@pytest.fixture
def report(app: Flask, tmp_path: Path, workspace: Workspace, admin: User) -> Any:
    def made(workspaces: list[Workspace] | None = None) -> bytes:
        export_id = ask(admin, workspaces or [workspace], INVOICES, NEW_YORK, format="pdf")
        export = build_in(app, export_id, tmp_path)
        assert export.state == "ready", export.error
        return (tmp_path / export.file_key).read_bytes()

    return made


def numbered(count: int) -> list[dict[str, Any]]:
    """Events a minute apart, the newest having the highest number."""
    return [
        event_input(
            occurred_at=(NOON + timedelta(minutes=n)).isoformat(),
            targets=[{"type": "invoice", "id": f"inv-{n:04}"}],
            status="error" if n % 5 == 0 else "success",
        )
        for n in range(count)
    ]


def text_of(content: bytes, mode: Literal["plain", "layout"] = "layout") -> list[str]:
    """The text of each page, as it is laid out."""
    reader = pypdf.PdfReader(io.BytesIO(content))
    return [page.extract_text(extraction_mode=mode) for page in reader.pages]


def words_of(content: bytes) -> str:
    return " ".join(" ".join(text_of(content)).split())


def test_pdf_contains_every_row_once_in_order_and_complete(
    report: Any, workspace: Workspace
) -> None:
    append_events(workspace, numbered(600))
    pages = text_of(report())
    lines = [line for page in pages for line in page.splitlines() if "inv-" in line]
    found = [re.search(r"inv-(\d+)", line)[1] for line in lines]  # type: ignore[index]
    assert [int(number) for number in found] == list(range(599, -1, -1))
    for line in lines:
        assert re.search(
            r"03/01/2026 \d\d:\d\d:\d\d EST +Update invoice +inv-\d+ +POST"
            r" +(Success|Error) 200 +84 ms +Ann Lee ann@example.com +203.0.113.7",
            line,
        ), line


def test_each_page_has_its_number_the_total_and_the_header(
    report: Any, workspace: Workspace
) -> None:
    append_events(workspace, numbered(100))
    pages = text_of(report(), "plain")
    assert len(pages) == pages_of(100) == 4
    for number, page in enumerate(pages, start=1):
        assert f"Page {number} of 4" in page
        assert "Created At (New York)" in page


@pytest.mark.parametrize(("rows", "pages"), [(0, 1), (16, 1), (17, 2), (44, 2), (45, 3)])
def test_page_count_is_predicted_exactly(rows: int, pages: int) -> None:
    assert pages_of(rows) == pages


def test_cover_states_workspace_filter_requester_zone_and_totals(
    report: Any, workspace: Workspace, admin: User
) -> None:
    append_events(workspace, numbered(20))
    content = report()
    cover = " ".join(text_of(content)[0].split())
    for words in ("Audit Log Report", "Halden Freight", "Filter", "Activity type is"):
        assert words in cover
    whole = "".join(text_of(content, "plain")[0].split())
    assert admin.email in whole
    assert "NewYork(America/New_York)ESTisUTC−5" in whole
    assert re.search(r"20 16 4 1 1 84 ms", cover)
    assert "ends in “…”" in cover


def test_report_without_events_shows_it(report: Any) -> None:
    assert "No events match." in words_of(report())


def test_the_document_has_a_title_a_language_and_a_bookmark_a_day(
    report: Any, workspace: Workspace
) -> None:
    days = [event_input(occurred_at=f"2026-03-{day:02}T12:00:00Z") for day in (1, 2, 5)]
    append_events(workspace, days * 1)
    with pikepdf.open(io.BytesIO(report())) as document:
        assert document.Root.Lang == "en"
        assert document.docinfo["/Title"] == "Audit Log Report: Halden Freight"
        with document.open_outline() as outline:
            titles = [item.title for item in outline.root]
    assert titles == ["03/05/2026", "03/02/2026", "03/01/2026"]


def test_inter_is_embedded(report: Any, workspace: Workspace) -> None:
    append_events(workspace, numbered(3))
    fonts = {
        str(font["/BaseFont"])
        for page in pypdf.PdfReader(io.BytesIO(report())).pages
        for font in (each.get_object() for each in page["/Resources"]["/Font"].values())  # type: ignore[index]
    }
    assert any("Inter" in name for name in fonts)


def test_hostile_text_is_shown_as_text(report: Any, workspace: Workspace) -> None:
    names = ['<img src="http://127.0.0.1:9/x">', "<script>x</script>", "=1+1", "a\x01b", "Zoë Ü"]
    append_events(workspace, [event_input(actor={"id": "u", "name": name}) for name in names])
    content = report()
    words = words_of(content)
    assert "<script>x</script>" in words
    assert "a‹U+0001›b" in words
    assert "Zoë Ü" in words
    with pikepdf.open(io.BytesIO(content)) as document:
        assert all("/Annots" not in page for page in document.pages)


def test_a_text_that_is_too_long_ends_in_an_ellipsis(report: Any, workspace: Workspace) -> None:
    append_events(workspace, [event_input(actor={"id": "u", "name": "Long " + "x" * 200})])
    assert re.search(r"Long x+…", words_of(report()))


@pytest.mark.parametrize("width", [40, 80, 200])
def test_fitted_text_is_no_wider_than_its_column(width: int) -> None:
    shown = layout.fitted("Wide words, wider words and iiiiii", width)
    assert layout.fitted(shown, width) == shown
    assert layout.fitted("i", width) == "i"


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "http://127.0.0.1:8000/",
        "https://example.com/",
        "data:text/plain,x",
        "ftp://127.0.0.1/",
        "packaged:../secret",
    ],
)
def test_nothing_but_the_packaged_font_is_fetched(url: str) -> None:
    with pytest.raises(ValueError, match="loads nothing"):
        PackagedOnly().fetch(url)


def test_report_of_several_workspaces_has_a_workspace_column(
    report: Any, workspace: Workspace, admin: User
) -> None:
    second = make_workspace("Otter Rail")
    make_member(second, user=admin)
    append_events(workspace, numbered(2))
    append_events(second, numbered(1))
    lines = [
        line for line in text_of(report([workspace, second]))[0].splitlines() if "POST" in line
    ]
    assert [line.rstrip().endswith("Otter Rail") for line in lines].count(True) == 1
    assert [line.rstrip().endswith("Halden Freight") for line in lines].count(True) == 2


def test_too_many_rows_are_refused_with_a_reason(
    app: Flask, tmp_path: Path, workspace: Workspace, admin: User
) -> None:
    append_events(workspace, numbered(12))
    export_id = ask(admin, [workspace], INVOICES, format="pdf")
    export = build_in(
        app, export_id, tmp_path, InstallationOptions(row_limits=row_limits(pdf_rows=10))
    )
    assert export.state == "failed"
    assert "A PDF holds 10 rows; this filter matches 12. Choose CSV" in export.error


def picture(content: bytes, number: int) -> Any:
    """A page as a picture in greys, 144 pixels an inch."""
    page = pypdfium2.PdfDocument(content)[number]
    return page.render(scale=2).to_pil().convert("L")


def unlike(first: Any, second: Any) -> float:
    """The share of dots that are clearly lighter or darker in one of two pictures."""
    assert first.size == second.size
    counts = ImageChops.difference(first, second).histogram()
    return sum(counts[96:]) / sum(counts)


def test_drawn_page_looks_like_one_that_was_laid_out(
    report: Any, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the same page a pixel further down is another picture."""
    append_events(workspace, numbered(40))
    drawn = picture(report(), 1)
    # Without a font of its own, every text is a form that WeasyPrint made.
    monkeypatch.setattr(typesetting, "packaged_characters", frozenset)
    laid_out = picture(report(), 1)
    moved = ImageChops.offset(laid_out, 0, 2)
    assert unlike(drawn, laid_out) < LEAST_UNLIKE / 10
    assert unlike(moved, laid_out) > LEAST_UNLIKE


def test_text_of_another_script_is_found_in_its_row(report: Any, workspace: Workspace) -> None:
    names = [f"Żółć {n:02}" for n in range(40)]
    append_events(
        workspace,
        [
            event_input(actor={"id": "u", "name": name}, targets=[{"type": "t", "id": f"inv-{n}"}])
            for n, name in enumerate(names)
        ],
    )
    page = pypdfium2.PdfDocument(report())[1].get_textpage()
    for n in (0, 23):
        row, user = (_top(page, words) for words in (f"inv-{n}", names[n]))
        assert abs(row - user) < 2


def _top(page: Any, words: str) -> float:
    """How high the first place of these words on a page begins, in points."""
    found = page.search(words, match_whole_word=True).get_next()
    return float(page.get_charbox(found[0])[3])
