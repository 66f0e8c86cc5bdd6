from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from auditsaas.accounts.models import User
from auditsaas.permissions import Role
from auditsaas.workspaces.models import Workspace
from tests.support.factories import (
    append_events,
    csrf_token,
    event_input,
    make_member,
    make_workspace,
    sign_in,
)

pytestmark = pytest.mark.usefixtures("signed_in_admin")


@pytest.fixture
def workspace(client: FlaskClient) -> Workspace:
    workspace = make_workspace()
    append_events(workspace, [event_input(), event_input(status="error")])
    return workspace


def save(client: FlaskClient, base: str, **fields: str) -> str:
    """Save a view; where the browser is led."""
    data = {"csrf_token": csrf_token(client), "name": "Errors", "query": "status=error"} | fields
    answer = client.post(f"{base}/views", data=data)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def rows(client: FlaskClient, url: str) -> int:
    answer = client.get(url, follow_redirects=True)
    assert answer.status_code == 200, answer.text
    return answer.text.count("data-event-id")


def test_a_view_opens_with_its_filter_and_parameters_beside_it_override_it(
    workspace: Workspace, client: FlaskClient
) -> None:
    url = save(client, f"/w/{workspace.slug}")
    assert rows(client, url) == 1
    assert rows(client, f"{url}&status=success&status=error") == 2
    assert rows(client, f"{url}&q=nothing-like-this") == 0
    assert "Errors" in client.get(f"/w/{workspace.slug}/audit-logs").text


def test_event_opened_from_a_view_keeps_to_its_filter(
    workspace: Workspace, client: FlaskClient
) -> None:
    url = save(client, f"/w/{workspace.slug}")
    event_id = re.findall(r'data-event-id="([^"]+)"', client.get(url).text)[0]
    base, _, query = url.partition("?")
    opened = client.get(f"{base}/{event_id}?{query}")
    back = f'href="{base}?status=error">Audit Logs</a>'
    assert back in opened.text
    without = client.get(f"{base}/{event_id}")
    assert back not in without.text


def test_default_view_opens_first_and_the_unfiltered_log_stays_reachable(
    workspace: Workspace, client: FlaskClient
) -> None:
    base = f"/w/{workspace.slug}/audit-logs"
    save(client, f"/w/{workspace.slug}", default="1")
    assert rows(client, base) == 1
    everything = client.get(f"{base}?view=all")
    assert everything.text.count("data-event-id") == 2
    assert re.search(r'id="reset" href="[^"]*range=all"', everything.text)


def test_only_shared_views_are_offered_to_others(
    workspace: Workspace, admin: User, client: FlaskClient
) -> None:
    shared = save(client, f"/w/{workspace.slug}", name="For all", shared="1")
    private = save(client, f"/w/{workspace.slug}", name="Mine")
    sign_in(client, make_member(workspace, Role.AUDITOR))
    assert rows(client, shared) == 1
    assert client.get(private).status_code == 422
    page = client.get(f"/w/{workspace.slug}/audit-logs").text
    assert "For all" in page
    assert "Mine" not in page
    view_id = shared.rpartition("=")[2]
    removal = client.post(
        f"/w/{workspace.slug}/views/{view_id}/remove", data={"csrf_token": csrf_token(client)}
    )
    assert removal.status_code == 404


def test_shared_view_of_another_workspace_is_not_offered(
    workspace: Workspace, admin: User, client: FlaskClient
) -> None:
    shared = save(client, f"/w/{workspace.slug}", name="For all", shared="1")
    other = make_workspace()
    sign_in(client, make_member(other))
    view_id = shared.rpartition("=")[2]
    assert client.get(f"/w/{other.slug}/audit-logs?view={view_id}").status_code == 422


def test_an_owner_removes_a_view(workspace: Workspace, client: FlaskClient) -> None:
    url = save(client, f"/w/{workspace.slug}")
    view_id = url.rpartition("=")[2]
    client.post(
        f"/w/{workspace.slug}/views/{view_id}/remove", data={"csrf_token": csrf_token(client)}
    )
    assert client.get(url).status_code == 422


@pytest.mark.parametrize(
    ("fields", "status"), [({"name": ""}, 422), ({"name": "x" * 81}, 422), ({"name": "a\x07"}, 422)]
)
def test_invalid_view_name_is_refused(
    workspace: Workspace, client: FlaskClient, fields: dict[str, str], status: int
) -> None:
    data = {"csrf_token": csrf_token(client), "query": ""} | fields
    assert client.post(f"/w/{workspace.slug}/views", data=data).status_code == status


def test_view_across_workspaces_is_private(client: FlaskClient) -> None:
    url = save(client, "")
    assert url.startswith("/audit-logs?view=")
    assert rows(client, url) == 1
    data = {"csrf_token": csrf_token(client), "name": "S", "query": "", "shared": "1"}
    assert client.post("/views", data=data).status_code == 422
