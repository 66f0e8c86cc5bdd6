"""``make pictures``: the pictures of the admin guide, taken of a demo by the tests' browser.

Each is scaled to one pixel a point and to few colours, so that the repository stays small.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from scripts.scan.targets import ROOT, Target, product
from tests.browser.conftest import CHROMIUM, FLAGS

FOLDER = ROOT / "docs" / "images"
EVENTS = 50_000
SIZE = {"width": 1280, "height": 760}
COLOURS = 255

Step = Callable[[Page], None]


def main() -> None:
    with product(ROOT / "var" / "pictures", events=EVENTS) as demo, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        context = browser.new_context(viewport=SIZE, reduced_motion="reduce")  # type: ignore[arg-type]  # a dict of the two
        pairs = (pair.split("=", 1) for pair in demo.cookie.split("; "))
        context.add_cookies(
            [{"name": name, "value": value, "url": demo.url} for name, value in pairs]
        )
        page = context.new_page()
        for name, (path, step) in PICTURES.items():
            take(page, demo, name, path, step)
        browser.close()


def take(page: Page, demo: Target, name: str, path: str, step: Step) -> None:
    page.goto(demo.url + path)
    page.wait_for_load_state("networkidle")
    step(page)
    page.wait_for_load_state("networkidle")
    save(page.screenshot(), FOLDER / f"{name}.png")


def save(png: bytes, path: Path) -> None:
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    # Red and green are rare among so much grey, and must stay.
    few = picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1024} KiB", file=sys.stderr)


def as_it_is(_: Page) -> None:
    """Nothing more to do."""


def open_first_event(page: Page) -> None:
    page.locator("#log-rows a").first.click()
    page.locator("#drawer h2").wait_for()


def ask_for_a_csv(page: Page) -> None:
    """Ask for an export and wait until it is ready."""
    token = page.locator("[name=csrf_token]").first.get_attribute("value") or ""
    form: dict[str, str | float | bool] = {
        "csrf_token": token,
        "format": "csv",
        "status": "error",
        "range": "last_30_days",
    }
    page.request.post(page.url, form=form, headers={"Referer": page.url})
    page.reload()
    page.locator("[data-state=ready]").first.wait_for()


PICTURES: dict[str, tuple[str, Step]] = {
    "log": ("/audit-logs?range=last_30_days", as_it_is),
    "event": ("/w/acme/audit-logs?status=error", open_first_event),
    "exports": ("/w/acme/exports", ask_for_a_csv),
    "schedule": ("/w/acme/schedules/new", as_it_is),
    "members": ("/w/acme/members", as_it_is),
    "api-keys": ("/w/acme/api-keys", as_it_is),
    "imports": ("/w/acme/imports/new", as_it_is),
    "settings": ("/w/acme/settings", as_it_is),
    "security": ("/account/security", as_it_is),
}


if __name__ == "__main__":
    main()
