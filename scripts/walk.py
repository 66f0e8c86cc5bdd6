"""``make walk``: a newcomer's way to the first event, schedule and export, counted and pictured.

Once from an empty start with production's settings, once from ``make demo``. Each click and each
word of the pages that are met is counted; pictures of every page lie in ``var/walk``, at 1440 and
390 points, light and dark.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, sync_playwright

from scripts.scan.targets import ROOT, product
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.support.production import empty_production

FOLDER = ROOT / "var" / "walk"
EVENTS = 20_000
LOOKS = ((1440, 900, "light"), (1440, 900, "dark"), (390, 844, "light"), (390, 844, "dark"))
READ = (
    "() => (document.querySelector('main') ?? document.body).innerText.match(/\\S+/g)?.length ?? 0"
)
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
PASSWORD = "seven purple otters juggling"  # noqa: S105  # of an installation that ends with the walk


@dataclass
class Walk:
    """One newcomer: their page, and what they have done and read so far."""

    name: str
    page: Page
    folder: Path
    looks: Sequence[tuple[int, int, str]] = LOOKS
    clicks: int = 0
    fields: int = 0
    words: int = 0
    met: int = 0
    said: list[str] = field(default_factory=list)
    reached: list[tuple[str, int, int, int]] = field(default_factory=list)
    """What was reached after so many clicks, fields and words."""

    def __post_init__(self) -> None:
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))

    def open(self, url: str) -> None:
        self.page.goto(url)
        self.meet()

    def click(self, target: Locator) -> None:
        target.click()
        self.clicks += 1

    def fill(self, selector: str, text: str) -> None:
        self.page.fill(selector, text)
        self.fields += 1

    def meet(self) -> None:
        """Read the page that is shown, and take its pictures."""
        self.page.wait_for_load_state("networkidle")
        self.words += self.page.evaluate(READ)
        self.met += 1
        for width, height, theme in self.looks:
            self.page.set_viewport_size({"width": width, "height": height})
            self.page.evaluate(
                "(theme) => (document.documentElement.dataset.bsTheme = theme)", theme
            )
            if self.page.evaluate(OVERFLOW) > 0:
                self.said.append(f"scrolls sideways at {width}: {self.page.url}")
            self.page.screenshot(path=self.folder / f"{self.met:02}-{width}-{theme}.png")
        self.page.set_viewport_size({"width": LOOKS[0][0], "height": LOOKS[0][1]})
        self.page.evaluate("() => (document.documentElement.dataset.bsTheme = 'light')")

    def reach(self, what: str) -> None:
        self.reached.append((what, self.clicks, self.fields, self.words))


def set_up(walk: Walk, link: str) -> None:
    """Make the super-admin, the workspace and the first key."""
    page = walk.page
    walk.open(link)
    walk.fill("#name", "Mira Okafor")
    walk.fill("#email", "mira.okafor@halden.example")
    walk.fill("#password", PASSWORD)
    walk.fill("#workspace", "Halden Freight")
    walk.click(page.get_by_role("button", name="Set up, and go on"))
    page.locator("#first-event").wait_for()
    walk.meet()


def send_by_curl(walk: Walk, environment: dict[str, str]) -> None:
    """Copy the snippet, run it, and wait until the page has become the log."""
    page = walk.page
    walk.click(page.get_by_role("button", name="Copy the curl snippet"))
    text = page.locator("[data-way=curl] pre").inner_text()
    subprocess.run(["bash", "-ec", text], env=environment, check=True, capture_output=True)
    page.locator("#log-rows a").first.wait_for()
    walk.meet()
    walk.reach("first event")


def sign_in(walk: Walk, url: str, email: str, password: str) -> None:
    walk.open(url)
    walk.fill("#email", email)
    walk.fill("#password", password)
    walk.click(walk.page.get_by_role("button", name="Sign in", exact=True))
    walk.page.locator("#log-rows a").first.wait_for()
    walk.meet()
    walk.reach("first event")


def schedule(walk: Walk) -> None:
    """Schedule the log's view, by its own menu."""
    page = walk.page
    walk.click(page.locator("[popovertarget=use-view]"))
    walk.click(page.get_by_role("link", name="Schedule this view"))
    page.locator("#schedule-form").wait_for()
    walk.meet()
    if not page.locator("#s-name").input_value():
        walk.fill("#s-name", "Weekly report")
    if not page.locator("[name=recipients]:checked").count():
        walk.click(page.locator("[name=recipients]").first)
    walk.click(page.get_by_role("button", name="Create schedule"))
    page.wait_for_url("**/schedules/0*")
    walk.meet()
    walk.reach("first schedule")


def export(walk: Walk) -> None:
    """Go back to the log and download it as CSV."""
    page = walk.page
    walk.click(page.get_by_role("link", name="Audit Logs").first)
    page.locator("#log-rows a").first.wait_for()
    walk.click(page.locator("#download"))
    page.locator("[data-format=csv][data-bytes]").wait_for()
    walk.meet()
    csv = page.locator("[data-format=csv]")
    if csv.get_attribute("data-at-once") is None:
        # A worker builds what is large, and the page says when it is ready.
        walk.click(csv)
        csv = page.locator("#toasts").get_by_role("link", name="Download")
    with page.expect_download():
        walk.click(csv)
    walk.reach("first export")


def from_production(browser: Browser) -> Walk:
    with empty_production() as made:
        walk = begin(browser, "empty production start", "production")
        set_up(walk, made.link())
        send_by_curl(walk, made.environment)
        schedule(walk)
        export(walk)
        walk.page.context.close()
    return walk


def from_demo(browser: Browser) -> Walk:
    with product(FOLDER / "data", events=EVENTS) as demo:
        walk = begin(browser, "make demo", "demo")
        said = (FOLDER / "data" / "demo.log").read_text()
        email, password = said.partition("sign-in: admin ")[2].split()[:2]
        sign_in(walk, demo.url, email, password)
        walk.open(f"{demo.url}/w/acme/audit-logs?range=last_7_days")
        schedule(walk)
        export(walk)
        walk.page.context.close()
    return walk


def begin(browser: Browser, name: str, folder: str) -> Walk:
    (FOLDER / folder).mkdir(parents=True, exist_ok=True)
    context = browser.new_context(
        viewport={"width": LOOKS[0][0], "height": LOOKS[0][1]},
        reduced_motion="reduce",
        ignore_https_errors=True,
        permissions=["clipboard-read", "clipboard-write"],
    )
    return Walk(name, context.new_page(), FOLDER / folder)


def told(walk: Walk) -> str:
    lines = [
        f"| {walk.name} | {what} | {clicks} | {fields} | {words:,} |"
        for what, clicks, fields, words in walk.reached
    ]
    return "\n".join([*lines, *(f"console: {line}" for line in walk.said)])


WAYS: tuple[Callable[[Browser], Walk], ...] = (from_production, from_demo)


def main() -> None:
    print("| from | to | clicks | fields | words read |\n| --- | --- | --- | --- | --- |")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        for way in WAYS:
            print(told(way(browser)), flush=True)
        browser.close()
    print(f"pictures: {FOLDER.relative_to(ROOT)}", file=sys.stderr)


if __name__ == "__main__":
    main()
