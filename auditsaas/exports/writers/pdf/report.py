"""PDF: a cover with the facts, then every row, on pages that are all laid out alike.

WeasyPrint makes the cover, the frame of the pages, and each text that the packaged font cannot
draw; rows are drawn on the frame a text at a time, fifty times as fast as they are laid out.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup
from sqlalchemy import Row, func

from auditsaas.events.models import events
from auditsaas.events.presenter import PresentedEvent, WorkspaceName, present
from auditsaas.evidence.tree.checkpoints import Sealed
from auditsaas.exports.limits import (
    PDF_ROWS,
    ROWS_ON_COVER,
    ROWS_ON_PAGE,
    TooManyRows,
    pages_of,
)
from auditsaas.exports.source import About, Output, Progress, Source
from auditsaas.exports.writers.pdf import cover
from auditsaas.exports.writers.pdf.drawing import Cell, Faces, page_content
from auditsaas.exports.writers.pdf.facts import Facts, facts
from auditsaas.exports.writers.pdf.layout import ROW_HEIGHT, Column, columns
from auditsaas.exports.writers.pdf.merge import About as Described
from auditsaas.exports.writers.pdf.merge import Bookmark, merge
from auditsaas.exports.writers.pdf.pages import Drawn
from auditsaas.exports.writers.pdf.render import Renderer
from auditsaas.exports.writers.pdf.typesetting import Line
from auditsaas.formatting import numbers, times, zones
from auditsaas.formatting.viewer import Viewer
from auditsaas.formatting.visible_text import visible

PAGES_A_PART: Final = 17
ROWS_A_PART: Final = PAGES_A_PART * ROWS_ON_PAGE
COVER_TOP: Final = 348
PAGE_TOP: Final = 62
CHUNK_BYTES: Final = 1 << 20
TITLE: Final = "Audit Log Report"

COLUMNS = tuple(
    column if column.key != "ip" else func.host(column).label("ip")
    for column in events.c
    if column.key not in ("changes", "metadata", "request_id", "idempotency_key")
)


@dataclass(frozen=True)
class _Table:
    """Rows of a page that WeasyPrint lays out, as a block of lines a column; or their frame."""

    number: int
    """Counted from 1; 0 for a frame, on which the number is drawn."""
    blocks: list[tuple[str, Markup]]
    """Each column's key and its lines."""
    rows: int


