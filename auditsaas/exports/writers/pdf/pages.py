"""Keeps what pages are drawn of in files while a report is made: their content, and forms."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pikepdf import Dictionary, Name, Page, Pdf

from auditsaas.exports.writers.pdf.layout import PAGE_POINTS, PAGE_POINTS_WIDE

PAGES_A_FILE: Final = 500
FORMS_A_FILE: Final = 100

Render = Callable[[list[Any]], bytes]
"""Renders what forms show, a page each."""


@dataclass(frozen=True)
class Forms:
    """A PDF whose pages are forms, by their names."""

    path: Path
    names: tuple[str, ...]


class Drawn:
    """The contents of drawn pages, and the forms that they name."""

    def __init__(self, folder: Path, render: Render) -> None:
        self.pages: list[Path] = []
        self.forms: list[Forms] = []
        self._folder = folder
        self._render = render
        self._numbers = itertools.count(1)
        self._names: dict[Hashable, str] = {}
        self._waiting: dict[str, Any] = {}
        self._open: Pdf | None = None

    def path(self) -> Path:
        """Return the path of a new file."""
        return self._folder / f"{next(self._numbers)}.pdf"

    def form(self, key: Hashable, shown: Any) -> str:
        """Return the name of the form that shows this; the same for the same key."""
        name = self._names.get(key)
        if name is None:
            name = self._names[key] = f"/F{len(self._names)}"
            self._waiting[name] = shown
            if len(self._waiting) == FORMS_A_FILE:
                self._keep_forms()
        return name

    def add(self, content: bytes) -> None:
        """Add a page; it gets its resources when all are merged."""
        pdf = self._open = self._open or Pdf.new()
        page = Dictionary(
            Type=Name.Page,
            MediaBox=[0, 0, PAGE_POINTS_WIDE, PAGE_POINTS],
            Contents=pdf.make_stream(content),
        )
        pdf.pages.append(Page(page))
        if len(pdf.pages) == PAGES_A_FILE:
            self._keep_pages()

    def end(self) -> None:
        """Write what is still held back."""
        self._keep_forms()
        self._keep_pages()

    def _keep_forms(self) -> None:
        if self._waiting:
            path = self.path()
            path.write_bytes(self._render([*self._waiting.values()]))
            self.forms.append(Forms(path, tuple(self._waiting)))
            self._waiting = {}

    def _keep_pages(self) -> None:
        if self._open is not None:
            self.pages.append(self.path())
            self._open.save(self.pages[-1])
            self._open.close()
            self._open = None
