"""Contrasts that axe leaves to people, such as of a select with an arrow, judged by computing."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Browser, Page

from auditsaas.accounts.models import User
from auditsaas.workspaces.models import Workspace
from tests.browser.axe import SCRIPT, settled
from tests.browser.conftest import visit
from tests.support.factories import append_events, event_input

ENOUGH = 4.5
PAGES = ("members", "schedules/new", "imports/new", "reads", "integrity", "audit-logs")
# Colours are painted over one another on one pixel, so that any notation and opacity counts.
LEFT_TO_PEOPLE = """async () => {
    const brush = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const paint = (colours) => {
        brush.clearRect(0, 0, 1, 1);
        for (const colour of colours) { brush.fillStyle = colour; brush.fillRect(0, 0, 1, 1); }
        return [...brush.getImageData(0, 0, 1, 1).data.slice(0, 3)];
    };
    const light = (pixel) => pixel.map((n) => n / 255)
        .map((n) => (n <= 0.04045 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4))
        .reduce((sum, n, at) => sum + n * [0.2126, 0.7152, 0.0722][at], 0);
    const contrast = (element) => {
        const under = [];
        for (let at = element; at; at = at.parentElement) {
            under.unshift(getComputedStyle(at).backgroundColor);
        }
        const page = paint(["white", ...under]);
        const text = paint(["white", ...under, getComputedStyle(element).color]);
        const [low, high] = [light(page), light(text)].sort((a, b) => a - b);
        return (high + 0.05) / (low + 0.05);
    };
    const found = {}, root = document.documentElement.dataset;
    for (const theme of ["light", "dark"]) {
        root.bsTheme = theme;
        const { incomplete } = await axe.run(document, {
            runOnly: { type: "rule", values: ["color-contrast"] }, resultTypes: ["incomplete"],
        });
        for (const { target } of incomplete.flatMap((rule) => rule.nodes)) {
            const place = target.join(" ");
            found[`${theme} ${place}`] = contrast(document.querySelector(place));
        }
    }
    return found;
}"""


def left_to_people(page: Page) -> dict[str, float]:
    """Return the contrast of each text that axe does not judge, in both themes."""
    settled(page)
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(SCRIPT)
    found: dict[str, Any] = page.evaluate(LEFT_TO_PEOPLE)
    return {place: round(float(contrast), 2) for place, contrast in found.items()}


def test_contrast_that_axe_does_not_judge_is_enough(
    browser: Browser, server: str, acme: Workspace, admin: User
) -> None:
    append_events(acme, [event_input(status="error", duration_ms=1_284)])
    visitor = visit(
        browser, server, reduced_motion="reduce", viewport={"width": 1440, "height": 1000}
    )
    visitor.sign_in(admin, "/account")
    judged: dict[str, float] = {}
    for path in PAGES:
        visitor.open(f"/w/{acme.slug}/{path}")
        judged |= {f"{path} {at}": n for at, n in left_to_people(visitor.page).items()}
    visitor.context.close()
    assert judged
    assert {place: n for place, n in judged.items() if n < ENOUGH} == {}
