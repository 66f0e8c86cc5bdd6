"""Asking for a file with proof in a real browser."""

from __future__ import annotations

from playwright.sync_api import expect

from auditsaas.accounts.models import User
from auditsaas.workspaces.models import Workspace
from tests.browser.conftest import Visitor
from tests.support.factories import append_events, event_input, make_member, make_workspace


def test_menu_says_what_a_proof_shows_once_its_box_is_ticked(visitor: Visitor, admin: User) -> None:
    acme: Workspace = make_workspace("Halden Freight")
    make_member(acme, user=admin)
    append_events(acme, [event_input() for _ in range(5)])
    visitor.sign_in(admin, f"/w/{acme.slug}/audit-logs?q=invoice&role=admin")
    page = visitor.page
    page.locator("#download").click()
    formats = page.locator("#download-formats")
    expect(formats).to_contain_text("5 events match")
    page.get_by_label("With proof").check()
    expect(formats).to_contain_text("The proof covers events 1 to")
    expect(formats).to_contain_text("People are meant as each event names them")
    expect(formats).to_contain_text("a proof can’t answer words and terms of the search")
    page.get_by_label("With proof").uncheck()
    expect(formats).not_to_contain_text("The proof covers")
