"""HTML to PDF, a few pages at a time, reaching for nothing but the packaged font."""

# mypy: allow-untyped-calls
# (WeasyPrint ships no types)

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from weasyprint import CSS, HTML
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher, URLFetcherResponse

from auditsaas.exports.limits import ROWS_ON_COVER, ROWS_ON_PAGE
from auditsaas.exports.writers.pdf.layout import FONT, LEFT, ROW_HEIGHT, Column
from auditsaas.exports.writers.pdf.typesetting import Typesetter

TEMPLATES = Path(__file__).resolve().parents[4] / "templates/exports/pdf"
FONT_ADDRESS = "packaged:inter.woff2"


class PackagedOnly(URLFetcher):
    """Answers for the packaged font; files, networks and data addresses are all refused."""

    def fetch(self, url: str, headers: Mapping[str, str] | None = None) -> URLFetcherResponse:
        if url != FONT_ADDRESS:
            raise ValueError("a report loads nothing")
        return URLFetcherResponse(url, FONT.read_bytes(), {"Content-Type": "font/woff2"})


class Renderer:
    """Renders pages that share one style and one set of columns."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._fonts = FontConfiguration()
        style = (
            _templates()
            .get_template("report.css")
            .render(columns=columns, left=LEFT, row_height=ROW_HEIGHT, font=FONT_ADDRESS)
        )
        self._style = CSS(
            string=style, font_config=self._fonts, url_fetcher=PackagedOnly(), base_url="packaged:"
        )
        self.typesetter = Typesetter(self._fonts)
        self._rules = {rows: _rules(rows) for rows in range(max(ROWS_ON_COVER, ROWS_ON_PAGE) + 1)}

    def pdf(self, template: str, **shown: Any) -> bytes:
        page = _templates().get_template(template).render(rules=self._rules, **shown)
        document = HTML(string=page, url_fetcher=PackagedOnly(), base_url="packaged:")
        with _without_collecting():
            made: bytes = document.write_pdf(stylesheets=[self._style], font_config=self._fonts)
        return made


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Stop garbage collection while pages are rendered.

    A few pages are a hundred thousand objects that all live until the end of their rendering:
    looking for garbage among them again and again takes a seventh of the time.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _rules(rows: int) -> str:
    """Draw the lines below so many rows, as the data of one SVG path."""
    return "".join(f"M0 {row * ROW_HEIGHT - 0.5}H1035" for row in range(1, rows + 1))


@cache
def _templates() -> Environment:
    return Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True)
