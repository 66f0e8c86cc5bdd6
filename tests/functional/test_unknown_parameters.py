"""A parameter that no filter has is refused by name wherever a filter is read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient

from auditsaas.accounts.models import User
from auditsaas.workspaces.models import Workspace
from tests.support.factories import (
    append_events,
    csrf_token,
    event_input,
    make_member,
    make_workspace,
    sign_in,
)
from tests.support.htmx import PARTIAL
from tests.support.scheduling import make_schedule

WORDS = "There is no filter called “stauts”. Did you mean “status”?"


@pytest.fixture
def acme() -> Workspace:
    workspace = make_workspace()
    append_events(workspace, [event_input(), event_input(status="error")])
    return workspace


@pytest.fixture(autouse=True)
def admin(acme: Workspace, client: FlaskClient) -> User:
    person = make_member(acme)
    sign_in(client, person)
    return person


@pytest.mark.parametrize(
    "path",
    [
        "/audit-logs",
        "/w/{slug}/audit-logs",
        "/w/{slug}/audit-logs/count",
        "/w/{slug}/audit-logs/facets",
        "/w/{slug}/audit-logs/histogram",
        "/w/{slug}/audit-logs/latency",
        "/w/{slug}/audit-logs/tail",
        "/w/{slug}/exports/preflight",
    ],
)
def test_page_and_its_parts_refuse_an_unknown_parameter(
    path: str, acme: Workspace, client: FlaskClient
) -> None:
    answer = client.get(path.format(slug=acme.slug) + "?stauts=error", headers=PARTIAL)
    assert answer.status_code == 422
    assert WORDS in answer.text
    assert "data-event-id" not in answer.text


def test_export_with_an_unknown_parameter_is_not_made(acme: Workspace, client: FlaskClient) -> None:
    data = {"csrf_token": csrf_token(client), "format": "csv", "stauts": "error"}
    answer = client.post(f"/w/{acme.slug}/exports", data=data)
    assert answer.status_code == 422
    assert WORDS in answer.text
    assert "No exports" in client.get(f"/w/{acme.slug}/exports").text


def test_refused_export_names_all_that_is_wrong(acme: Workspace, client: FlaskClient) -> None:
    data = {"csrf_token": csrf_token(client), "format": "csv", "stauts": "error", "ip": "here"}
    answer = client.post(f"/w/{acme.slug}/exports", data=data)
    assert WORDS in answer.text
    assert "“here” is not an IP address" in answer.text


@pytest.mark.parametrize("query", ["stauts=error", "q=stauts:error", "ip=somewhere"])
def test_saved_view_that_cannot_be_read_is_not_kept(
    query: str, acme: Workspace, client: FlaskClient
) -> None:
    data = {"csrf_token": csrf_token(client), "name": "Errors", "query": query}
    answer = client.post(f"/w/{acme.slug}/views", data=data)
    assert answer.status_code == 422
    assert "Errors" not in client.get(f"/w/{acme.slug}/audit-logs").text


def test_name_that_a_view_has_is_refused_at_the_field(acme: Workspace, client: FlaskClient) -> None:
    data = {"csrf_token": csrf_token(client), "name": "Errors", "query": "status=error"}
    assert client.post(f"/w/{acme.slug}/views", data=data).status_code == 303
    again = client.post(f"/w/{acme.slug}/views", data=data, headers=PARTIAL)
    assert again.status_code == 409
    assert 'value="Errors"' in again.text
    assert "You have a view called Errors already." in again.text
    assert "<html" not in again.text


def test_page_of_a_refused_form_leads_back(
    acme: Workspace, admin: User, client: FlaskClient
) -> None:
    address = f"/w/{acme.slug}/schedules/{make_schedule(acme, admin, datetime.now(UTC))}"
    here = f"http://localhost/w/{acme.slug}/audit-logs?status=error&limit=25"
    data = {"csrf_token": csrf_token(client)}
    refused = client.post(f"{address}/resume", data=data, headers={"Referer": here})
    assert refused.status_code == 409
    assert f'href="/w/{acme.slug}/audit-logs?status=error&amp;limit=25"' in refused.text
