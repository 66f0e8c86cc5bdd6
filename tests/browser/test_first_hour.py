"""From an empty production start to the first event, as a newcomer walks it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from scripts.walk import Walk, send_by_curl, set_up
from tests.browser.axe import violations
from tests.support.production import Production, empty_production


@pytest.fixture(scope="module")
def production() -> Iterator[Production]:
    with empty_production() as made:
        yield made


@pytest.fixture
def newcomer(browser: Browser, tmp_path: Path) -> Iterator[Walk]:
    context = browser.new_context(
        reduced_motion="reduce",
        ignore_https_errors=True,
        permissions=["clipboard-read", "clipboard-write"],
    )
    yield Walk("newcomer", context.new_page(), tmp_path, looks=[(320, 700, "light")])
    context.close()


def test_newcomer_sends_the_first_event_by_two_clicks(
    production: Production, newcomer: Walk
) -> None:
    page = newcomer.page
    page.goto(production.link())
    expect(page.locator("#ready")).to_contain_text("Database")
    assert violations(page) == []
    set_up(newcomer, production.link())
    assert violations(page) == []
    text = page.locator("[data-way=curl] pre").inner_text()
    cut = text.replace('" \\', 'x" \\')
    subprocess.run(
        ["bash", "-ec", cut], env=production.environment, check=True, capture_output=True
    )
    expect(page.locator("#first-event")).to_contain_text("401, the key has 56 characters")
    send_by_curl(newcomer, production.environment)
    expect(page.locator("#log-rows")).to_contain_text("Ann")
    expect(page.locator(".first-steps")).to_contain_text("Invite the others")
    assert newcomer.reached[0][:2] == ("first event", 2)
    assert newcomer.said == []
