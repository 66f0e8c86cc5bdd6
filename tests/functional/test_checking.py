"""What a check of a log against its seal finds, and who is told of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, select

from auditsaas import own_actions
from auditsaas.accounts.models import User
from auditsaas.db.platform import JOBS, platform_session
from auditsaas.errors import Conflict, Invalid
from auditsaas.events.models import events
from auditsaas.evidence.checking import service, told
from auditsaas.evidence.checking.finding import FieldDifference, Finding, FindingKind, Side
from auditsaas.evidence.checking.models import CheckKind, TreeCheck
from auditsaas.mail.models import Mail
from auditsaas.notifications.models import Notification
from auditsaas.operations import doctor
from auditsaas.operations.checks import seals
from auditsaas.operations.figures import seals as figures
from auditsaas.own_activities import Activity
from auditsaas.permissions import Role
from auditsaas.workspaces.acting_member import ActingMember
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tasks.checks import ask as ask_for_samples
from tasks.jobs import run_check
from tests.support.commands import Commands
from tests.support.factories import (
    append_events,
    event_input,
    make_member,
    make_user,
    make_workspace,
    scoped,
)
from tests.support.sealing import seal
from tests.support.tampering import unguarded

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
        found = select(Notification.title).where(*mine).order_by(Notification.created_at)
        return list(session.scalars(found))


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


def tamper(engine: Engine, workspace: Workspace, change: str, seq: int) -> None:
    with unguarded(engine, workspace.id) as owner:
        mine = f"WHERE workspace_id = :w AND seq = {seq}"
        owner.does(f"UPDATE events SET {change} {mine}")  # noqa: S608  # the test's own


def sealed(number: int) -> Workspace:
    made = make_workspace()
    append_events(made, [event_input(path=f"/invoices/{i}") for i in range(number)])
    seal(made)
    return made


def run(app: Flask, workspace: Workspace, **columns: Any) -> TreeCheck:
    """Ask for a check of everything, and do it as a worker does."""
    with scoped(workspace.id) as session:
        made = TreeCheck(workspace_id=workspace.id, kind=CheckKind.ALL, **columns)
        session.add(made)
        session.commit()
        check_id = made.id
    with app.app_context():
        run_check(str(check_id))
    with scoped(workspace.id) as session:
        return session.get_one(TreeCheck, (workspace.id, check_id))


def test_check_counts_tells_and_ends(app: Flask, owner_engine: Engine) -> None:
    workspace = sealed(300)
    admin = make_member(workspace)
    fine = run(app, workspace)
    assert (fine.state, fine.size, fine.total, fine.done) == ("done", 301, 301, 301)
    assert fine.found["differences"] == 0
    tamper(owner_engine, workspace, "ip = '203.0.113.9'", 290)
    for times in (1, 2):
        done = run(app, workspace)
        assert (done.state, done.found["differences"]) == ("done", 1)
        with scoped(workspace.id) as session:
            [kept] = service.findings(session, workspace.id)
            assert (kept.seq, kept.times) == (290, times)
    assert rung(workspace, admin) == ["Event 290 isn’t what was sealed: ip differs"]


@pytest.mark.parametrize(("tiles", "told_of"), [([0], [10]), ([], [])])
def test_check_that_was_cut_off_goes_on_where_it_ended(
    app: Flask, owner_engine: Engine, tiles: list[int], told_of: list[int]
) -> None:
    """Its first tile is behind it, and is looked at again only where it was found to differ."""
    workspace = sealed(300)
    tamper(owner_engine, workspace, "ip = '203.0.113.9'", 10)
    run(app, workspace, size=301, reached=1, found={"tiles": tiles, "more": 0})
    with scoped(workspace.id) as session:
        assert [each.seq for each in service.findings(session, workspace.id)] == told_of


def test_figure_and_doctor_tell_until_it_is_acknowledged(
    app: Flask, settings: Settings, owner_engine: Engine
) -> None:
    workspace = sealed(20)
    tamper(owner_engine, workspace, "status = 'error'", 7)
    run(app, workspace)
    with app.app_context(), platform_session(JOBS) as platform:
        assert figures.read(platform, datetime.now(UTC)).differences > 0
    told_of = [each.words for _, each in doctor.findings(settings, seals.CHECKS)]
    assert f"{workspace.slug}: Event 7 isn’t what was sealed: status differs" in told_of


def test_nightly_check_is_asked_for_every_sealed_log(app: Flask) -> None:
    workspace = sealed(3)
    with app.app_context():
        assert ask_for_samples() > 0
    with scoped(workspace.id) as session:
        made = service.latest(session, workspace.id, CheckKind.SAMPLE)
        assert made is not None
        assert made.asked_by is None


def test_command_names_number_and_field_and_ends_with_one(
    settings: Settings, owner_engine: Engine
) -> None:
    workspace, command = sealed(20), Commands(settings)
    assert command("tree", "check", workspace.slug, "--all").exit_code == 0
    tamper(owner_engine, workspace, "status = 'error'", 7)
    told_of = command("tree", "check", workspace.slug, "--all", "--json")
    assert told_of.exit_code == 1
    [finding] = json.loads(told_of.stdout)["findings"]
    assert (finding["seq"], finding["fields"][0]["field"]) == (7, "status")
    with scoped(workspace.id) as session:
        [kept] = service.findings(session, workspace.id)
    done = command("tree", "acknowledge", workspace.slug, str(kept.id), "--reason", "A drill")
    assert done.exit_code == 0, done.output
    with scoped(workspace.id) as session:
        assert service.findings(session, workspace.id) == []