@dataclass(frozen=True)
class _Text:
    """A text in the first row of its column."""

    key: str
    html: Markup


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
        self._columns = columns(self._several, about.viewer.zone)
        self._renderer = Renderer(self._columns)
        self._pages = pages_of(counted.rows) + (about.seal is not None)
        self._bookmarks: list[Bookmark] = []
        self._faces = Faces()
        self._drawn = Drawn(folder, lambda shown: self._rendered("pages.html", shown=shown))
        self._day = ""
        self._first: _Table | None = None
        self._letters: dict[str, datetime] = {}
        """The letters of the rows' times, and a time of each."""
        self._code_points: Counter[str] = Counter()

    def made(self, progress: Progress) -> Path:
        done = 0
        for rows in self._portions():
            self._part(done, rows)
            done += len(rows)
            progress(done)
        if done != self._facts.rows:
            raise RuntimeError(f"{self._facts.rows} rows were counted, and {done} were read")
        self._drawn.end()
        names = sorted(self._about.names.values())
        about = Described(
            title=f"{TITLE}: {', '.join(visible(name) for name in names)}",
            author=self._about.brand,
            bookmarks=self._bookmarks,
        )
        target = self._folder / "report.pdf"
        seal = [self._seal(self._about.seal)] if self._about.seal else []
        merge(self._cover(), self._drawn, seal, self._faces, target, about)
        return target

    def _portions(self) -> Iterator[list[PresentedEvent]]:
        """Yield the cover's rows, which may be none, and then those of a few pages at a time."""
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
        if self._first is None:
            lines = self._lines(1, rows, COVER_TOP)
            self._first = _Table(1, self._blocks(lines, rows), len(rows))
            return
        first = 2 + (done - ROWS_ON_COVER) // ROWS_ON_PAGE
        for at in range(0, len(rows), ROWS_ON_PAGE):
            self._draw(first + at // ROWS_ON_PAGE, rows[at : at + ROWS_ON_PAGE])

    def _draw(self, number: int, rows: Sequence[PresentedEvent]) -> None:
        cells = [
            [self._cell(column, line, row) for line, row in zip(block, rows, strict=True)]
            for column, block in zip(
                self._columns, self._lines(number, rows, PAGE_TOP), strict=True
            )
        ]
        frame = self._drawn.form(len(rows), _Table(0, [], len(rows)))
        words = f"Page {number} of {self._pages}"
        self._drawn.add(
            page_content(self._columns, cells, frame=frame, words=words, faces=self._faces)
        )

    def _cell(self, column: Column, line: Line, row: PresentedEvent) -> Cell:
        failed = column.key == "status" and row.failed
        if line.plain is not None:
            return Cell(line.plain, failed)
        html = _failed(line.html) if failed else line.html
        form = self._drawn.form((column.key, html), _Text(column.key, html))
        return Cell("", failed, form)

    def _cover(self) -> Path:
        """Render the first page, drawn last: it tells what was found in the rows."""
        said = cover.texts(self._about, self._renderer.typesetter)
        for line in said.values():
            self._counted(line)
        path = self._drawn.path()
        content = self._rendered(
            "cover.html",
            page=self._first,
            about=self._about,
            facts=self._facts,
            bars=cover.bars(self._facts),
            place=times.place(self._about.viewer),
            legend=zones.legend(self._letters.values(), self._about.viewer.zone),
            code_points=self._code_points,
            title=TITLE,
            times=times,
            numbers=numbers,
            **{name: line.html for name, line in said.items()},
        )
        path.write_bytes(content)
        return path

    def _seal(self, sealed: Sealed) -> Path:
        """Render the last page, which holds the newest seal of the log."""
        at = times.stamp(sealed.at, self._about.viewer)
        path = self._drawn.path()
        path.write_bytes(self._rendered("seal.html", sealed=sealed, at=at, numbers=numbers))
        return path

    def _rendered(self, template: str, **shown: Any) -> bytes:
        return self._renderer.pdf(
            template,
            columns=self._columns,
            pages=self._pages,
            export_id=self._about.export_id,
            **shown,
        )

    def _lines(self, number: int, rows: Sequence[PresentedEvent], top: int) -> list[list[Line]]:
        """Return each column's texts, and note what bookmarks and the cover say of the rows."""
        viewer = self._about.viewer
        for at, row in enumerate(rows):
            day = times.date(row.occurred_at, viewer)
            if day != self._day:
                self._day = day
                self._bookmarks.append(Bookmark(day, number - 1, top + at * ROW_HEIGHT))
            self._letters.setdefault(times.zone_letters(row.occurred_at, viewer), row.occurred_at)
        return [[self._line(column, row) for row in rows] for column in self._columns]

    def _line(self, column: Column, row: PresentedEvent) -> Line:
        text = _text(column.key, row, self._about.viewer)
        line: Line = self._renderer.typesetter.line(text, column.width, column.weight)
        self._counted(line)
        return line

    def _blocks(
        self, lines: Sequence[Sequence[Line]], rows: Sequence[PresentedEvent]
    ) -> list[tuple[str, Markup]]:
        return [
            (
                column.key,
                Markup("\n").join(
                    _failed(line.html) if column.key == "status" and row.failed else line.html
                    for line, row in zip(block, rows, strict=True)
                ),
            )
            for column, block in zip(self._columns, lines, strict=True)
        ]

    def _counted(self, line: Line) -> None:
        self._code_points.update(line.code_points)


def _failed(html: Markup) -> Markup:
    return Markup("<b>{}</b>").format(html)


def _text(key: str, row: PresentedEvent, viewer: Viewer) -> str:
    match key:
        case "created":
            return times.row_stamp(row.occurred_at, viewer)
        case "activity":
            return row.label
        case "status":
            return f"{row.status} {row.code.partition(' ')[0]}".rstrip()
        case "response":
            return numbers.milliseconds(row.latency.ms) if row.latency else ""
        case "user":
            return f"{row.user} {row.user_sub}".rstrip()
        case "agent":
            return ", ".join(part for part in (row.platform, row.browser) if part)
        case _:
            return str(getattr(row, key))
