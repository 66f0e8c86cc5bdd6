"""A workspace's settings: what an admin changes, what follows, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from auditsaas.accounts.models import User
from auditsaas.errors import Conflict
from auditsaas.events.models import events
from auditsaas.events.writing.redaction import USUAL_KEYS
from auditsaas.permissions import Role
from auditsaas.workspaces.models import Workspace
from auditsaas.workspaces.service import RESERVED_SLUGS
from tests.support import factories, waiting
from tests.support.factories import (
    append_events,
    csrf_token,
    event_input,
    make_member,
    make_workspace,
    unique,
)
from tests.support.sealing import seal

pytestmark = pytest.mark.usefixtures("signed_in_admin")


def save(client: FlaskClient, workspace: Workspace, **fields: str) -> TestResponse:
    form = {
        "name": workspace.name,
        "slug": workspace.slug,
        "time_zone": "UTC",
        "retention_days": "",
        "export_days": "7",
        "redacted_keys": "\n".join(USUAL_KEYS),
        **fields,
        "csrf_token": csrf_token(client),
    }
    return client.post(f"/w/{workspace.slug}/settings", data=form)


def now_of(workspace: Workspace) -> Workspace:
    with factories.Sessions() as session:
        return session.get_one(Workspace, workspace.id)


def changes_of(workspace: Workspace) -> list[dict[str, list[object]]]:
    with factories.scoped(workspace.id) as session:
        return list(
            session.scalars(
                select(events.c.changes)
                .where(
                    events.c.workspace_id == workspace.id,
                    events.c.activity == "workspace.update",
                )
                .order_by(events.c.seq)
            )
        )


def test_changed_setting_is_saved_and_recorded_with_before_and_after(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    fields = {"name": "Acme Freight", "time_zone": "Europe/Berlin", "export_days": "30"}
    answer = save(client, workspace, **fields, legal_hold="1", redacted_keys="Token\npassword")
    assert answer.location == f"/w/{workspace.slug}/settings?saved=1"
    assert changes_of(workspace) == [
        {
            "name": ["Acme", "Acme Freight"],
            "time_zone": ["UTC", "Europe/Berlin"],
            "export_days": [7, 30],
            "legal_hold": [False, True],
            "redacted_keys": [sorted(USUAL_KEYS), ["password", "token"]],
        }
    ]
    page = client.get(answer.location).text
    assert "Acme Freight" in page
    assert "password\ntoken" in page


def test_saving_unchanged_settings_records_nothing(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    assert save(client, workspace).status_code == 303
    assert changes_of(workspace) == []


def test_old_slug_redirects_members_only(
    app: Flask, client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    old, new = workspace.slug, unique("moved")
    assert save(client, workspace, slug=new).location == f"/w/{new}/settings?saved=1"
    answer = client.get(f"/w/{old}/audit-logs?status=error")
    assert (answer.status_code, answer.location) == (307, f"/w/{new}/audit-logs?status=error")
    stranger = app.test_client()
    factories.sign_in(stranger, make_member(make_workspace()))
    assert stranger.get(f"/w/{old}/audit-logs").status_code == 404
    with pytest.raises(Conflict):
        make_workspace(slug=old)


def test_a_workspace_can_have_its_old_slug_again(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    old, new = workspace.slug, unique("moved")
    save(client, workspace, slug=new)
    assert save(client, now_of(workspace), slug=old).location == f"/w/{old}/settings?saved=1"
    assert client.get(f"/w/{new}/audit-logs").location == f"/w/{old}/audit-logs"


def test_a_slug_of_another_workspace_is_refused_now_and_formerly(
    app: Flask, client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    other = make_workspace()
    assert save(client, workspace, slug=other.slug).status_code == 409
    browser = app.test_client()
    factories.sign_in(browser, make_member(other))
    save(browser, other, slug=unique("moved"))
    answer = save(client, workspace, slug=other.slug)
    assert answer.status_code == 409
    assert "is taken" in answer.text


def test_first_segments_of_own_routes_are_reserved_slugs(app: Flask) -> None:
    words = {rule.rule.split("/")[1] for rule in app.url_map.iter_rules()}
    own = {word for word in words if word and not word.startswith("<")}
    assert own <= RESERVED_SLUGS


@pytest.mark.parametrize("slug", ["login", "admin", "w", "Up", "a b", "-a", "a" * 64, "é", ""])
def test_reserved_or_malformed_slug_is_refused(
    client: FlaskClient, workspace: Workspace, admin: User, slug: str
) -> None:
    assert save(client, workspace, slug=slug).status_code == 422
    assert now_of(workspace).slug == workspace.slug


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", " "),
        ("name", "a\u202eb"),
        ("time_zone", "Mars/Olympus"),
        ("retention_days", "0"),
        ("retention_days", "-1"),
        ("retention_days", "٣"),
        ("retention_days", "9" * 50),
        ("export_days", ""),
        ("export_days", "366"),
        ("redacted_keys", "k" * 129),
        ("redacted_keys", "\n".join(map(str, range(101)))),
        ("redacted_keys", "a\x00b"),
    ],
)
def test_invalid_setting_is_refused_beside_its_field(
    client: FlaskClient, workspace: Workspace, admin: User, field: str, value: str
) -> None:
    answer = save(client, workspace, **{field: value})
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert changes_of(workspace) == []


def test_shorter_retention_states_the_removed_events_and_asks_for_confirmation(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    now = datetime.now(UTC)
    ages = [timedelta(days=31), timedelta(days=23, seconds=5), timedelta(days=22, hours=23)]
    ages += [timedelta(days=30, seconds=5)]
    append_events(workspace, [event_input(occurred_at=(now - age).isoformat()) for age in ages])
    asked = save(client, workspace, retention_days="30", name="New name")
    assert "3 events are older than 30 days by then" in asked.text
    assert waiting.changes_of(workspace) == []
    save(client, workspace, retention_days="30", confirmed="1")
    assert now_of(workspace).retention_days is None
    assert [change.removes for change in waiting.changes_of(workspace)] == [3]


def test_longer_retention_needs_no_confirmation(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    with factories.as_owner(workspace.id) as session:
        session.get_one(Workspace, workspace.id).retention_days = 30
        session.commit()
    old = datetime.now(UTC) - timedelta(days=90)
    append_events(workspace, [event_input(occurred_at=old.isoformat())])
    assert save(client, workspace, retention_days="60").status_code == 303
    assert save(client, workspace, retention_days="").status_code == 303
    assert now_of(workspace).retention_days is None


def test_redacted_keys_apply_from_the_next_event_at_any_depth(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    metadata = {"Password": "hunter2", "deep": [{"token": {"a": 1}}, {"kept": "yes"}]}
    changes = {"password": ["old-one", "new-one"], "plan": ["free", "pro"]}
    event = event_input(metadata=metadata, changes=changes)
    for keys in ("", "password, token", ""):
        save(client, workspace, redacted_keys=keys)
        append_events(workspace, [event])
    with factories.scoped(workspace.id) as session:
        rows = session.execute(
            select(events.c.metadata, events.c.changes)
            .where(events.c.workspace_id == workspace.id, events.c.activity == "invoice.update")
            .order_by(events.c.seq)
        ).all()
    assert [tuple(rows[0]), tuple(rows[2])] == [(metadata, changes)] * 2
    gone = "[redacted]"
    assert rows[1].metadata == {"Password": gone, "deep": [{"token": gone}, {"kept": "yes"}]}
    assert rows[1].changes == {"password": [gone, gone], "plan": ["free", "pro"]}


def test_redaction_hides_nothing_that_the_product_records(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    hiding = ["name", "reason", "redacted_keys", "wanted"]
    save(client, workspace, redacted_keys="\n".join(hiding))
    save(client, workspace, redacted_keys="\n".join(hiding), name="Renamed")
    assert changes_of(workspace) == [
        {"redacted_keys": [sorted(USUAL_KEYS), hiding]},
        {"name": [workspace.name, "Renamed"]},
    ]


def test_new_workspace_redacts_passwords_and_shows_it(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    metadata = {"request": {"Authorization": "Bearer x1", "sessionToken": "x2"}, "note": "kept"}
    append_events(workspace, [event_input(metadata=metadata, changes={"password": ["x3", "x4"]})])
    with factories.scoped(workspace.id) as session:
        row = session.execute(
            select(events.c.metadata, events.c.changes).where(events.c.workspace_id == workspace.id)
        ).one()
    gone = "[redacted]"
    assert row.metadata["request"] == {"Authorization": gone, "sessionToken": gone}
    assert (row.metadata["note"], row.changes) == ("kept", {"password": [gone, gone]})
    assert "authorization\n" in client.get(f"/w/{workspace.slug}/settings").text
    assert "authorization, " in client.get(f"/w/{workspace.slug}/imports/new").text
    save(client, workspace, redacted_keys="")
    assert "Nothing is replaced" in client.get(f"/w/{workspace.slug}/imports/new").text


def test_requiring_a_second_factor_without_an_own_one_is_refused(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    assert save(client, workspace, require_second_factor="1").status_code == 422
    with factories.Sessions.begin() as session:
        session.execute(
            update(User).where(User.id == admin.id).values(totp_confirmed_at=datetime.now(UTC))
        )
    assert save(client, workspace, require_second_factor="1").status_code == 303


def test_log_gives_its_hashes_to_everybody_only_where_an_admin_says_so(
    client: FlaskClient, workspace: Workspace, app: Flask
) -> None:
    seal(workspace)
    stranger, checkpoint = app.test_client(), f"/log/{workspace.id}/checkpoint"
    assert stranger.get(checkpoint).status_code == 404
    assert save(client, workspace, public_tree="1").status_code == 303
    assert changes_of(workspace)[-1] == {"public_tree": [False, True]}
    assert stranger.get(checkpoint).status_code == 200
    assert checkpoint in client.get(f"/w/{workspace.slug}/settings").text
    assert save(client, workspace, public_tree="0").status_code == 303
    assert stranger.get(checkpoint).status_code == 404


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.MEMBER])
def test_only_an_admin_changes_settings(
    client: FlaskClient, workspace: Workspace, role: Role
) -> None:
    factories.sign_in(client, make_member(workspace, role))
    assert client.get(f"/w/{workspace.slug}/settings").status_code == 403
    assert save(client, workspace, name="Mine").status_code == 403
