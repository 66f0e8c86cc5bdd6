"""Reports on time: each once, to who may have it, with nothing left out and nothing twice."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from auditsaas.accounts.models import User
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.exports.models import Export
from auditsaas.mail.models import Mail
from auditsaas.notifications.models import Notification
from auditsaas.permissions import Role
from auditsaas.schedules import service
from auditsaas.schedules.models import Schedule
from auditsaas.workspaces.models import Membership, Workspace
from tests.support.factories import append_events, event_input, make_member, scoped
from tests.support.scheduling import (
    ids_in,
    let_pass,
    make_schedule,
    runs_of,
    schedule_row,
)

pytestmark = pytest.mark.usefixtures("no_other_schedules")

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)


def at(moment: datetime, **fields: Any) -> dict[str, Any]:
    return event_input(occurred_at=moment.isoformat(), **fields)


def mails_of(person: User) -> list[Mail]:
    with scoped(user=person.id) as session:
        return list(
            session.scalars(select(Mail).where(Mail.user_id == person.id).order_by(Mail.id))
        )


def test_a_report_covers_its_day_and_is_mailed(
    app: Flask, workspace: Workspace, admin: User
) -> None:
    schedule_id = make_schedule(workspace, admin, START)
    inside = append_events(
        workspace, [at(START), at(START + 14 * timedelta(hours=1), status="error")]
    )
    append_events(workspace, [at(START - DAY), at(START + DAY)])
    let_pass(app, START + DAY)
    (run,) = runs_of(workspace, schedule_id)
    assert (run.state, run.sent_to) == ("sent", [admin.id])
    assert run.findings is not None
    # Of the two outside, the older one arrived after the schedule was made: it is late.
    assert (run.findings["events"], run.findings["errors"], run.findings["late"]) == (3, 1, 1)
    assert set(map(str, inside.ids)) < set(ids_in(workspace, run))
    (mail,) = mails_of(admin)
    assert mail.kind == "report.ready"
    assert mail.context["events"] == 3
    assert mail.context["url"].endswith(f"/runs/{run.id}/download")


def test_late_event_is_in_the_next_report_and_marked_as_late(
    app: Flask, workspace: Workspace, admin: User
) -> None:
    schedule_id = make_schedule(workspace, admin, START)
    append_events(workspace, [at(START)])
    let_pass(app, START + DAY)
    late = append_events(workspace, [at(START + timedelta(hours=n)) for n in range(3)])
    let_pass(app, START + 2 * DAY)
    first, second = runs_of(workspace, schedule_id)
    assert second.findings is not None
    assert second.findings["late"] == 3
    assert set(map(str, late.ids)) <= set(ids_in(workspace, second))
    assert not set(ids_in(workspace, first)) & set(ids_in(workspace, second))
    assert "3" in str(mails_of(admin)[-1].context["late"])


def test_an_empty_day_is_reported_too(app: Flask, workspace: Workspace, admin: User) -> None:
    make_schedule(workspace, admin, START, event_filter=EventFilter(activity=("no.such",)))
    let_pass(app, START + DAY)
    (mail,) = mails_of(admin)
    assert (mail.kind, mail.context["events"]) == ("report.ready", 0)


def test_missed_reports_are_caught_up_in_order_with_adjoining_windows(
    app: Flask, workspace: Workspace, admin: User
) -> None:
    schedule_id = make_schedule(workspace, admin, START)
    let_pass(app, START + 5 * DAY)
    runs = runs_of(workspace, schedule_id)
    assert [run.due_at for run in runs] == [START.replace(hour=8) + n * DAY for n in range(1, 6)]
    for earlier, later in itertools.pairwise(runs):
        assert later.starts_at == earlier.ends_at
        assert later.since_seq == earlier.upto_seq
        assert later.created_at > earlier.created_at
    assert [mail.context["period_short"] for mail in mails_of(admin)] == [
        f"03/0{n}/2026" for n in range(2, 7)
    ]


def test_recipient_without_the_role_gets_nothing_and_the_history_says_so(
    app: Flask, workspace: Workspace, admin: User
) -> None:
    auditor = make_member(workspace, Role.AUDITOR)
    schedule_id = make_schedule(workspace, admin, START, recipients=[admin, auditor])
    let_pass(app, START + DAY)
    set_role(workspace, auditor, Role.MEMBER)
    let_pass(app, START + 2 * DAY)
    first, second = runs_of(workspace, schedule_id)
    assert set(first.sent_to or ()) == {admin.id, auditor.id}
    assert (second.sent_to, second.left_out) == ([admin.id], [auditor.id])
    assert len(mails_of(auditor)) == 1


def test_schedule_pauses_without_its_owner_and_resumes_without_a_gap(
    app: Flask, workspace: Workspace, admin: User
) -> None:
    auditor = make_member(workspace, Role.AUDITOR)
    schedule_id = make_schedule(workspace, auditor, START, recipients=[admin])
    set_role(workspace, auditor, Role.MEMBER)
    let_pass(app, START + DAY)
    row = schedule_row(workspace, schedule_id)
    assert row.paused_at is not None
    assert "owner" in (row.paused_because or "")
    assert runs_of(workspace, schedule_id) == []
    with scoped(user=admin.id) as session:
        kinds = session.scalars(select(Notification.kind).where(Notification.user_id == admin.id))
        assert kinds.all() == ["schedule.stopped"]
    resume(workspace, schedule_id, admin, START + 3 * DAY)
    let_pass(app, START + 4 * DAY)
    (run,) = runs_of(workspace, schedule_id)
    assert run.starts_at == row.covered_until
    assert run.ends_at == (START + 4 * DAY).replace(hour=0)
    assert schedule_row(workspace, schedule_id).owner_id == admin.id


def test_suspended_workspace_gets_its_reports_after_it_is_resumed(
    app: Flask, workspace: Workspace, admin: User
) -> None:
    schedule_id = make_schedule(workspace, admin, START)
    suspend(workspace, START)
    let_pass(app, START + DAY)
    assert runs_of(workspace, schedule_id) == []
    suspend(workspace, None)
    let_pass(app, START + 2 * DAY)
    assert [run.state for run in runs_of(workspace, schedule_id)] == ["sent", "sent"]


def test_failed_report_is_reported_and_can_be_retried(
    app: Flask, workspace: Workspace, admin: User
) -> None:
    from tasks.schedules import tick

    schedule_id = make_schedule(workspace, admin, START)
    with app.app_context():
        tick(START + DAY)
    (run,) = runs_of(workspace, schedule_id)
    set_export(workspace, run.export_id, state="failed", error="Storage is full.")
    let_pass(app, START + DAY)
    (run,) = runs_of(workspace, schedule_id)
    assert run.state == "failed"
    assert [(mail.kind, mail.context["body"]) for mail in mails_of(admin)] == [
        ("report.failed", "Storage is full.")
    ]
    set_export(workspace, run.export_id, state="queued", error=None)
    let_pass(app, START + DAY)
    (run,) = runs_of(workspace, schedule_id)
    assert run.state == "sent"
    assert [mail.kind for mail in mails_of(admin)] == ["report.failed", "report.ready"]


def test_report_lists_what_is_new_for_each_person(
    app: Flask, workspace: Workspace, admin: User
) -> None:
    ann = {"id": "u_1", "name": "Ann Lee"}
    append_events(workspace, [at(START - DAY, actor=ann, ip="203.0.113.7") for _ in range(30)])
    make_schedule(workspace, admin, START)
    append_events(workspace, [at(START + timedelta(minutes=n), actor=ann) for n in range(30)])
    let_pass(app, START + DAY)
    append_events(
        workspace,
        [
            at(START + DAY + timedelta(minutes=n), actor=ann, ip="198.51.100.9", status="error")
            for n in range(30)
        ],
    )
    let_pass(app, START + 2 * DAY)
    news = [(line["who"], line["what"]) for line in mails_of(admin)[-1].context["news"]]
    assert ("Ann Lee", "first seen from 198.51.100.9") in news
    assert any(what.startswith("Failure rate") for _, what in news)
    assert ("Ann Lee", "first seen from 203.0.113.7") not in news
    assert not any(what.startswith("first “") for _, what in news)


def test_first_occurrence_of_an_activity_is_reported_by_its_label(
    app: Flask, workspace: Workspace, admin: User
) -> None:
    ann = {"id": "u_1", "name": "Ann Lee"}
    append_events(workspace, [at(START - DAY, actor=ann)])
    make_schedule(workspace, admin, START)
    append_events(workspace, [at(START, actor=ann, activity="user.login")])
    let_pass(app, START + DAY)
    news = [(line["who"], line["what"]) for line in mails_of(admin)[-1].context["news"]]
    assert ("Ann Lee", "first “Sign in”") in news


def test_a_scheduled_export_is_not_announced_a_second_time(
    app: Flask, workspace: Workspace, admin: User
) -> None:
    make_schedule(workspace, admin, START)
    let_pass(app, START + DAY)
    with scoped(user=admin.id) as session:
        kinds = session.scalars(select(Notification.kind).where(Notification.user_id == admin.id))
        assert kinds.all() == ["report.ready"]


def test_changed_frequency_leaves_no_gap(app: Flask, workspace: Workspace, admin: User) -> None:
    from auditsaas.exports.requester import Requester
    from auditsaas.schedules.timetable import Frequency, Timetable
    from tests.support.scheduling import DAILY

    schedule_id = make_schedule(workspace, admin, START)
    let_pass(app, START + DAY)
    weekly = Timetable(frequency=Frequency.WEEKLY, weekday=2, at=DAILY.at, zone=DAILY.zone)
    with scoped(workspace.id, user=admin.id) as session:
        schedule = session.get_one(Schedule, (workspace.id, schedule_id))
        plan = service.Plan(
            name="Weekly digest",
            event_filter=EventFilter(status=("error",)),
            format="csv",
            timetable=weekly,
            recipients=(admin.id,),
        )
        requester = Requester(person=admin, roles={workspace.id: "admin"})
        service.change(session, schedule, plan, requester=requester, now=START + DAY)
        session.commit()
    let_pass(app, START + 14 * DAY)
    runs = runs_of(workspace, schedule_id)
    assert [run.starts_at for run in runs[1:]] == [run.ends_at for run in runs[:-1]]
    assert len(runs) == 2


def resume(workspace: Workspace, schedule_id: Any, person: User, now: datetime) -> None:
    from auditsaas.exports.requester import Requester

    with scoped(workspace.id, user=person.id) as session:
        schedule = session.get_one(Schedule, (workspace.id, schedule_id))
        requester = Requester(person=person, roles={workspace.id: "admin"})
        service.resume(session, schedule, requester=requester, now=now)
        session.commit()


def suspend(workspace: Workspace, since: datetime | None) -> None:
    with scoped(workspace.id) as session:
        session.execute(
            update(Workspace).where(Workspace.id == workspace.id).values(suspended_at=since)
        )
        session.commit()


def set_role(workspace: Workspace, person: User, role: Role) -> None:
    with scoped(workspace.id) as session:
        session.execute(
            update(Membership)
            .where(Membership.workspace_id == workspace.id, Membership.user_id == person.id)
            .values(role=role.value)
        )
        session.commit()


def set_export(workspace: Workspace, export_id: Any, **values: Any) -> None:
    with scoped(workspace.id) as session:
        session.execute(update(Export).where(Export.id == export_id).values(**values))
        session.commit()
