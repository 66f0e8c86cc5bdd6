"""Findings of axe-core on a page, in both themes."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
ALL: dict[str, Any] = {
    "runOnly": {"type": "tag", "values": RULES},
    "resultTypes": ["violations"],
}
OF_COLOUR: dict[str, Any] = {
    "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
    "resultTypes": ["violations"],
}
AXE = Axe()
TURN = """(theme) => {
    const root = document.documentElement.dataset, before = root.bsTheme;
    root.bsTheme = theme ?? (before === "dark" ? "light" : "dark");
    return before;
}"""


def violations(page: Page) -> list[str]:
    """The broken rules of WCAG 2.2 AA: all in the present theme, those of colour in the other too.

    Themes differ in nothing but colours. The page must have been asked not to move
    (``reduced_motion``), for a colour that is changing is neither theme's.
    """
    settled(page)
    found = _broken(page, ALL)
    before = page.evaluate(TURN, None)
    found += [f"in the other theme: {rule}" for rule in _broken(page, OF_COLOUR)]
    page.evaluate(TURN, before)
    return found


def settled(page: Page) -> None:
    """Waits until no fragment is on its way."""
    page.wait_for_load_state("load")
    expect(page.locator(".htmx-request")).to_have_count(0)


def _broken(page: Page, options: dict[str, Any]) -> list[str]:
    found = AXE.run(page, options=options).response["violations"]
    return [f"{rule['id']}: {rule['nodes'][0]['html'][:200]}" for rule in found]
