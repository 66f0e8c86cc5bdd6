"""The list of notifications: an unread one is marked along its whole row."""

from __future__ import annotations

from playwright.sync_api import expect

from auditsaas.accounts.models import User
from auditsaas.notifications.service import notify
from tests.browser.conftest import Visitor
from tests.support.factories import scoped

UNREAD = """row => [row, ...row.querySelectorAll("*")].map((each) =>
    getComputedStyle(each).backgroundColor).filter((colour) => colour !== "rgba(0, 0, 0, 0)")"""


def test_unread_notification_is_marked_to_the_end_of_its_actions(
    visitor: Visitor, admin: User
) -> None:
    with scoped(user=admin.id) as session:
        notify(session, admin.id, kind="export.ready", title="Ready", body="CSV", url="/exports/1")
        session.commit()
    visitor.sign_in(admin, "/notifications")
    row = visitor.page.locator(".note-row")
    expect(row.get_by_role("button", name="Mark")).to_be_visible()
    [colour] = row.evaluate(UNREAD)
    assert row.evaluate("row => getComputedStyle(row).backgroundColor") == colour
    row.get_by_role("button", name="Mark").click()
    expect(visitor.page.locator(".note-row")).to_be_visible()
    assert visitor.page.locator(".note-row").evaluate(UNREAD) == []
