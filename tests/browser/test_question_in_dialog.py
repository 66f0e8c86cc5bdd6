"""Asked again who one is, in a dialog over the page from which htmx sent a form."""

from __future__ import annotations

from playwright.sync_api import expect
from sqlalchemy import update

from auditsaas.accounts.models import SignInSession, User
from auditsaas.permissions import Role
from auditsaas.workspaces.models import Membership, Workspace
from tests.browser.conftest import Visitor
from tests.support.asking import LONG
from tests.support.factories import PASSWORD, Sessions, make_member, make_workspace, scoped


def signed_in_long_ago(visitor: Visitor, workspace: Workspace) -> User:
    """An admin at the members page, and a member of theirs."""
    admin, member = make_member(workspace), make_member(workspace, Role.MEMBER)
    visitor.sign_in(admin, f"/w/{workspace.slug}/members")
    with Sessions.begin() as session:
        session.execute(
            update(SignInSession)
            .where(SignInSession.user_id == admin.id)
            .values(confirmed_at=SignInSession.confirmed_at - LONG)
        )
    return member


def role_of(workspace: Workspace, member: User) -> str:
    with scoped(workspace.id) as session:
        return session.get_one(Membership, (workspace.id, member.id)).role


def test_dialog_asks_and_sends_the_form_on(visitor: Visitor) -> None:
    workspace = make_workspace()
    member = signed_in_long_ago(visitor, workspace)
    page, path = visitor.page, f"/w/{workspace.slug}/members/{member.id}/role"
    page.evaluate(
        "path => htmx.ajax('POST', path, {values: {role: 'auditor'}, swap: 'none'})", path
    )
    dialog = page.get_by_role("dialog", name="Is it you")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_label("Password")).to_be_focused()
    dialog.get_by_label("Password").fill(PASSWORD)
    dialog.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/members?done=role")
    assert role_of(workspace, member) == "auditor"


def test_dialog_is_cancelled_and_nothing_is_sent(visitor: Visitor) -> None:
    workspace = make_workspace()
    member = signed_in_long_ago(visitor, workspace)
    page, path = visitor.page, f"/w/{workspace.slug}/members/{member.id}/role"
    page.evaluate(
        "path => htmx.ajax('POST', path, {values: {role: 'auditor'}, swap: 'none'})", path
    )
    dialog = page.get_by_role("dialog", name="Is it you")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    assert role_of(workspace, member) == "member"
