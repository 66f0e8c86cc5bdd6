"""Every class that a template names has a style: Tabler's is cut down to those in use."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
STYLES: Final = (
    ROOT / "auditsaas/static/app.css",
    *(ROOT / "auditsaas/static/vendor").rglob("*.css"),
)
PAGES: Final = sorted(
    path
    for path in (ROOT / "templates").rglob("*.html")
    if not {"mail", "pdf"} & set(path.relative_to(ROOT).parts)
)
ATTRIBUTE: Final = re.compile(r"""\bclass="((?:\{[{%].*?[}%]\}|[^"])*)\"""", re.DOTALL)
EXPRESSION: Final = re.compile(r"\{[{%].*?[}%]\}", re.DOTALL)
CLASS: Final = re.compile(r"\.((?:\\.|[\w-])+)")
HOOKS: Final = frozenset({"lat-sum"})
"""Names that only scripts and tests look for."""


def styled() -> frozenset[str]:
    found = (name for path in STYLES for name in CLASS.findall(path.read_text()))
    return frozenset(name.replace("\\", "") for name in found) | HOOKS


def classes(markup: str) -> set[str]:
    """Return the classes that are written out, not those of expressions."""
    return {
        name
        for attribute in ATTRIBUTE.findall(markup)
        for name in EXPRESSION.sub(" ", attribute).split()
    }


@pytest.fixture(scope="module")
def known() -> frozenset[str]:
    return styled()


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_class_of_a_template_has_a_style(page: Path, known: frozenset[str]) -> None:
    unknown = classes(page.read_text()) - known
    assert not unknown, "misspelt, or to be added by scripts/vendor"


def test_class_without_a_style_is_found(known: frozenset[str]) -> None:
    markup = """<p class="btn {{ "a" if b else "c" }} no-such-class"></p>"""
    assert classes(markup) - known == {"no-such-class"}
