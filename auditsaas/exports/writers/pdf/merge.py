"""The pages of a report as one document, with its title, language and bookmarks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pikepdf
from pikepdf import Dictionary, Name, Object, OutlineItem, Page, Pdf

from auditsaas.exports.writers.pdf.drawing import BOLD_NAME, REGULAR_NAME, Faces
from auditsaas.exports.writers.pdf.layout import PAGE_POINTS, POINTS_A_PIXEL
from auditsaas.exports.writers.pdf.pages import Drawn


@dataclass(frozen=True)
class Bookmark:
    title: str
    page: int
    """Counted from 0."""
    top: float
    """CSS pixels below the page's upper edge."""


@dataclass(frozen=True, kw_only=True)
class About:
    """The properties that a document states of itself."""

    title: str
    author: str
    bookmarks: Sequence[Bookmark]


def merge(
    cover: Path, drawn: Drawn, last: Sequence[Path], faces: Faces, target: Path, about: About
) -> int:
    """Write the cover, the drawn pages and what comes last to ``target``; how many pages."""
    with ExitStack() as opened, Pdf.new() as whole:
        whole.pages.extend(opened.enter_context(Pdf.open(cover)).pages)
        first_drawn = len(whole.pages)
        for path in drawn.pages:
            whole.pages.extend(opened.enter_context(Pdf.open(path)).pages)
        if drawn.pages:
            resources = _resources(whole, drawn, faces, opened)
            for page in whole.pages[first_drawn:]:
                page.obj.Resources = resources
        for path in last:
            whole.pages.extend(opened.enter_context(Pdf.open(path)).pages)
        _describe(whole, about)
        whole.save(
            target,
            object_stream_mode=pikepdf.ObjectStreamMode.generate,
            deterministic_id=True,
        )
        return len(whole.pages)


def _resources(whole: Pdf, drawn: Drawn, faces: Faces, opened: ExitStack) -> Object:
    """Make the resources that all drawn pages share."""
    forms = Dictionary()
    for file in drawn.forms:
        pages = opened.enter_context(Pdf.open(file.path)).pages
        for name, page in zip(file.names, pages, strict=True):
            forms[name] = whole.copy_foreign(Page(page).as_form_xobject())
    fonts = {
        REGULAR_NAME: faces.regular.embedded(whole),
        BOLD_NAME: faces.bold.embedded(whole),
    }
    return whole.make_indirect(Dictionary(Font=Dictionary(fonts), XObject=forms))


def _describe(whole: Pdf, about: About) -> None:
    whole.Root.Lang = pikepdf.String("en")
    whole.Root.ViewerPreferences = Dictionary(DisplayDocTitle=True)
    with whole.open_metadata(set_pikepdf_as_editor=False) as metadata:
        metadata["dc:title"] = about.title
        metadata["dc:language"] = ["en"]
        metadata["dc:creator"] = [about.author]
    with whole.open_outline() as outline:
        outline.root.extend(_item(bookmark) for bookmark in about.bookmarks)
    whole.Root.PageMode = Name.UseOutlines


def _item(bookmark: Bookmark) -> OutlineItem:
    top = PAGE_POINTS - bookmark.top * POINTS_A_PIXEL
    return OutlineItem(bookmark.title, bookmark.page, "XYZ", left=0, top=round(top, 1))
