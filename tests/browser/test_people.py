"""Members, keys, settings and security in a real browser: usable by keys, and readable by all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, expect

from auditsaas.accounts.models import User
from auditsaas.permissions import ApiScope, Role
from auditsaas.workspaces.models import Invitation, Workspace
from tests.browser.axe import OPEN_MENU, violations
from tests.browser.conftest import PHONE, Visitor, visit
from tests.support import factories
from tests.support.factories import (
    append_events,
    event_input,
    make_api_key,
    make_member,
    make_user,
    make_workspace,
    unique,
)


@pytest.fixture(scope="module")
def acme(server: str) -> Workspace:
    return make_workspace("Halden Freight")


@pytest.fixture(scope="module")
def admin(acme: Workspace) -> User:
    people = [
        ("Dana Kim", Role.ADMIN),
        ("Amara Diallo", Role.AUDITOR),
        ("Elena Novák", Role.AUDITOR),
        ("Haru Tanaka", Role.MEMBER),
        ("<b>Bold</b> \u202eName", Role.MEMBER),
    ]
    made = make_member(acme, user=make_user(name="Mira Okafor"))
    for name, role in people:
        user = make_member(acme, role, make_user(name=name))
        actor = {"id": str(user.id), "name": user.name, "email": user.email}
        append_events(acme, [event_input(actor=actor)] * len(name))
    gone = make_user(name="Rémi Dubois")
    make_member(acme, Role.ADMIN, gone, disabled_at=datetime.now(UTC))
    make_api_key(acme)
    make_api_key(acme, [ApiScope.EVENTS_READ, ApiScope.EXPORTS])
    with factories.scoped(acme.id) as session:
        session.add(
            Invitation(
                workspace_id=acme.id,
                email=f"{unique('n.berg')}@halden.test",
                role="member",
                token_hash=b"none",
                invited_by=made.id,
                expires_at=datetime.now(UTC) + timedelta(days=7),
            )
        )
        session.commit()
    return made


@pytest.mark.parametrize("width", [1440, 390])
def test_axe_passes_on_menus_of_the_people_pages(
    browser: Browser, server: str, acme: Workspace, admin: User, width: int
) -> None:
    visitor = visit(
        browser, server, reduced_motion="reduce", viewport={"width": width, "height": 1000}
    )
    page = visitor.page
    found = {}

    def look(place: str, within: str | None = None) -> None:
        found[place] = violations(page, within)
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            found[place].append(f"{wide} px wide")

    visitor.sign_in(admin)
    visitor.open(f"/w/{acme.slug}/members?q=nobody-at-all")
    look("nobody found")
    visitor.open(f"/w/{acme.slug}/members")
    page.get_by_role("button", name="Role of Dana Kim").click()
    expect(page.get_by_role("button", name="Auditor", exact=True)).to_be_visible()
    look("role menu", OPEN_MENU)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Actions for Dana Kim").click()
    look("actions menu", OPEN_MENU)
    visitor.open("/account/security")
    if page.get_by_role("button", name="Set up authenticator app").count():
        page.get_by_role("button", name="Set up authenticator app").click()
    look("setting up")
    visitor.open(f"/w/{acme.slug}/api-keys/new")
    page.get_by_label("Name").fill(f"warehouse-scanner-{width}")
    page.get_by_role("button", name="Make key").click()
    look("new key")
    visitor.context.close()
    assert {place: rules for place, rules in found.items() if rules} == {}


def test_axe_passes_on_super_admin_pages_on_a_phone(
    browser: Browser, server: str, acme: Workspace
) -> None:
    visitor = visit(browser, server, reduced_motion="reduce", viewport=PHONE)
    above = make_member(make_workspace("n" * 80), user=make_user(is_super_admin=True))
    make_member(acme, user=above)
    visitor.sign_in(above)
    visitor.open("/admin/access")
    visitor.page.get_by_label("Reason").fill("Support case 4711")
    visitor.page.get_by_role("button", name="Go on").click()
    found = {}
    pages = ("workspaces", "workspaces/new", "users", "exports", "system", "access", "members/new")
    for path in (*(f"/admin/{page}" for page in pages), "/schedules/new"):
        visitor.open(path)
        found[path] = violations(visitor.page)
        if (wide := visitor.page.evaluate("document.documentElement.scrollWidth")) > PHONE["width"]:
            found[path].append(f"{wide} px wide")
    visitor.context.close()
    assert {place: rules for place, rules in found.items() if rules} == {}


def test_role_is_changed_by_keyboard_alone(visitor: Visitor, acme: Workspace, admin: User) -> None:
    visitor.sign_in(admin)
    visitor.open(f"/w/{acme.slug}/members")
    page = visitor.page
    page.get_by_role("button", name="Role of Haru Tanaka").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("The role is changed.")
    expect(page.get_by_role("button", name="Role of Haru Tanaka")).to_contain_text("Auditor")


def test_list_filters_while_typing_and_updates_the_url(
    visitor: Visitor, acme: Workspace, admin: User
) -> None:
    visitor.sign_in(admin)
    visitor.open(f"/w/{acme.slug}/members")
    page = visitor.page
    page.get_by_label("Find a member").press_sequentially("elena")
    expect(page.locator("#members tbody tr")).to_have_count(1)
    assert "q=elena" in page.url
    page.get_by_label("Status", exact=True).select_option("disabled")
    expect(page.get_by_text("Nobody matches")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False])
def test_people_are_found_and_disabled_with_and_without_scripts(
    browser: Browser, server: str, acme: Workspace, admin: User, scripts: bool
) -> None:
    name = f"Ned {'Script' if scripts else 'Plain'}"
    make_member(acme, Role.MEMBER, make_user(name=name))
    visitor = visit(browser, server, java_script_enabled=scripts)
    visitor.sign_in(admin)
    visitor.open(f"/w/{acme.slug}/members?q={name.replace(' ', '+')}")
    page = visitor.page
    page.get_by_role("button", name=f"Actions for {name}").click()
    page.get_by_role("button", name="Disable", exact=True).click()
    expect(page.get_by_text("The member is disabled")).to_be_visible()
    visitor.context.close()
