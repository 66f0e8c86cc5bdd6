"""A word that is explained where it stands: by pointer and by keys, and put away by Esc."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from auditsaas.accounts.models import User
from auditsaas.workspaces.models import Workspace
from tests.browser.axe import violations
from tests.browser.conftest import PHONE, visit
from tests.support.factories import make_api_key


def test_explanation_is_shown_on_hover_and_focus_until_esc(
    browser: Browser, server: str, acme: Workspace, admin: User
) -> None:
    make_api_key(acme)
    visitor = visit(browser, server, reduced_motion="reduce")
    visitor.sign_in(admin, f"/w/{acme.slug}/api-keys")
    page, keys = visitor.page, visitor.page.keyboard
    word = page.get_by_role("button", name="Scopes")
    words = page.get_by_text("What a key may do")
    expect(words).to_be_hidden()
    word.focus()
    expect(words).to_be_visible()
    expect(word).to_have_accessible_description(
        "What a key may do: send events, read them, or ask for exports."
    )
    found = violations(page)
    keys.press("Escape")
    expect(words).to_be_hidden()
    keys.press("Tab")
    word.hover()
    expect(words).to_be_visible()
    words.hover()
    expect(words).to_be_visible()
    page.set_viewport_size(PHONE)
    wide = page.evaluate("document.documentElement.scrollWidth")
    visitor.context.close()
    assert found == []
    assert wide <= PHONE["width"]
