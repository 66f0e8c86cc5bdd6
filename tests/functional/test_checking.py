"""What a check of a log against its seal finds, and who is told of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from auditsaas import own_actions
from auditsaas.accounts.models import User
from auditsaas.errors import Conflict, Invalid
from auditsaas.events.models import events
from auditsaas.evidence.checking import service, told
from auditsaas.evidence.checking.finding import FieldDifference, Finding, FindingKind, Side
from auditsaas.mail.models import Mail
from auditsaas.notifications.models import Notification
from auditsaas.own_activities import Activity
from auditsaas.permissions import Role
from auditsaas.workspaces.acting_member import ActingMember
from auditsaas.workspaces.models import Workspace
from tests.support.factories import make_member, make_user, make_workspace, scoped

pytestmark = pytest.mark.usefixtures("app")

CHANGED = Finding(
    kind=FindingKind.CHANGED,
    words="Event 7 isn’t what was sealed: changes differs",
    seq=7,
    event_id="01a1f8d3-ea00-7000-8daf-aea1f5fede11",
    fields=(
        FieldDifference(
            field="changes",
            slot=12,
            expected=Side(hash="04" * 32),
            found=Side(hash="cf" * 32, value={"per_kg": [4.10, 4.65]}, known=True),
        ),
    ),
)


@pytest.fixture
def acme() -> Workspace:
    return make_workspace()


def tell(workspace: Workspace, *found: Finding) -> list[Finding]:
    with scoped(workspace.id) as session:
        new = told.tell_all(session, workspace.id, found)
        session.commit()
    return list(new)


def acting(workspace: Workspace, admin: User) -> ActingMember:
    actor = own_actions.person(admin.id, name=admin.name, email=admin.email)
    return ActingMember(
        workspace_id=workspace.id, user_id=admin.id, actor=actor, role="admin", facts=None
    )


def recorded(workspace: Workspace, activity: Activity) -> list[dict[str, Any]]:
    with scoped(workspace.id) as session:
        mine = events.c.workspace_id == workspace.id, events.c.activity == activity
        return list(session.scalars(select(events.c.metadata).where(*mine)))


def rung(workspace: Workspace, user: User) -> list[str]:
    with scoped(workspace.id, user=user.id) as session:
        mine = Notification.user_id == user.id, Notification.kind == told.MAIL
        return list(session.scalars(select(Notification.title).where(*mine)))


def mailed(user: User) -> list[Mail]:
    with scoped(user=user.id) as session:
        return list(
            session.scalars(select(Mail).where(Mail.user_id == user.id, Mail.kind == told.MAIL))
        )


def test_finding_is_told_to_admins_and_super_admins_and_to_no_one_else(acme: Workspace) -> None:
    admin, auditor = make_member(acme), make_member(acme, Role.AUDITOR)
    above = make_user(is_super_admin=True)
    assert tell(acme, CHANGED) == [CHANGED]
    assert rung(acme, admin) == [CHANGED.words]
    assert [rung(acme, each) for each in (auditor, above)] == [[], []]
    assert [len(mailed(each)) for each in (admin, auditor, above)] == [1, 0, 1]


def test_finding_is_told_once_and_counted_again(acme: Workspace) -> None:
    admin = make_member(acme)
    tell(acme, CHANGED)
    other = replace(CHANGED, seq=8, words="Event 8 isn’t what was sealed: changes differs")
    assert tell(acme, CHANGED, other) == [other]
    assert rung(acme, admin) == [CHANGED.words, other.words]
    with scoped(acme.id) as session:
        kept = service.findings(session, acme.id)
        assert [(each.seq, each.times, each.admins_told) for each in kept] == [(7, 2, 1), (8, 1, 1)]


def test_field_that_is_changed_once_more_is_told_anew(acme: Workspace) -> None:
    tell(acme, CHANGED)
    again = replace(CHANGED.fields[0], found=Side(hash="aa" * 32))
    assert len(tell(acme, replace(CHANGED, fields=(again,)))) == 1


def test_event_of_the_log_names_hashes_and_no_values(acme: Workspace) -> None:
    tell(acme, CHANGED)
    [metadata] = recorded(acme, Activity.TREE_MISMATCH)
    [named] = metadata["findings"]
    assert named == {
        "kind": "changed",
        "words": CHANGED.words,
        "seq": 7,
        "fields": [{"field": "changes", "expected": "04" * 32, "found": "cf" * 32}],
    }


def test_finding_stays_until_it_is_acknowledged_with_a_reason(acme: Workspace) -> None:
    admin = make_member(acme)
    tell(acme, CHANGED)
    by = acting(acme, admin)
    with scoped(acme.id) as session:
        [kept] = service.findings(session, acme.id)
        with pytest.raises(Invalid):
            service.acknowledge(session, acme.id, kept.id, by, "  ")
        service.acknowledge(session, acme.id, kept.id, by, "Restored from the backup of 11/18")
        with pytest.raises(Conflict):
            service.acknowledge(session, acme.id, kept.id, by, "Once more")
        session.commit()
        assert service.findings(session, acme.id) == []
        [done] = service.findings(session, acme.id, acknowledged=True)
        assert (done.acknowledged_by, done.reason) == (
            admin.name,
            "Restored from the backup of 11/18",
        )
    [metadata] = recorded(acme, Activity.TREE_ACKNOWLEDGE)
    assert metadata["seq"] == 7


def test_file_of_a_finding_holds_hashes_and_what_was_found(acme: Workspace) -> None:
    tell(acme, CHANGED)
    with scoped(acme.id) as session:
        [kept] = service.findings(session, acme.id)
        made = service.file_of(session, acme.id, kept.id)
    assert made["format"] == "auditsaas-finding-v1"
    [field] = made["fields"]
    assert field["expected"] == {"hash": "04" * 32}
    assert field["found"]["value"] == {"per_kg": [4.10, 4.65]}
    assert made["seq"] == 7


def test_check_of_everything_is_asked_for_once_and_recorded(acme: Workspace) -> None:
    by = acting(acme, make_member(acme))
    with scoped(acme.id) as session:
        asked = service.ask(session, acme.id, by)
        assert service.ask(session, acme.id, by).id == asked.id
        assert service.sample(session, acme.id) is None
        session.commit()
        latest = service.latest(session, acme.id)
        assert latest is not None
        assert (latest.id, latest.kind, latest.asked_by) == (asked.id, "all", by.user_id)
    assert len(recorded(acme, Activity.TREE_CHECK)) == 1
