"""PDF: a cover with the facts, then every row, on pages that are all laid out alike.

Laying out one long table takes memory and time that grow with it. Here a page is one block of
text a column, a few hundred rows are rendered at a time, and the parts are merged.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup, escape
from sqlalchemy import Row, func

from auditsaas import formatting
from auditsaas.events.models import events
from auditsaas.events.presenter import PresentedEvent, WorkspaceName, present
from auditsaas.exports.limits import (
    PDF_ROWS,
    ROWS_ON_COVER,
    ROWS_ON_PAGE,
    TooManyRows,
    pages_of,
)
from auditsaas.exports.source import About, Output, Progress, Source
from auditsaas.exports.writers.pdf.facts import Facts, facts
from auditsaas.exports.writers.pdf.layout import (
    ROW_HEIGHT,
    Column,
    columns,
    fitted,
)
from auditsaas.exports.writers.pdf.merge import Bookmark, merge
from auditsaas.exports.writers.pdf.render import Renderer
from auditsaas.formatting import Viewer
from auditsaas.visible_text import visible

PAGES_A_PART: Final = 17
ROWS_A_PART: Final = PAGES_A_PART * ROWS_ON_PAGE
COVER_TOP: Final = 348
PAGE_TOP: Final = 62
CHUNK_BYTES: Final = 1 << 20
LONGEST_FILTER: Final = 240
LONGEST_ASKER: Final = 110
NAMES_WIDTH: Final = 700
TITLE: Final = "Audit Log Report"

COLUMNS = tuple(
    column if column.key != "ip" else func.host(column).label("ip")
    for column in events.c
    if column.key not in ("changes", "metadata", "request_id", "idempotency_key")
)


@dataclass(frozen=True)
class _Page:
    number: int
    """Counted from 1."""
    blocks: list[tuple[str, Markup]]
    """Each column's key and its lines."""
    rows: int


def write(source: Source, out: Output, progress: Progress) -> int:
    if source.about is None:
        raise ValueError("a report says who asked for it")
    counted = facts(source)
    limit = source.row_limit or PDF_ROWS
    if counted.rows > limit:
        raise TooManyRows("pdf", limit, counted.rows)
    with tempfile.TemporaryDirectory(prefix="report-") as folder:
        target = _Report(source, source.about, counted, Path(folder)).made(progress)
        with target.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                out.write(chunk)
    return counted.rows


