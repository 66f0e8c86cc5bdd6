"""A real browser on a real server: gunicorn and a Celery worker, as in production."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from shutil import which
from time import perf_counter

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)
from sqlalchemy import Engine

from auditsaas.accounts.models import User
from auditsaas.own_actions import RequestFacts
from auditsaas.workspaces.account_events import enter
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tests.support.factories import PASSWORD, Sessions, make_member, make_workspace, unique
from tests.support.serving import WebProcess
from tests.support.workers import BROWSER_QUEUE, WorkerProcess, with_queue

# Chromium without the windows of a desktop browser, which take half of its work; or with them.
CHROMIUM = which("chromium-headless-shell") or which("chromium")
# What is expected comes at once on a quiet machine, and late on a busy one.
expect.set_options(timeout=30_000)
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/156.0.0.0"
PHONE: ViewportSize = {"width": 390, "height": 844}
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def server(
    settings: Settings, engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of the product, served by gunicorn."""
    queue = with_queue(settings, BROWSER_QUEUE)
    web = WebProcess(queue, tmp_path_factory.mktemp("web") / "log")
    web.start()
    yield web.url
    web.stop()


@pytest.fixture(scope="module")
def worker(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A worker that does what people ask for in the browser, until the file ends.

    Tests of other files show what waits.
    """
    queue = with_queue(settings, BROWSER_QUEUE)
    process = WorkerProcess(queue, tmp_path_factory.mktemp("worker") / "log")
    process.start()
    yield
    process.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield launched
        launched.close()


@pytest.fixture
def acme(server: str) -> Workspace:
    """A workspace without events; a file whose tests want some makes its own."""
    return make_workspace("Acme Freight")


@pytest.fixture
def admin(acme: Workspace) -> User:
    """An admin of Acme Freight, signed in nowhere."""
    return make_member(acme)


@dataclass
class Visitor:
    """A person's browser, and everything its console said."""

    context: BrowserContext
    server: str
    page: Page
    said: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        self.page.goto(self.server + path)

    def sign_in(self, user: User, path: str = "/audit-logs") -> None:
        """Open a page signed in, a super-admin with their second factor, and by no form."""
        facts = RequestFacts(
            method="POST",
            path="/login",
            ip="127.0.0.1",
            user_agent=AGENT,
            request_id=unique("sign-in"),
            started=perf_counter(),
        )
        with Sessions.begin() as session:
            person = session.get_one(User, user.id)
            session_id = enter(session, person, facts, second_factor=user.is_super_admin)
        self.context.add_cookies([{"name": "session", "value": session_id, "url": self.server}])
        self.open(path)

    def fill_sign_in(self, user: User, path: str = "/audit-logs") -> None:
        """Sign in through the form, as people do."""
        self.open(f"/login?next={path}")
        self.page.get_by_label("Email").fill(user.email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(f"**{path}")


def visit(browser: Browser, server: str, **options: object) -> Visitor:
    context = browser.new_context(**options)  # type: ignore[arg-type]
    visitor = Visitor(context, server, context.new_page())
    visitor.page.on("console", lambda message: visitor.said.append(message.text))
    visitor.page.on("pageerror", lambda error: visitor.said.append(str(error)))
    return visitor


@pytest.fixture
def visitor(browser: Browser, server: str) -> Iterator[Visitor]:
    """A browser of its own; the test fails if its console says anything.

    Chromium itself logs a line for every answer of 4xx, which is no fault of the page's.
    """
    made = visit(browser, server, viewport={"width": 1440, "height": 1000})
    yield made
    made.context.close()
    assert [
        said for said in made.said if "the server responded with a status of 4" not in said
    ] == []
