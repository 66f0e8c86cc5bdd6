from __future__ import annotations

import re
from datetime import UTC, datetime
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from auditsaas.events.event_sources import CLI, PRODUCT, EventSource, of_import, of_key
from auditsaas.permissions import Role
from auditsaas.workspaces.models import Workspace
from tests.support.factories import (
    append_events,
    csrf_token,
    event_input,
    make_member,
    sign_in,
    store_unrecorded,
)

pytestmark = pytest.mark.usefixtures("signed_in_admin")

AT = datetime(2026, 11, 16, 20, 5, 9, tzinfo=UTC)
PREFERENCES = {
    "name": "Ann  Lee",
    "time_zone": "America/New_York",
    "date_format": "DD/MM/YYYY",
    "clock": "12",
    "theme": "dark",
    "density": "compact",
}


def post(client: FlaskClient, url: str, **fields: object) -> int:
    return client.post(url, data={"csrf_token": csrf_token(client)} | fields).status_code


def test_personal_preferences_apply_to_the_log(workspace: Workspace, client: FlaskClient) -> None:
    append_events(workspace, [event_input(occurred_at=AT.isoformat())])
    assert post(client, "/account", **PREFERENCES) == 303
    page = client.get(f"/w/{workspace.slug}/audit-logs").text
    assert "16/11/2026" in page
    assert "3:05:09 PM" in page
    assert "EST" in page
    assert 'data-bs-theme="dark"' in page
    assert 'data-density="compact"' in page
    assert 'value="Ann Lee"' in client.get("/account").text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", " "),
        ("name", "x" * 129),
        ("time_zone", "Mars/Base"),
        ("clock", "13"),
        ("date_format", "%Y"),
        ("theme", "pink"),
        ("density", "none"),
    ],
)
def test_unknown_preference_value_is_refused_beside_its_field(
    client: FlaskClient, field: str, value: str
) -> None:
    data = PREFERENCES | {"csrf_token": csrf_token(client), field: value}
    answer = client.post("/account", data=data)
    assert answer.status_code == 422
    assert f"{field}-error" in answer.text


def test_hidden_columns_are_not_sent(workspace: Workspace, client: FlaskClient) -> None:
    append_events(workspace, [event_input()])
    assert (
        post(client, "/account/table", columns=["status", "created_at"], density="compact") == 303
    )
    page = client.get(f"/w/{workspace.slug}/audit-logs").text
    head = re.findall(r'scope="col" class="(c-\w+)', page)
    assert head == ["c-act", "c-st", "c-ts"]
    assert post(client, "/account/table", columns=["source"], density="compact") == 303
    page = client.get(f"/w/{workspace.slug}/audit-logs").text
    assert re.findall(r'scope="col" class="(c-\w+)', page) == ["c-act", "c-so"]
    assert re.search(r'class="c-so"[^>]*>\s*Command line\s*<', page)
    assert post(client, "/account/table", columns=["nonsense"], density="compact") == 422


def test_workspace_is_a_column_inside_one_for_whom_wants_it(
    workspace: Workspace, client: FlaskClient
) -> None:
    append_events(workspace, [event_input()])
    inside, across = f"/w/{workspace.slug}/audit-logs", "/audit-logs"

    def has_column(path: str) -> bool:
        return 'scope="col" class="c-ws' in client.get(path).text

    assert (has_column(inside), has_column(across)) == (False, True)
    assert post(client, "/account/table", columns=["workspace_inside"], density="compact") == 303
    assert (has_column(inside), has_column(across)) == (True, False)
    assert re.search(rf'class="c-ws">{workspace.name}<', client.get(inside).text)
    assert post(client, "/account/table", columns=["workspace"], density="compact") == 303
    assert (has_column(inside), has_column(across)) == (False, True)


@pytest.mark.parametrize(
    ("path", "own", "other"),
    [
        ("/w/{slug}/audit-logs?range=all", "workspace_inside", "workspace"),
        ("/audit-logs", "workspace", "workspace_inside"),
    ],
)
def test_chooser_offers_the_workspace_in_each_place_and_keeps_the_other_s_choice(
    workspace: Workspace, client: FlaskClient, path: str, own: str, other: str
) -> None:
    both = ["workspace", "workspace_inside"]
    assert post(client, "/account/table", columns=both, density="compact") == 303
    page = client.get(path.format(slug=workspace.slug)).text
    menu = re.sub(r"\s+", " ", page[page.index('id="columns-menu"') :])
    assert re.search(rf'type="checkbox" name="columns" value="{own}" checked', menu)
    assert re.search(rf'type="hidden" name="columns" value="{other}"', menu)


