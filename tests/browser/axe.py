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
OPEN_MENU = ":popover-open"
SCRIPT = Axe().axe_script
CHECK = """async ([within, all, ofColour]) => {
    const root = document.documentElement.dataset;
    const broken = async (options) => (await axe.run(within ?? document, options)).violations.map(
        (rule) => `${rule.id}: ${rule.nodes[0].html.slice(0, 200)}`
    );
    const found = await broken(all), before = root.bsTheme;
    root.bsTheme = before === "dark" ? "light" : "dark";
    found.push(...(await broken(ofColour)).map((rule) => `in the other theme: ${rule}`));
    root.bsTheme = before;
    return found;
}"""


def violations(page: Page, within: str | None = None) -> list[str]:
    """Return the broken rules of WCAG 2.2 AA, of the page or of what ``within`` selects.

    All are looked for in the present theme, those of colour in the other too, for themes differ in
    nothing but colours. The page must have been asked not to move (``reduced_motion``), for a
    colour that is changing is neither theme's.
    """
    settled(page)
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(SCRIPT)
    return list(page.evaluate(CHECK, [within, ALL, OF_COLOUR]))


def settled(page: Page) -> None:
    """Wait until no fragment is on its way."""
    page.wait_for_load_state("load")
    expect(page.locator(".htmx-request")).to_have_count(0)
