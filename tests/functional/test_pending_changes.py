"""What cannot be undone is slow, told, and can be cancelled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select, update

from auditsaas.accounts import sessions
from auditsaas.accounts.models import User
from auditsaas.events.maintenance import retention
from auditsaas.events.models import events, log_heads
from auditsaas.jobs.runner import run
from auditsaas.notifications import delivery
from auditsaas.pending_changes import telling
from auditsaas.workspaces.models import Membership, Workspace
from tests.support.factories import (
    Sessions,
    append_events,
    as_owner,
    csrf_token,
    event_input,
    make_member,
    make_workspace,
    scoped,
)
from tests.support.smtp import MailServer, mail_server
from tests.support.waiting import (
    act_on,
    ask_for,
    changes_of,
    database_time,
    hold,
    let_pass,
    let_take_effect,
    mails_to,
    now_of,
    settle_all,
    states,
)

pytestmark = pytest.mark.usefixtures("signed_in_admin")

DAY = timedelta(days=1)


def recorded(workspace: Workspace, activity: str) -> list[dict[str, object]]:
    with scoped(workspace.id) as session:
        found = select(events.c.metadata).where(
            events.c.workspace_id == workspace.id, events.c.activity == activity
        )
        return list(session.scalars(found.order_by(events.c.seq)))


def old_events(workspace: Workspace, days: int, count: int = 3) -> None:
    at = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    append_events(workspace, [event_input(occurred_at=at) for _ in range(count)])


def test_shorter_retention_waits_for_the_whole_delay(
    app: Flask, client: FlaskClient, workspace: Workspace
) -> None:
    assert ask_for(client, workspace, retention_days="30").status_code == 303
    let_pass(workspace, 7 * DAY - timedelta(minutes=1))
    settle_all(app)
    assert now_of(workspace).retention_days is None
    let_pass(workspace, DAY)
    assert settle_all(app) == 1
    assert now_of(workspace).retention_days == 30
    assert states(workspace) == ["applied"]


def test_change_is_made_once_however_often_it_is_settled(
    app: Flask, client: FlaskClient, workspace: Workspace
) -> None:
    ask_for(client, workspace, retention_days="30")
    let_take_effect(app, workspace)
    hold(workspace, retention_days=365)
    assert settle_all(app) == 0
    assert now_of(workspace).retention_days == 365
    assert len(recorded(workspace, "change.apply")) == 1


def test_page_says_who_when_how_many_events_and_offers_to_cancel(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    old_events(workspace, days=40)
    ask_for(client, workspace, retention_days="30", reason="Storage <b>costs</b>")
    page = client.get(f"/w/{workspace.slug}/settings/retention").text
    [change] = changes_of(workspace)
    assert f'data-change-id="{change.id}"' in page
    assert 'data-removes="3"' in page
    assert "Retention goes from unlimited to 30 days" in page
    assert admin.name in page
    assert "Storage &lt;b&gt;costs&lt;/b&gt;" in page
    assert f"/settings/changes/{change.id}/cancel" in page


def test_events_that_grow_old_during_the_delay_are_counted(
    client: FlaskClient, workspace: Workspace
) -> None:
    old_events(workspace, days=25)
    ask_for(client, workspace, retention_days="30")
    assert [change.removes for change in changes_of(workspace)] == [3]


def test_every_admin_is_mailed_at_once_and_a_day_before(
    app: Flask, client: FlaskClient, workspace: Workspace, admin: User, second_admin: User
) -> None:
    ask_for(client, workspace, retention_days="30", reason="Case 7")
    for person in (admin, second_admin):
        [mail] = mails_to(person.id, "change.asked")
        assert mail.context["reason"] == "Case 7"
    let_pass(workspace, 6 * DAY - timedelta(minutes=1))
    settle_all(app)
    assert mails_to(second_admin.id, "change.reminder") == []
    let_pass(workspace, timedelta(minutes=2))
    settle_all(app)
    settle_all(app)
    assert len(mails_to(second_admin.id, "change.reminder")) == 1


def test_change_without_its_reminder_is_put_off(
    app: Flask, client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    """The workers were away when everybody should have been told again."""
    ask_for(client, workspace, retention_days="30")
    let_pass(workspace, 8 * DAY)
    settle_all(app)
    assert now_of(workspace).retention_days is None
    assert len(mails_to(admin.id, "change.reminder")) == 1
    [change] = changes_of(workspace)
    assert change.effective_at - database_time() > timedelta(hours=22)


@pytest.mark.parametrize("who", ["client", "other"])
def test_any_admin_cancels_a_change(
    app: Flask, workspace: Workspace, client: FlaskClient, second_browser: FlaskClient, who: str
) -> None:
    ask_for(client, workspace, retention_days="30")
    [change] = changes_of(workspace)
    by = {"client": client, "other": second_browser}[who]
    assert act_on(by, workspace, change, "cancel").status_code == 303
    let_take_effect(app, workspace)
    assert now_of(workspace).retention_days is None
    assert states(workspace) == ["cancelled"]
    assert len(recorded(workspace, "change.cancel")) == 1


def test_cancelling_what_has_ended_is_refused(
    app: Flask, workspace: Workspace, client: FlaskClient
) -> None:
    ask_for(client, workspace, retention_days="30")
    let_take_effect(app, workspace)
    [change] = changes_of(workspace)
    assert act_on(client, workspace, change, "cancel").status_code == 409
    assert states(workspace) == ["applied"]


def test_change_of_another_workspace_cannot_be_cancelled(
    client: FlaskClient, workspace: Workspace, browser: Callable[[User], FlaskClient]
) -> None:
    ask_for(client, workspace, retention_days="30")
    [change] = changes_of(workspace)
    elsewhere = make_workspace()
    stranger = browser(make_member(elsewhere))
    assert act_on(stranger, elsewhere, change, "cancel").status_code == 404
    assert act_on(stranger, workspace, change, "cancel").status_code == 404
    assert states(workspace) == ["waiting"]


def test_cancelling_while_it_takes_effect_does_one_of_both(
    app: Flask, client: FlaskClient, workspace: Workspace
) -> None:
    ask_for(client, workspace, retention_days="30")
    let_pass(workspace, 6 * DAY + timedelta(minutes=1))
    settle_all(app)
    let_pass(workspace, DAY)
    [change] = changes_of(workspace)
    token = csrf_token(client)
    path = f"/w/{workspace.slug}/settings/changes/{change.id}/cancel"
    with ThreadPoolExecutor(2) as pool:
        settled = pool.submit(settle_all, app)
        cancelled = pool.submit(client.post, path, data={"csrf_token": token})
        made, refused = settled.result() == 1, cancelled.result().status_code == 409
    assert made is refused
    assert states(workspace) == ["applied" if made else "cancelled"]
    assert now_of(workspace).retention_days == (30 if made else None)


def test_request_that_removes_more_replaces_the_one_that_waits(
    client: FlaskClient, second_browser: FlaskClient, workspace: Workspace
) -> None:
    ask_for(client, workspace, retention_days="100")
    let_pass(workspace, 6 * DAY)
    ask_for(second_browser, workspace, retention_days="30")
    assert states(workspace) == ["replaced", "waiting"]
    last = changes_of(workspace)[-1]
    assert last.effective_at - database_time() > 6.9 * DAY


def test_request_that_removes_less_says_which_one_stands(
    client: FlaskClient, second_browser: FlaskClient, workspace: Workspace, admin: User
) -> None:
    ask_for(client, workspace, retention_days="30")
    answer = ask_for(second_browser, workspace, retention_days="100")
    assert answer.status_code == 409
    assert (
        f"{admin.name} asked for another: Retention goes from unlimited to 30 days" in answer.text
    )
    assert states(workspace) == ["waiting"]


def test_asking_for_the_same_again_does_not_extend_the_delay(
    client: FlaskClient, second_browser: FlaskClient, workspace: Workspace
) -> None:
    ask_for(client, workspace, retention_days="30")
    let_pass(workspace, 3 * DAY)
    ask_for(second_browser, workspace, retention_days="30")
    [change] = changes_of(workspace)
    assert change.effective_at - database_time() < 4.1 * DAY


def test_change_of_an_admin_who_was_removed_is_cancelled(
    app: Flask, client: FlaskClient, workspace: Workspace, admin: User, second_admin: User
) -> None:
    ask_for(client, workspace, retention_days="30")
    with scoped(workspace.id) as session:
        session.delete(session.get_one(Membership, (workspace.id, admin.id)))
        session.commit()
    let_take_effect(app, workspace)
    [change] = changes_of(workspace)
    assert (change.state, now_of(workspace).retention_days) == ("cancelled", None)
    assert "no longer an admin" in (change.ended_because or "")
    assert len(mails_to(second_admin.id, "change.cancelled")) == 1


def test_clock_set_back_while_asking_shortens_no_delay(
    app: Flask, client: FlaskClient, workspace: Workspace, owner_engine: Engine
) -> None:
    """The newest event is from ahead of the clock: so the clock has been set back."""
    ahead = database_time() + 5 * DAY
    with as_owner(workspace.id) as session:
        session.execute(update(log_heads).values(last_received_at=ahead))
        session.commit()
    ask_for(client, workspace, retention_days="30")
    [change] = changes_of(workspace)
    assert change.effective_at - ahead >= 7 * DAY


def test_change_waits_while_its_workspace_is_suspended(
    app: Flask, client: FlaskClient, workspace: Workspace
) -> None:
    ask_for(client, workspace, retention_days="30")
    hold(workspace, suspended_at=datetime.now(UTC))
    let_take_effect(app, workspace)
    assert now_of(workspace).retention_days is None
    hold(workspace, suspended_at=None)
    settle_all(app)
    assert now_of(workspace).retention_days is None
    [change] = changes_of(workspace)
    assert change.effective_at - database_time() > timedelta(hours=22)


@pytest.mark.parametrize(
    ("field", "on", "off", "kind"),
    [
        ("legal_hold", True, "0", "hold.lift"),
        ("require_second_factor", True, "0", "second_factor.release"),
        ("two_admins", True, "0", "two_admins.release"),
    ],
)
def test_switching_a_safeguard_off_waits(
    app: Flask,
    client: FlaskClient,
    workspace: Workspace,
    admin: User,
    second_admin: User,
    field: str,
    on: bool,
    off: str,
    kind: str,
) -> None:
    hold(workspace, **{field: on})
    with Sessions.begin() as session:
        session.get_one(User, admin.id).totp_confirmed_at = datetime.now(UTC)
        session_id = sessions.start(session, admin.id, second_factor=True)
    client.set_cookie("session", session_id)
    ask_for(client, workspace, **{field: off})
    assert [change.kind for change in changes_of(workspace)] == [kind]
    assert getattr(now_of(workspace), field) is True


def test_turning_a_hold_on_is_at_once_and_stops_what_waits(
    app: Flask, client: FlaskClient, workspace: Workspace
) -> None:
    ask_for(client, workspace, retention_days="30")
    ask_for(client, workspace, legal_hold="1")
    assert now_of(workspace).legal_hold is True
    assert states(workspace) == ["cancelled"]


def test_longer_retention_is_at_once_and_stops_what_waits(
    client: FlaskClient, workspace: Workspace
) -> None:
    hold(workspace, retention_days=90)
    ask_for(client, workspace, retention_days="30")
    ask_for(client, workspace, retention_days="365")
    assert now_of(workspace).retention_days == 365
    assert states(workspace) == ["cancelled"]


def test_change_needs_the_approval_of_another_admin_where_two_are_required(
    app: Flask,
    client: FlaskClient,
    second_browser: FlaskClient,
    workspace: Workspace,
    second_admin: User,
) -> None:
    hold(workspace, two_admins=True)
    ask_for(client, workspace, retention_days="30")
    let_take_effect(app, workspace)
    assert now_of(workspace).retention_days is None
    [change] = changes_of(workspace)
    assert act_on(client, workspace, change, "approve").status_code == 409
    assert act_on(second_browser, workspace, change, "approve").status_code == 303
    settle_all(app)
    assert now_of(workspace).retention_days is None, "a day remains to cancel it"
    let_pass(workspace, DAY)
    settle_all(app)
    assert now_of(workspace).retention_days == 30


def test_reason_of_ten_thousand_characters_is_refused_beside_its_field(
    client: FlaskClient, workspace: Workspace
) -> None:
    answer = ask_for(client, workspace, retention_days="30", reason="x" * 10_000)
    assert answer.status_code == 422
    assert 'id="reason-error"' in answer.text
    assert changes_of(workspace) == []


@pytest.mark.parametrize("days", ["1", "29"])
def test_retention_under_the_floor_is_refused_beside_its_field(
    client: FlaskClient, workspace: Workspace, days: str
) -> None:
    answer = ask_for(client, workspace, retention_days=days)
    assert answer.status_code == 422
    assert 'id="retention_days-error"' in answer.text
    assert "floor is 30 days" in answer.text
    assert changes_of(workspace) == []


def test_each_step_is_an_event_with_the_change_and_its_reason(
    app: Flask, client: FlaskClient, workspace: Workspace
) -> None:
    ask_for(client, workspace, retention_days="30", reason="Case 7")
    let_take_effect(app, workspace)
    [asked], [made] = (recorded(workspace, f"change.{verb}") for verb in ("request", "apply"))
    assert asked["wanted"] == made["wanted"] == {"retention_days": 30}
    assert asked["reason"] == "Case 7"
    [change] = changes_of(workspace)
    assert recorded(workspace, "workspace.update") == [{"change": str(change.id)}]


def test_one_admin_does_not_make_the_log_disappear_within_two_nights(
    client: FlaskClient, workspace: Workspace, owner_engine: Engine
) -> None:
    old_events(workspace, days=40, count=20)
    ask_for(client, workspace, retention_days="1")
    ask_for(client, workspace, retention_days="30")
    for nights in (0, 2):
        retention.apply(owner_engine, datetime.now(UTC) + timedelta(days=nights))
    with scoped(workspace.id) as session:
        left = session.scalars(select(events.c.activity)).all()
    assert left.count("invoice.update") == 20
    assert "change.request" in left


def test_retention_set_without_the_delay_makes_the_log_disappear(
    workspace: Workspace, owner_engine: Engine
) -> None:
    """The control: what one form did before."""
    old_events(workspace, days=40, count=20)
    hold(workspace, retention_days=1)
    retention.apply(owner_engine, datetime.now(UTC))
    with scoped(workspace.id) as session:
        assert "invoice.update" not in session.scalars(select(events.c.activity)).all()
    hold(workspace, retention_days=None)


@pytest.fixture(scope="module")
def mail_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    with mail_server(tmp_path_factory.mktemp("smtp")) as server:
        yield server


@pytest.mark.parametrize("kind", ["asked", "approved", "reminder", "cancelled", "applied"])
def test_mail_of_a_change_says_who_when_why_and_where_to_cancel(
    app: Flask,
    client: FlaskClient,
    workspace: Workspace,
    admin: User,
    mail_host: MailServer,
    kind: str,
) -> None:
    old_events(workspace, days=40)
    ask_for(client, workspace, retention_days="30", reason="Case <7>")
    [change] = changes_of(workspace)
    with scoped(workspace.id) as session:
        change = session.merge(change)
        telling.tell(session, change, f"change.{kind}", by="Ann Lee")
        session.commit()
    made = replace(app.extensions["settings"], smtp_url=mail_host.url)
    with app.app_context():
        run(delivery.mail_job(made), mails_to(admin.id, f"change.{kind}")[-1].id)
    got = mail_host.received(admin.email)[-1]
    assert got["Subject"].strip().startswith(f"{workspace.name}: ")
    for part in ("plain", "html"):
        body = got.get_body((part,))
        assert body is not None
        words = str(body.get_content())
        assert "Ann Lee" in words
        assert f"/w/{workspace.slug}/settings/retention" in words
        assert ("Case &lt;7&gt;" if part == "html" else "Case <7>") in words
        assert "Retention goes from unlimited to 30 days" in words
        assert "3" in words


def test_two_admins_are_required_only_where_there_are_two(
    client: FlaskClient, workspace: Workspace
) -> None:
    refused = ask_for(client, workspace, two_admins="1")
    assert refused.status_code == 422
    assert 'id="two_admins-error"' in refused.text
    make_member(workspace)
    assert ask_for(client, workspace, two_admins="1").status_code == 303
    assert now_of(workspace).two_admins is True