class _Report:
    def __init__(self, source: Source, about: About, counted: Facts, folder: Path) -> None:
        self._source = source
        self._about = about
        self._facts = counted
        self._folder = folder
        self._several = len(source.slugs) > 1
        zone = formatting.zone_label(about.viewer, about.asked_at)
        self._columns = columns(self._several, zone)
        self._renderer = Renderer(self._columns)
        self._pages = pages_of(counted.rows)
        self._bookmarks: list[Bookmark] = []
        self._parts: list[Path] = []
        self._day = ""

    def made(self, progress: Progress) -> Path:
        done = 0
        for rows in self._portions():
            self._part(done, rows)
            done += len(rows)
            progress(done)
        if done != self._facts.rows:
            raise RuntimeError(f"{self._facts.rows} rows were counted, and {done} were read")
        names = sorted(self._about.names.values())
        target = self._folder / "report.pdf"
        merge(
            self._parts,
            target,
            title=f"{TITLE}: {', '.join(visible(name) for name in names)}",
            author=self._about.brand,
            bookmarks=self._bookmarks,
        )
        return target

    def _portions(self) -> Iterator[list[PresentedEvent]]:
        """The cover's rows, which may be none, and then those of a few pages at a time."""
        waiting: list[PresentedEvent] = []
        size = ROWS_ON_COVER
        for rows in self._source.rows(COLUMNS, ROWS_A_PART):
            waiting += [self._presented(row) for row in rows]
            while len(waiting) >= size:
                yield waiting[:size]
                waiting, size = waiting[size:], ROWS_A_PART
        if waiting or size == ROWS_ON_COVER:
            yield waiting

    def _presented(self, row: Row[Any]) -> PresentedEvent:
        slug, name = self._source.slugs[row.workspace_id], self._about.names[row.workspace_id]
        return present(row, WorkspaceName(slug, name))

    def _part(self, done: int, rows: list[PresentedEvent]) -> None:
        shared = {
            "columns": self._columns,
            "pages": self._pages,
            "export_id": self._about.export_id,
            "brand": self._about.brand,
        }
        if not self._parts:
            page = self._page(1, rows, COVER_TOP)
            pdf = self._renderer.pdf("cover.html", page=page, **shared, **self._cover())
        else:
            first = 2 + (done - ROWS_ON_COVER) // ROWS_ON_PAGE
            shown = [
                self._page(first + at // ROWS_ON_PAGE, rows[at : at + ROWS_ON_PAGE], PAGE_TOP)
                for at in range(0, len(rows), ROWS_ON_PAGE)
            ]
            pdf = self._renderer.pdf("pages.html", shown=shown, **shared)
        path = self._folder / f"{len(self._parts)}.pdf"
        path.write_bytes(pdf)
        self._parts.append(path)

    def _page(self, number: int, rows: Sequence[PresentedEvent], top: int) -> _Page:
        viewer = self._about.viewer
        for at, row in enumerate(rows):
            day = formatting.date(row.occurred_at, viewer)
            if day != self._day:
                self._day = day
                self._bookmarks.append(Bookmark(day, number - 1, top + at * ROW_HEIGHT))
        blocks = [
            (column.key, Markup("\n").join(_cell(column, row, viewer) for row in rows))
            for column in self._columns
        ]
        return _Page(number, blocks, len(rows))

    def _cover(self) -> dict[str, Any]:
        about, counted = self._about, self._facts
        words = about.filter or "Everything"
        if len(words) > LONGEST_FILTER:
            words = f"{words[:LONGEST_FILTER]}… (the whole filter is on the export’s page)"
        return {
            "about": about,
            "title": TITLE,
            "facts": counted,
            "filter": visible(words),
            "names": fitted(visible(", ".join(sorted(about.names.values()))), NAMES_WIDTH),
            "asker": _short(visible(about.asker), LONGEST_ASKER),
            "viewer": about.viewer,
            "bars": _bars(counted),
            "formatting": formatting,
        }


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _cell(column: Column, row: PresentedEvent, viewer: Viewer) -> Markup:
    text = escape(fitted(_text(column.key, row, viewer), column.width, column.weight))
    return Markup("<b>{}</b>").format(text) if column.key == "status" and row.failed else text


def _text(key: str, row: PresentedEvent, viewer: Viewer) -> str:
    match key:
        case "created":
            at = row.occurred_at
            return f"{formatting.date(at, viewer)} {formatting.time(at, viewer)}"
        case "activity":
            return row.label
        case "status":
            return f"{row.status} {row.code.partition(' ')[0]}".rstrip()
        case "response":
            return formatting.milliseconds(row.latency.ms) if row.latency else ""
        case "user":
            return f"{row.user} {row.user_sub}".rstrip()
        case "agent":
            return ", ".join(part for part in (row.platform, row.browser) if part)
        case _:
            return str(getattr(row, key))


def _bars(counted: Facts) -> list[tuple[float, float, float, float]]:
    """Each bar's left, width, and the heights of errors and successes, of 240 by 44 units."""
    highest = max((sum(bar) for bar in counted.bars), default=0)
    if not highest:
        return []
    step = 240 / len(counted.bars)
    return [
        (
            round(at * step, 2),
            round(step * 0.8, 2),
            round(44 * errors / highest, 2),
            round(44 * successes / highest, 2),
        )
        for at, (successes, errors) in enumerate(counted.bars)
    ]
