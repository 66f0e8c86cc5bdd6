"""The filter panel's counts, as the page shows them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient

from auditsaas.events.reading import facets
from auditsaas.events.reading.blocks import loading
from auditsaas.events.reading.scans.source import MANY
from auditsaas.workspaces.models import Workspace
from tests.support.factories import (
    append_events,
    event_input,
    make_member,
    make_user,
    make_workspace,
    sign_in,
)

OPTION = re.compile(
    r'<input class="form-check-input" type="checkbox" name="(?P<name>\w+)" value="(?P<value>[^"]*)"'
    r'(?P<ticked> checked)?>.*?(?:<span class="c">(?P<count>[\d,]+)</span>)?</label>'
)
Counts = dict[str, dict[str, int]]


def event(actor: str, role: str, **fields: Any) -> dict[str, Any]:
    status = "disabled" if actor == "dora" else "active"
    return event_input(actor={"id": actor, "role": role, "status": status}, **fields)


@pytest.fixture
def acme(client: FlaskClient) -> Workspace:
    """3 sign-ins, 2 exports and 1 deletion of three people; one of them is disabled."""
    workspace = make_workspace("Acme Freight")
    # The person who looks is no actor in it.
    sign_in(client, make_member(workspace))
    append_events(
        workspace,
        [
            event("ann", "SRE", activity="user.login", method="POST", user_agent="curl/8.5"),
            event("ann", "SRE", activity="user.login", method="POST", status="error"),
            event("bob", "manager", activity="user.login", method="POST", status="error"),
            event("bob", "manager", activity="report.export", method="GET"),
            event("dora", "manager", activity="report.export", method="GET"),
            event("dora", "manager", activity="report.delete", method="DELETE", status="error"),
        ],
    )
    return workspace


def panel(client: FlaskClient, base: str, **args: Sequence[str] | str) -> Counts:
    text = client.get(f"{base}/facets?{urlencode(args, doseq=True)}").text
    found: Counts = {}
    for option in OPTION.finditer(text):
        counts = found.setdefault(option["name"], {})
        counts[unescape(option["value"])] = int((option["count"] or "-1").replace(",", ""))
    return found


def test_every_value_has_its_count(acme: Workspace, client: FlaskClient) -> None:
    counts = panel(client, f"/w/{acme.slug}/audit-logs")
    assert counts["status"] == {"success": 3, "error": 3}
    assert counts["activity"] == {"user.login": 3, "report.export": 2, "report.delete": 1}
    assert counts["method"] == {"GET": 2, "POST": 3, "PUT": 0, "DELETE": 1, "PATCH": 0}
    assert counts["user"] == {"ann": 2, "bob": 2, "dora": 2}
    assert counts["role"] == {"manager": 4, "SRE": 2}
    assert counts["user_status"] == {"active": 4, "disabled": 2}


@pytest.mark.parametrize(
    ("looked_at", "users", "roles"),
    [(3, ["dora", "bob", "ann"], ["SRE", "manager"]), (2, ["dora", "bob"], ["SRE", "manager"])],
)
def test_user_facet_lists_actors_of_the_newest_events_first(
    client: FlaskClient,
    monkeypatch: pytest.MonkeyPatch,
    looked_at: int,
    users: list[str],
    roles: list[str],
) -> None:
    """Of so many events only, for there may be millions of people."""
    monkeypatch.setattr(facets, "LAST_SEEN", looked_at)
    workspace = make_workspace()
    sign_in(client, make_member(workspace))
    for actor, role in (("ann", "SRE"), ("bob", "manager"), ("dora", "SRE")):
        append_events(workspace, [event(actor, role)])
    text = client.get(f"/w/{workspace.slug}/audit-logs").text
    offered = [(option["name"], option["value"]) for option in OPTION.finditer(text)]
    assert [value for name, value in offered if name == "user"] == users
    assert sorted(value for name, value in offered if name == "role") == roles


def test_values_of_one_field_are_alternatives_and_fields_are_combined(
    acme: Workspace, client: FlaskClient
) -> None:
    base = f"/w/{acme.slug}/audit-logs"
    both = client.get(f"{base}/count?activity=user.login&activity=report.delete")
    assert 'data-count="4"' in both.text
    fewer = client.get(f"{base}/count?activity=user.login&activity=report.delete&status=error")
    assert 'data-count="3"' in fewer.text


@pytest.mark.parametrize(
    ("args", "name", "expected"),
    [
        ({"status": "error"}, "status", {"success": 3, "error": 3}),
        ({"status": "error"}, "role", {"manager": 2, "SRE": 1}),
        ({"activity": "user.login"}, "activity", {"user.login": 3, "report.export": 2}),
        ({"activity": "user.login"}, "status", {"success": 1, "error": 2}),
        ({"user": "ann"}, "user", {"ann": 2, "bob": 2, "dora": 2}),
        ({"user": "ann"}, "user_status", {"active": 2, "disabled": 0}),
        ({"role": "SRE"}, "role", {"manager": 4, "SRE": 2}),
        ({"role": "SRE"}, "status", {"success": 1, "error": 1}),
        ({"user_status": "disabled"}, "user_status", {"active": 4, "disabled": 2}),
        ({"user_status": "disabled"}, "user", {"dora": 2}),
        ({"q": "report", "status": "error"}, "status", {"success": 2, "error": 1}),
        ({"activity": "report.*"}, "activity", {"report.*": 3, "user.login": 3}),
    ],
)
def test_facet_counts_ignore_only_their_own_selection(
    acme: Workspace,
    client: FlaskClient,
    args: dict[str, str],
    name: str,
    expected: dict[str, int],
) -> None:
    counts = panel(client, f"/w/{acme.slug}/audit-logs", **args)[name]
    assert {value: counts.get(value) for value in expected} == expected


def test_roles_and_statuses_are_counted_per_workspace_of_the_event(client: FlaskClient) -> None:
    one, other = make_workspace("One"), make_workspace("Other")
    user = make_member(one)
    make_member(other, user=user)
    sign_in(client, user)
    append_events(one, [event("ann", "owner")] * 2)
    append_events(other, [event("ann", "guest")] * 3)
    assert panel(client, "/audit-logs")["role"] == {"guest": 3, "owner": 2}


def test_facets_over_very_many_workspaces_are_counted_alike(client: FlaskClient) -> None:
    user = make_user()
    for n in range(MANY + 3):
        workspace = make_workspace()
        make_member(workspace, user=user)
        append_events(workspace, [event("ann", "owner" if n % 2 else "guest")])
    sign_in(client, user)
    counts = panel(client, "/audit-logs")
    assert counts["role"] == {"guest": 12, "owner": 11}
    assert counts["user_status"] == {"active": 23, "disabled": 0}
    assert counts["user"] == {"ann": 23}


NOT_ALL = "Counted in the newest events only"


def test_facets_of_only_the_newest_events_say_so(
    acme: Workspace, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = f"/w/{acme.slug}/audit-logs/facets"
    monkeypatch.setattr(facets, "CAP", 5)
    assert NOT_ALL not in client.get(base).text
    monkeypatch.setattr(loading, "LIVE", 5)  # too many events are in no block of columns
    answer = client.get(base).text
    said = {
        name: NOT_ALL in answer.split(f'id="facet-{name}"')[1].split("</details>")[0]
        for name in ("status", "activity", "method", "user", "user_status", "role", "platform")
    }
    assert said == dict.fromkeys(said, False) | dict.fromkeys(
        ("user", "user_status", "role", "platform"), True
    )


def test_facets_over_very_many_workspaces_say_whether_they_cover_all_events(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = make_user()
    for _ in range(MANY + 1):
        workspace = make_workspace()
        make_member(workspace, user=user)
        append_events(workspace, [event("ann", "owner")] * 2)
    sign_in(client, user)
    assert NOT_ALL not in client.get("/audit-logs/facets").text
    monkeypatch.setattr(facets, "CAP", MANY + 1)
    assert NOT_ALL in client.get("/audit-logs/facets").text


def test_selected_value_is_listed_beyond_the_first_five(
    client: FlaskClient,
) -> None:
    workspace = make_workspace()
    sign_in(client, make_member(workspace))
    append_events(
        workspace,
        [event_input(activity=f"a.{n}") for n in range(8) for _ in range(10 - n)],
    )
    chosen = panel(client, f"/w/{workspace.slug}/audit-logs", activity=["a.7", "b.none"])
    assert list(chosen["activity"]) == ["a.0", "a.1", "a.2", "a.3", "a.4", "a.7", "b.none"]
    assert chosen["activity"]["a.7"] == 3


def test_user_finder_matches_any_part_of_a_name_with_role_and_status(
    acme: Workspace, client: FlaskClient
) -> None:
    append_events(
        acme,
        [event_input(actor={"id": "u_9", "name": "Zoë Ito", "email": "zoe@acme.example"})],
    )
    [zoe] = client.get(f"/w/{acme.slug}/audit-logs/users?term=ito").json or []
    assert zoe.pop("standing") == "Active · says the command line"
    assert zoe == {"value": "u_9", "text": "Zoë Ito", "sub": "zoe@acme.example"}
    [dora] = client.get(f"/w/{acme.slug}/audit-logs/users?term=dora").json or []
    assert dora["standing"] == "Manager · Disabled · says the command line"


def test_filtered_user_is_shown_by_name(acme: Workspace, client: FlaskClient) -> None:
    append_events(
        acme,
        [event_input(actor={"id": "u_9", "name": "Zoë Ito", "email": "zoe@acme.example"})],
    )
    page = client.get(f"/w/{acme.slug}/audit-logs?user=u_9&user=zoe@acme.example")
    chips = re.findall(r'class="chip"><span><i>User is</i> ([^<]+)', page.text)
    assert chips == ["Zoë Ito", "zoe@acme.example"]
