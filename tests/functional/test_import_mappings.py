"""Admins make mappings of foreign files, see what becomes of a sample, and import by them."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from auditsaas.accounts.models import User
from auditsaas.events.models import log_heads
from auditsaas.imports import mappings
from auditsaas.permissions import Role
from auditsaas.workspaces.models import Workspace
from tests.support.factories import csrf_token, make_member, scoped, sign_in

pytestmark = pytest.mark.usefixtures("signed_in_admin")

FIXTURES = Path(__file__).parents[1] / "fixtures" / "importers" / "presets"
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}
DOORS = "when,who,what,result,floor\n2026-11-16T08:00:00Z,ann,open,ok,3\nx,bob,open,no,4\n"
FIELDS = {
    "name": "doors",
    "title": "Door log",
    "input": "csv",
    "occurred_at": "when",
    "activity": "door.{what}",
    "status": "result",
    "status.values": "ok = success\n* = error",
    "actor.id": 'who | "nobody"',
    "duration_unit": "ms",
}


def base(workspace: Workspace) -> str:
    return f"/w/{workspace.slug}/imports/mappings"


def post(client: FlaskClient, url: str, **fields: Any) -> tuple[int, str]:
    answer = client.post(url, data={"csrf_token": csrf_token(client), **fields})
    return answer.status_code, answer.text


def live_preview(client: FlaskClient, workspace: Workspace, **fields: Any) -> str:
    """The fragment that the page asks for while one types."""
    data = {"csrf_token": csrf_token(client), **fields}
    return client.post(f"{base(workspace)}/preview", data=data, headers=PARTIAL).text


def form_of(workspace: Workspace, name: str) -> dict[str, object]:
    with scoped(workspace.id) as session:
        return mappings.find(session, workspace.id, name).form


def test_mapping_form_is_saved_and_can_be_edited_again(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    assert post(client, base(workspace), **FIELDS)[0] == 303
    assert form_of(workspace, "doors") == {
        "title": "Door log",
        "input": "csv",
        "fields": {
            "occurred_at": "when",
            "activity": "door.{what}",
            "status": {"path": "result", "values": {"ok": "success"}, "otherwise": "error"},
            "actor.id": {"first": ["who", {"constant": "nobody"}]},
        },
    }
    page = client.get(f"{base(workspace)}/doors").text
    assert 'value="door.{what}"' in page
    assert "ok = success\n* = error" in page
    assert "doors" in client.get(base(workspace)).text


def test_a_changed_mapping_may_take_another_name(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    post(client, base(workspace), **FIELDS)
    post(client, base(workspace), **{**FIELDS, "name": "gates", "original": "doors"})
    with scoped(workspace.id) as session:
        assert [item.name for item in mappings.kept(session, workspace.id)] == ["gates"]


def test_a_preview_shows_the_records_of_a_sample_as_events(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    fields = {**FIELDS, "sample": DOORS, "ip": "address"}
    text = live_preview(client, workspace, **fields)
    assert text.count('data-trial="event"') == text.count('data-trial="refused"') == 1
    assert "door.open" in text
    assert "Refused: “x” is not a time" in text
    assert re.search(r"No record of the sample has\s*<code>address</code>", text)
    assert '<option value="floor">' in text
    assert "<main" not in text


def test_a_preview_of_more_than_ten_records_shows_ten(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    rows = DOORS.splitlines()
    fields = {**FIELDS, "sample": "\n".join([rows[0], *[rows[1]] * 30])}
    text = live_preview(client, workspace, **fields)
    assert text.count("data-trial=") == 10


def test_preview_of_an_invalid_mapping_shows_each_error_at_its_field(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    fields = {**FIELDS, "sample": DOORS, "path": "{floor"}
    text = live_preview(client, workspace, **fields)
    assert "<code>fields.path</code>: the brace at character 1 has no other half" in text


def test_preview_redacts_the_workspace_s_keys(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    with scoped(workspace.id) as session:
        here = log_heads.c.workspace_id == workspace.id
        session.execute(update(log_heads).where(here).values(redacted_keys=["floor"]))
        session.commit()
    fields = {**FIELDS, "sample": DOORS}
    text = live_preview(client, workspace, **fields)
    assert "[redacted]" in text


def test_preview_without_scripts_keeps_the_typed_form(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    file = (io.BytesIO(DOORS.encode()), "doors.csv")
    _, text = post(client, f"{base(workspace)}/preview", **FIELDS, sample_file=file)
    assert 'value="door.{what}"' in text
    assert "2026-11-16T08:00:00Z,ann,open,ok,3" in text
    assert 'data-trial="event"' in text
    assert "<main" in text


def test_a_document_becomes_a_sample_of_its_records(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    file = ((FIXTURES / "zoom.json").open("rb"), "zoom.json")
    fields = {"input": "csv", "occurred_at": "time", "activity": "action", "sample_file": file}
    _, text = post(client, f"{base(workspace)}/preview", **fields)
    assert text.count('data-trial="event"') == 2
    assert re.search(r'name="under"\s+value="operation_logs"', text)


def test_a_mapping_may_start_from_one_that_comes_with_the_product(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    simple = client.get(f"{base(workspace)}/new?from=linear").text
    assert "data.auditEntries.nodes" in simple
    asana = client.get(f"{base(workspace)}/new?from=workos").text
    assert 'name="mode" value="json"' in asana


def test_mapping_can_be_edited_as_json(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    _, text = post(client, f"{base(workspace)}/preview", **{**FIELDS, "as": "json"})
    assert 'name="mode" value="json"' in text
    assert "&#34;activity&#34;: &#34;door.{what}&#34;" in text
    fields = {"name": "doors", "mode": "json", "json": json.dumps({"fields": {"activity": "a"}})}
    status, text = post(client, base(workspace), **fields)
    assert status == 422
    assert "fields.occurred_at: is required" in text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Doors", "Up to 32 small letters, digits and hyphens."),
        ("zoom", "zoom is a format that is there already."),
        ("taken", "There is a mapping called taken already."),
    ],
)
def test_a_name_that_cannot_be_used_is_answered_at_the_form(
    client: FlaskClient, workspace: Workspace, admin: User, name: str, words: str
) -> None:
    post(client, base(workspace), **{**FIELDS, "name": "taken"})
    status, text = post(client, base(workspace), **{**FIELDS, "name": name})
    assert status == 422
    assert words in text


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.MEMBER])
def test_only_admins_make_mappings(client: FlaskClient, workspace: Workspace, role: Role) -> None:
    sign_in(client, make_member(workspace, role))
    assert client.get(base(workspace)).status_code == 403
    assert post(client, base(workspace), **FIELDS)[0] == 403
    assert post(client, f"{base(workspace)}/preview", **FIELDS)[0] == 403
