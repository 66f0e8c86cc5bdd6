"""Operators' commands about people: what they do, record, tell and refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from auditsaas.accounts import passwords
from auditsaas.accounts.models import User
from auditsaas.accounts.sessions import live_sessions, start
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.mail.models import Mail
from auditsaas.own_activities import Activity
from auditsaas.permissions import Role
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tests.support import factories
from tests.support.commands import Commands, told, told_installation
from tests.support.factories import make_member, make_user, make_workspace, unique

NEW = "violet tractor hums at dawn"


@pytest.fixture
def run(settings: Settings) -> Commands:
    return Commands(settings)


@pytest.fixture
def member(workspace: Workspace, session: Session) -> User:
    """A member who is signed in."""
    user = make_member(workspace, Role.MEMBER)
    start(session, user.id)
    session.commit()
    return user


@pytest.fixture
def super_admins() -> list[User]:
    """Two super-admins, and no other active one."""
    with factories.OwnerSessions.begin() as owner:
        owner.execute(update(User).where(User.is_super_admin).values(is_super_admin=False))
    return [make_user(is_super_admin=True) for _ in range(2)]


def stored(user: User) -> User:
    with factories.Sessions() as session:
        return session.get_one(User, user.id)


def sessions_of(user: User) -> int:
    with factories.Sessions() as session:
        return len(live_sessions(session, user.id))


def mails_to(user: User) -> list[Any]:
    with factories.Sessions() as session:
        tenancy.bind(Scope(user=user.id), session)
        mine = select(Mail.kind, Mail.context).where(Mail.user_id == user.id).order_by(Mail.id)
        return [(row.kind, row.context.get("title")) for row in session.execute(mine)]


def test_password_is_set_sessions_end_and_the_person_is_told(
    run: Commands, workspace: Workspace, member: User
) -> None:
    given = ("user", "set-password", member.email, "--password-stdin")
    assert "signed out everywhere" in run.done(*given, given=f"{NEW}\n")
    assert passwords.matches(NEW, stored(member).password_hash)
    assert sessions_of(member) == 0
    assert mails_to(member) == [("password_changed", None)]
    (event,) = told(workspace.id, "user.password_change", member.id)
    assert event.actor_id.startswith("operator:")
    assert (event.source, event.metadata["command"]) == ("product", "auditsaas user set-password")
    assert len(told_installation("user.password_change", member.id)) == 1
    assert NEW not in str(event)


@pytest.mark.parametrize("weak", ["", "aaaaaaaaaaaa", "qwertyuiop12", "member violet tractor hums"])
def test_password_that_the_web_refuses_is_refused(run: Commands, member: User, weak: str) -> None:
    before = stored(member).password_hash
    words = ("user", "set-password", member.email, "--password-stdin")
    run.refused(*words, given=f"{weak}\n")
    assert (stored(member).password_hash, sessions_of(member)) == (before, 1)


def test_password_without_a_terminal_is_refused(run: Commands, member: User) -> None:
    assert "use --password-stdin" in run.refused("user", "set-password", member.email)


def test_disabled_person_is_out_at_once_and_in_again_when_enabled(
    run: Commands, workspace: Workspace, client: FlaskClient
) -> None:
    user = make_member(workspace)
    factories.sign_in(client, user)
    assert client.get(f"/w/{workspace.slug}/audit-logs").status_code == 200
    assert run.done("user", "disable", user.email).endswith("signed out everywhere\n")
    assert client.get(f"/w/{workspace.slug}/audit-logs").status_code == 302
    run.done("user", "enable", user.email)
    assert stored(user).disabled_at is None
    changes = [told(workspace.id, f"user.{word}", user.id)[0].changes for word in STATES]
    assert changes == [{"status": ["active", "disabled"]}, {"status": ["disabled", "active"]}]
    assert len(told_installation("user.disable", user.id)) == 1


STATES = ("disable", "enable")


def test_workspace_left_without_an_admin_is_named_and_other_admins_are_told(run: Commands) -> None:
    alone, shared = make_workspace(), make_workspace()
    user, other = make_member(alone), make_member(shared)
    make_member(shared, user=user)
    result = run("user", "disable", user.email)
    assert result.stderr == f"Without an active admin now: {alone.slug}\n"
    assert mails_to(other) == [
        ("operator.acted", f"{user.name}, an admin here, is shut out everywhere")
    ]


def test_super_admins_are_told_who_is_made_one_and_who_is_no_longer(
    run: Commands, super_admins: list[User], member: User, workspace: Workspace
) -> None:
    run.done("user", "promote", member.email)
    assert (stored(member).is_super_admin, sessions_of(member)) == (True, 0)
    run.done("user", "demote", member.email)
    assert stored(member).is_super_admin is False
    assert mails_to(super_admins[0]) == [
        ("operator.acted", f"{member.name} is made a super-admin"),
        ("operator.acted", f"{member.name} is a super-admin no longer"),
    ]
    for activity in (Activity.USER_PROMOTE, Activity.USER_DEMOTE):
        assert len(told(workspace.id, activity, member.id)) == 1
        assert len(told_installation(activity, member.id)) == 1


@pytest.mark.parametrize("act", ["demote", "disable"])
def test_last_active_super_admin_stays(run: Commands, super_admins: list[User], act: str) -> None:
    first, last = super_admins
    run.done("user", act, first.email)
    assert "keeps at least one active super-admin" in run.refused("user", act, last.email)
    assert (stored(last).is_super_admin, stored(last).disabled_at) == (True, None)


def test_person_is_signed_out_everywhere(run: Commands, workspace: Workspace, member: User) -> None:
    assert run.done("user", "sign-out", member.email) == f"{member.email}: 1 session ended\n"
    assert sessions_of(member) == 0
    assert told(workspace.id, "user.session_end", member.id)[0].metadata["sessions"] == 1
    assert run.done("user", "sign-out", member.email) == f"{member.email}: 0 sessions ended\n"
    assert len(told(workspace.id, "user.session_end", member.id)) == 1


def test_account_without_a_workspace_is_recorded_for_the_installation(run: Commands) -> None:
    email = f"{unique('joan')}@example.com"
    run.done("user", "create", email, "--super-admin", "--password-stdin", given=f"{NEW}\n")
    (row,) = run.listed("user", "list", "--search", email)
    (event,) = told_installation("user.create", row["id"])
    assert event.changes == {"is_super_admin": [None, True]}
    assert (row["super_admin"], row["workspaces"], row["second_factor"]) == (True, {}, False)


def test_list_names_roles_by_workspace_and_the_state(
    run: Commands, workspace: Workspace, member: User
) -> None:
    run.done("user", "disable", member.email)
    (row,) = run.listed("user", "list", "--search", member.email.upper())
    assert (row["state"], row["workspaces"]) == ("disabled", {workspace.slug: "member"})
    header, line = run.done("user", "list", "--search", member.email).splitlines()
    assert header.split()[:4] == ["email", "name", "state", "super_admin"]
    assert f"{workspace.slug}:member" in line


def test_name_with_control_characters_is_shown_by_code_point(run: Commands) -> None:
    user = make_user(name="Ann\x1b[2J Lee")
    assert "Ann‹U+001B›[2J Lee" in run.done("user", "list", "--search", user.email)


Act = Callable[[Commands, str], str]


@pytest.mark.parametrize(
    "act",
    ["disable", "enable", "promote", "demote", "sign-out", "set-password", "remove-second-factor"],
)
@pytest.mark.parametrize("email", ["nobody@example.com", "no address", "", "a\x00b@example.com"])
def test_unknown_person_is_told_in_a_sentence(run: Commands, act: str, email: str) -> None:
    assert "Nobody has an account with the address" in run.refused("user", act, email)


@pytest.mark.parametrize(
    ("act", "words"),
    [
        ("enable", "is not disabled"),
        ("demote", "is no super-admin"),
        ("remove-second-factor", "has no second factor"),
    ],
)
def test_act_that_changes_nothing_is_told(
    run: Commands, member: User, act: str, words: str
) -> None:
    assert words in run.refused("user", act, member.email)