def test_source_is_a_column_that_is_hidden_at_first(
    workspace: Workspace, client: FlaskClient
) -> None:
    append_events(workspace, [event_input()])
    page = client.get(f"/w/{workspace.slug}/audit-logs").text
    assert 'class="c-ts' in page
    assert 'class="c-so' not in page
    assert re.search(r'name="columns"\s*value="source"\s*>', page), "it is offered, unticked"


def test_my_activity_shows_only_the_members_own_events(
    workspace: Workspace, client: FlaskClient
) -> None:
    member = make_member(workspace, Role.MEMBER)
    mine = {"id": str(member.id), "name": "Me"}
    by_mail = {"id": "u_99", "email": member.email.upper()}
    events = [event_input(actor=mine), event_input(), event_input(actor=by_mail)]
    ids = append_events(workspace, events, PRODUCT).ids
    sign_in(client, member)
    page = client.get("/me/activity").text
    shown = re.findall(r'data-event-id="([^"]+)"', page)
    assert shown == [str(ids[2]), str(ids[0])]
    own = client.get(f"/me/activity/{workspace.slug}/{ids[0]}")
    assert own.status_code == 200
    assert "Only show" not in own.text, "this list takes no filter"
    assert client.get(f"/me/activity/{workspace.slug}/{ids[1]}").status_code == 404
    assert client.get("/me/activity?user=u_1&status=error").text.count("data-event-id") == 2


@pytest.mark.parametrize("source", [CLI, of_key(UUID(int=7)), of_import(UUID(int=7))])
def test_my_activity_shows_no_event_that_a_sender_made_in_the_members_name(
    workspace: Workspace, client: FlaskClient, source: EventSource
) -> None:
    member = make_member(workspace, Role.MEMBER)
    mine = event_input(actor={"id": str(member.id), "email": member.email})
    [forged] = append_events(workspace, [mine], source).ids
    [true] = append_events(workspace, [mine], PRODUCT).ids
    sign_in(client, member)
    page = client.get("/me/activity").text
    assert re.findall(r'data-event-id="([^"]+)"', page) == [str(true)]
    assert client.get(f"/me/activity/{workspace.slug}/{forged}").status_code == 404


def test_my_activity_marks_an_event_from_before_sources_were_recorded(
    workspace: Workspace, client: FlaskClient
) -> None:
    member = make_member(workspace, Role.MEMBER)
    mine = event_input(actor={"id": str(member.id)})
    [old] = store_unrecorded(workspace, [mine])
    append_events(workspace, [mine], PRODUCT)
    sign_in(client, member)
    page = client.get("/me/activity").text
    assert page.count("data-event-id") == 2
    assert page.count("Source not recorded") == 1
    assert client.get(f"/me/activity/{workspace.slug}/{old}").status_code == 200


def test_the_search_box_suggests_keys_and_values_of_the_log(
    workspace: Workspace, client: FlaskClient
) -> None:
    append_events(workspace, [event_input(activity="invoice.void")])
    base = f"/w/{workspace.slug}/audit-logs/suggest"
    assert "activity:" in client.get(f"{base}?q=act&at=3").text
    assert "invoice.void" in client.get(f"{base}?q=activity:inv&at=12").text
    assert "ann@example.com" in client.get(f"{base}?q=user:ann&at=8").text


def test_response_times_of_the_filter_follow_the_count(
    workspace: Workspace, client: FlaskClient
) -> None:
    append_events(workspace, [event_input(duration_ms=n) for n in range(1, 101)])
    answer = client.get(f"/w/{workspace.slug}/audit-logs/latency?min_ms=1")
    text = re.sub(r"<[^>]+>", "", answer.text)
    assert "Median 50 ms · 95% within 95 ms · slowest 100 ms" in text.replace("51 ms", "50 ms")
