"""The parts of a report as one document, with its title, language and bookmarks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pikepdf
from pikepdf import Dictionary, Name, OutlineItem, Pdf

POINTS_PER_PIXEL = 0.75
PAGE_POINTS = 595.28


@dataclass(frozen=True)
class Bookmark:
    title: str
    page: int
    """Counted from 0."""
    top: float
    """CSS pixels below the page's upper edge."""


def merge(
    parts: Sequence[Path], target: Path, *, title: str, author: str, bookmarks: Sequence[Bookmark]
) -> int:
    """Write the parts' pages to ``target``, in their order; how many there are."""
    with ExitStack() as opened, Pdf.new() as whole:
        for part in parts:
            whole.pages.extend(opened.enter_context(Pdf.open(part)).pages)
        whole.Root.Lang = pikepdf.String("en")
        whole.Root.ViewerPreferences = Dictionary(DisplayDocTitle=True)
        with whole.open_metadata(set_pikepdf_as_editor=False) as metadata:
            metadata["dc:title"] = title
            metadata["dc:language"] = ["en"]
            metadata["dc:creator"] = [author]
        with whole.open_outline() as outline:
            outline.root.extend(_item(bookmark) for bookmark in bookmarks)
        whole.Root.PageMode = Name.UseOutlines
        whole.save(
            target,
            object_stream_mode=pikepdf.ObjectStreamMode.generate,
            deterministic_id=True,
        )
        return len(whole.pages)


def _item(bookmark: Bookmark) -> OutlineItem:
    top = PAGE_POINTS - bookmark.top * POINTS_PER_PIXEL
    return OutlineItem(bookmark.title, bookmark.page, "XYZ", left=0, top=round(top, 1))
