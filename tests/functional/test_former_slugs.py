"""A workspace that was renamed is found by its former slug wherever a filter names it."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from auditsaas.accounts.models import User
from auditsaas.permissions import ApiScope
from auditsaas.workspaces.models import FormerSlug, Workspace
from tests.support import factories
from tests.support.factories import (
    append_events,
    csrf_token,
    event_input,
    make_api_key,
    make_member,
    make_workspace,
    unique,
)
from tests.support.htmx import PARTIAL

SCHEDULE = {"name": "Marks", "frequency": "daily", "at": "08:00", "time_zone": "UTC"}

pytestmark = pytest.mark.usefixtures("signed_in_admin")


def rename(workspace: Workspace) -> str:
    """Give the workspace another slug; its former one."""
    former = workspace.slug
    with factories.scoped(workspace.id) as session:
        session.get_one(Workspace, workspace.id).slug = unique("moved")
        session.add(FormerSlug(slug=former, tenant=workspace.id))
        session.commit()
    return former


@pytest.fixture
def former(workspace: Workspace) -> str:
    append_events(workspace, [event_input(activity="mark.set")])
    return rename(workspace)


def rows(client: FlaskClient, url: str) -> int:
    answer = client.get(url, follow_redirects=True)
    assert answer.status_code == 200, answer.text
    return answer.text.count("data-event-id")


@pytest.mark.parametrize("query", ["workspace={}", "q=workspace:{}", "q=-workspace:{}"])
def test_filter_by_former_slug_finds_the_renamed_workspace(
    client: FlaskClient, former: str, query: str
) -> None:
    expected = 0 if "-" in query else 1
    assert rows(client, f"/audit-logs?activity=mark.set&{query.format(former)}") == expected


def test_saved_view_of_former_slug_opens_and_counts(client: FlaskClient, former: str) -> None:
    form = {"csrf_token": csrf_token(client), "name": "Marks", "query": f"workspace={former}"}
    saved = client.post("/views", data=form)
    assert rows(client, saved.headers["Location"]) >= 1
    view = saved.headers["Location"].partition("view=")[2]
    assert "data-exact" in client.get(f"/audit-logs/count?view={view}").text


def test_export_by_former_slug_holds_the_renamed_workspace(
    client: FlaskClient, former: str
) -> None:
    form = {"csrf_token": csrf_token(client), "workspace": former, "format": "csv"}
    answer = client.post("/exports", data=form)
    assert answer.status_code == 200, answer.text
    assert b"mark.set" in answer.data


def test_schedule_of_former_slug_is_previewed_as_of_the_whole_workspace(
    client: FlaskClient, workspace: Workspace, former: str
) -> None:
    slug = factories.Sessions().get_one(Workspace, workspace.id).slug
    known, unknown = (
        client.post(
            f"/w/{slug}/schedules/preview",
            data=SCHEDULE | {"csrf_token": csrf_token(client), "query": f"workspace={named}"},
            headers=PARTIAL,
        )
        for named in (former, "elsewhere")
    )
    assert known.status_code == unknown.status_code == 200
    assert "reads the workspace" not in known.text
    assert "reads the workspace" in unknown.text


def test_api_takes_the_former_slug_of_its_own_workspace(
    client: FlaskClient, workspace: Workspace, former: str
) -> None:
    key = make_api_key(workspace, {ApiScope.EVENTS_READ})
    answer = client.get(
        f"/api/v1/events?workspace={former}&activity=mark.set",
        headers={"Authorization": f"Bearer {key}"},
    )
    assert answer.status_code == 200, answer.text
    assert answer.json is not None
    assert len(answer.json["data"]) == 1


def test_former_slug_of_a_foreign_workspace_is_as_unknown_as_any(
    client: FlaskClient, signed_in_admin: User
) -> None:
    foreign = make_workspace()
    make_member(foreign)
    slug = rename(foreign)
    refused = client.get(f"/audit-logs?workspace={slug}")
    unknown = client.get("/audit-logs?workspace=never-was")
    assert refused.status_code == unknown.status_code == 422
