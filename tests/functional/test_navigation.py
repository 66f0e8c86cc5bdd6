"""The navigation: what each kind of person sees, where they land, and the way back."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import pytest
from flask import Flask
from flask.testing import FlaskClient

from auditsaas.accounts.models import User
from auditsaas.pages.navigation import groups
from auditsaas.permissions import Role
from auditsaas.workspaces.models import Workspace
from tests.browser.addresses import NO_PAGES
from tests.support.factories import make_member, make_user, make_workspace

Browser = Callable[[User], FlaskClient]

WITHIN_THE_LOG = {"first-event", "first-key"}
"""What a log that has not begun leads to."""
EVERY_WORKSPACE_PAGE = [page.path for group in groups.OF_ONE_WORKSPACE for page in group.pages]


def within(page: str, label: str) -> str:
    found = re.search(rf'<nav[^>]*aria-label="{label}".*?</nav>', page, re.DOTALL)
    return found[0] if found else ""


def links(page: str, label: str) -> Sequence[str]:
    """Return the words of the links in the navigation of that name."""
    return re.findall(r"<a [^>]*>([^<]+)</a>", within(page, label))


def currents(page: str, label: str) -> Sequence[tuple[str, str]]:
    return re.findall(r'aria-current="(\w+)">([^<]+)</a>', within(page, label))


@pytest.mark.parametrize(
    ("role", "bar", "evidence"),
    [
        (
            Role.ADMIN,
            ["Audit Logs", "Delivery", "Evidence", "Settings"],
            ["Integrity", "Who read the log", "Access requests", "Erasures"],
        ),
        (
            Role.AUDITOR,
            ["Audit Logs", "Delivery", "Evidence"],
            ["Integrity", "Who read the log"],
        ),
    ],
)
def test_bar_and_second_row_hold_what_the_role_may_open(
    browser: Browser, acme: Workspace, role: Role, bar: Sequence[str], evidence: Sequence[str]
) -> None:
    page = browser(make_member(acme, role)).get(f"/w/{acme.slug}/integrity").text
    assert links(page, "Main") == bar
    assert links(page, "Evidence") == evidence
    assert currents(page, "Main") == [("page", "Evidence")]
    assert currents(page, "Evidence") == [("page", "Integrity")]


def test_settings_hold_every_page_of_an_admin(browser: Browser, acme: Workspace) -> None:
    page = browser(make_member(acme)).get(f"/w/{acme.slug}/settings/usage").text
    assert links(page, "Settings") == [
        *("General", "Retention", "Members", "API keys", "Imports", "Usage")
    ]
    assert currents(page, "Main") == [("true", "Settings")]
    assert currents(page, "Settings") == [("page", "Usage")]


def test_page_below_an_entry_marks_it_as_current(browser: Browser, acme: Workspace) -> None:
    page = browser(make_member(acme)).get(f"/w/{acme.slug}/imports/mappings/new").text
    assert currents(page, "Settings") == [("true", "Imports")]
    page = browser(make_member(acme)).get(f"/w/{acme.slug}/views").text
    assert currents(page, "Main") == [("true", "Audit Logs")]


def test_log_has_no_second_row(browser: Browser, acme: Workspace) -> None:
    page = browser(make_member(acme)).get(f"/w/{acme.slug}/audit-logs").text
    assert 'class="subnav"' not in page
    assert currents(page, "Main") == [("page", "Audit Logs")]


def test_bar_over_all_workspaces_holds_what_they_share(browser: Browser, acme: Workspace) -> None:
    person = make_member(make_workspace(), user=make_member(acme))
    page = browser(person).get("/exports").text
    assert links(page, "Main") == ["Audit Logs", "Delivery"]
    assert links(page, "Delivery") == ["Exports", "Schedules"]
    assert "All my workspaces" in page


def test_super_admins_have_one_navigation_over_every_workspace(browser: Browser) -> None:
    client = browser(make_user(is_super_admin=True))
    page = client.get("/admin/system").text
    assert links(page, "Main") == ["Audit Logs", "Workspaces", "Users", "Exports", "System"]
    assert 'class="subnav"' not in page
    assert page.count('href="/admin/users"') == 2, "in the bar, and in the menu of small screens"
    page = client.get("/admin/access/requests").text
    assert links(page, "Workspaces") == ["Workspaces", "Access requests"]
    assert currents(page, "Main") == [("true", "Workspaces")]


@pytest.mark.parametrize("address", ["/admin/audit-logs", "/admin/exports", "/admin/workspaces"])
def test_log_is_called_audit_logs_to_super_admins_too(browser: Browser, address: str) -> None:
    page = browser(make_user(is_super_admin=True)).get(address).text
    assert "Audit Logs" in links(page, "Main")
    assert "Events" not in links(page, "Main")


@pytest.mark.parametrize(
    "address",
    ["/account", "/account/security", "/account/sessions", "/me/activity", "/notifications"],
)
def test_pages_about_the_person_lead_to_one_another(
    browser: Browser, acme: Workspace, address: str
) -> None:
    page = browser(make_member(acme, Role.MEMBER)).get(address).text
    assert links(page, "Account") == [
        *("Account", "Security", "Sessions", "My activity", "Notifications")
    ]
    assert [kind for kind, _ in currents(page, "Account")] == ["page"]


def test_menu_of_small_screens_holds_every_page(browser: Browser, acme: Workspace) -> None:
    page = browser(make_member(acme)).get(f"/w/{acme.slug}/audit-logs").text
    menu = within(page, "All pages")
    for path in EVERY_WORKSPACE_PAGE:
        assert f'href="/w/{acme.slug}{path}"' in menu
    assert 'href="/account/security"' in menu


@pytest.mark.parametrize("path", EVERY_WORKSPACE_PAGE)
def test_every_page_of_the_navigation_opens(browser: Browser, acme: Workspace, path: str) -> None:
    assert browser(make_member(acme)).get(f"/w/{acme.slug}{path}").status_code == 200


@pytest.mark.parametrize("page", [page for one in groups.OF_THE_PLATFORM for page in one.pages])
def test_every_page_of_super_admins_opens(browser: Browser, page: groups.Page) -> None:
    client = browser(make_user(is_super_admin=True))
    assert client.get(f"/admin{page.path}").status_code == 200


def test_every_page_of_a_workspace_is_in_the_navigation(app: Flask) -> None:
    shown = [page for group in groups.OF_ONE_WORKSPACE for page in group.pages]
    known = {path.split("/")[1] for page in shown for path in (page.path, *page.holds)}
    pages = {
        rule.rule.removeprefix("/w/<slug>/").split("/")[0]
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/w/<slug>/")
        if "GET" in (rule.methods or ()) and rule.endpoint not in NO_PAGES
    }
    assert pages - WITHIN_THE_LOG == known


def test_person_with_one_workspace_lands_in_it(browser: Browser, acme: Workspace) -> None:
    client = browser(make_member(acme, Role.AUDITOR))
    assert client.get("/").location == f"/w/{acme.slug}/audit-logs"
    assert client.get("/login").location == "/"
    page = client.get("/audit-logs")
    assert page.status_code == 200
    assert "All my workspaces" not in page.text
    assert links(page.text, "Main") == ["Audit Logs", "Delivery", "Evidence"]


def test_person_with_several_workspaces_lands_over_all(browser: Browser, acme: Workspace) -> None:
    person = make_member(make_workspace(), user=make_member(acme))
    assert browser(person).get("/").location == "/audit-logs"


def test_person_who_may_read_one_of_two_logs_lands_in_it(browser: Browser, acme: Workspace) -> None:
    person = make_member(make_workspace(), Role.MEMBER, user=make_member(acme))
    assert browser(person).get("/").location == f"/w/{acme.slug}/audit-logs"


def test_super_admin_without_workspaces_lands_over_every_workspace(browser: Browser) -> None:
    client = browser(make_user(is_super_admin=True))
    assert client.get("/").location == "/admin"
    page = client.get("/account").text
    assert links(page, "Main") == ["Audit Logs", "Workspaces", "Users", "Exports", "System"]


def test_member_lands_on_what_was_recorded_of_them(browser: Browser, acme: Workspace) -> None:
    client = browser(make_member(acme, Role.MEMBER))
    assert client.get("/").location == "/me/activity"
    assert links(client.get("/me/activity").text, "Main") == []


@pytest.mark.parametrize(
    ("address", "above"),
    [
        ("imports/new", ["Imports"]),
        ("imports/mappings", ["Imports"]),
        ("imports/mappings/new", ["Imports", "Mappings"]),
        ("members/invite", ["Members"]),
        ("api-keys/new", ["API keys"]),
        ("schedules/new", ["Schedules"]),
        ("views", ["Audit Logs"]),
    ],
)
def test_page_below_another_leads_back_by_its_trail(
    browser: Browser, acme: Workspace, address: str, above: Sequence[str]
) -> None:
    page = browser(make_member(acme)).get(f"/w/{acme.slug}/{address}").text
    assert links(page, "Breadcrumb") == above
    assert "Back to" not in page
