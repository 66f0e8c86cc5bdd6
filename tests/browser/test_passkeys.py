"""Passkeys with Chromium's own authenticator, from adding one to signing in by it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine, select
from werkzeug.serving import make_server

from auditsaas.accounts.models import Passkey
from auditsaas.app import create_app
from config.settings import Settings
from tests.browser.conftest import visit
from tests.support import factories
from tests.support.factories import PASSWORD, make_member, make_workspace

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture(scope="module")
def named_server(settings: Settings, engine: Engine) -> Iterator[str]:
    """The product by a name: a passkey cannot be bound to a bare address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://localhost:{port}"
    server = make_server(
        "127.0.0.1", port, create_app(replace(settings, base_url=address)), threaded=True
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield address
    server.shutdown()
    thread.join()


def authenticator(page: Page) -> None:
    tool = page.context.new_cdp_session(page)
    tool.send("WebAuthn.enable")
    tool.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})


def test_a_passkey_signs_in_as_both_factors(browser: Browser, named_server: str) -> None:
    user = make_member(make_workspace())
    visitor = visit(browser, named_server)
    page = visitor.page
    authenticator(page)
    visitor.sign_in(user, "/account/security")
    page.get_by_label("Name").fill("This laptop")
    page.locator("#passkey-password").fill(PASSWORD)
    page.get_by_role("button", name="Add passkey").click()
    expect(page.get_by_text("The passkey is added.")).to_be_visible()
    page.get_by_role("button", name="Your account").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login")
    visitor.open("/login?next=/account/sessions")
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/account/sessions")
    row = page.locator("#sessions tbody tr").first
    expect(row.locator("td").nth(2)).to_have_text("Yes")
    visitor.open("/account/security")
    page.locator("#removal-password").fill(PASSWORD)
    page.get_by_role("button", name="Remove This laptop").click()
    expect(page.get_by_text("The passkey is removed.")).to_be_visible()
    visitor.context.close()
    assert [said for said in visitor.said if not said.startswith("Clear-Site-Data")] == []


def test_removed_passkey_is_refused(browser: Browser, named_server: str) -> None:
    user = make_member(make_workspace())
    visitor = visit(browser, named_server)
    page = visitor.page
    authenticator(page)
    visitor.sign_in(user, "/account/security")
    page.locator("#passkey-password").fill(PASSWORD)
    page.get_by_role("button", name="Add passkey").click()
    expect(page.get_by_text("The passkey is added.")).to_be_visible()
    with factories.Sessions.begin() as session:
        passkey = session.scalars(select(Passkey).where(Passkey.user_id == user.id)).one()
        session.delete(passkey)
    page.context.clear_cookies()
    visitor.open("/login")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("The passkey was not accepted.")
    visitor.context.close()
