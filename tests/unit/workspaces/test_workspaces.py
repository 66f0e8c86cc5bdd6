from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.errors import Conflict, Invalid
from auditsaas.events.models import log_heads
from auditsaas.events.system_log import SYSTEM_SLUG
from auditsaas.permissions import Role
from auditsaas.workspaces.service import (
    add_member,
    create_workspace,
    find_workspace,
    system_workspace,
    workspaces_of,
)
from tests.support.factories import make_member, make_user, make_workspace, unique


def test_a_new_workspace_has_an_empty_log(session: Session) -> None:
    workspace = create_workspace(session, "Acme", unique("acme"))
    seq = session.scalar(select(log_heads.c.seq).where(log_heads.c.workspace_id == workspace.id))
    assert seq == 0


@pytest.mark.parametrize(
    ("name", "slug"),
    [("Müller & Söhne", "muller-sohne"), ("日本", "workspace"), ("Exports", "exports-2")],
)
def test_a_slug_is_made_from_the_name(session: Session, name: str, slug: str) -> None:
    assert create_workspace(session, name).slug.startswith(slug)


def test_second_workspace_of_a_name_gets_another_slug(session: Session) -> None:
    name = unique("Twin")
    first, second = create_workspace(session, name), create_workspace(session, name)
    assert second.slug == f"{first.slug}-2"


@pytest.mark.parametrize(
    "slug", ["Acme", "a_b", "-a", "a-", "a b", "a/b", "x" * 64, "admin", "api", "login", "system"]
)
def test_invalid_slug_is_refused(session: Session, slug: str) -> None:
    with pytest.raises(Invalid, match="cannot be used"):
        create_workspace(session, "Acme", slug)


def test_taken_slug_is_refused_without_breaking_the_session(session: Session) -> None:
    slug = make_workspace().slug
    with pytest.raises(Conflict, match="is taken"):
        create_workspace(session, "Acme", slug)
    assert find_workspace(session, slug) is not None


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\x00b", "\u202eemca"])
def test_unprintable_or_long_name_is_refused(session: Session, name: str) -> None:
    with pytest.raises(Invalid, match="1 to 100 printable"):
        create_workspace(session, name)


def test_second_membership_of_a_person_is_refused(session: Session) -> None:
    workspace = make_workspace()
    user = make_member(workspace)
    tenancy.bind(Scope.of(workspace.id), session)
    with pytest.raises(Conflict, match="a member already"):
        add_member(session, workspace.id, user.id, Role.AUDITOR)


def test_a_person_sees_their_own_workspaces_and_no_others(session: Session) -> None:
    mine, theirs = make_workspace(), make_workspace()
    user = make_member(mine, Role.AUDITOR)
    make_member(theirs)
    tenancy.bind(Scope(user=user.id), session)
    assert [(w.slug, role) for w, role in workspaces_of(session, user.id)] == [
        (mine.slug, Role.AUDITOR)
    ]


def test_memberships_of_another_person_are_hidden(session: Session) -> None:
    user = make_member(make_workspace())
    tenancy.bind(Scope(user=make_user().id), session)
    assert workspaces_of(session, user.id) == []


def test_the_system_workspace_is_made_once_and_has_a_log(session: Session) -> None:
    first, second = system_workspace(session), system_workspace(session)
    assert first is second
    assert first.slug == SYSTEM_SLUG
    assert session.scalar(
        select(log_heads.c.workspace_id).where(log_heads.c.workspace_id == first.id)
    )
