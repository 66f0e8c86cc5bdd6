"""No request of the log page reads another workspace's rows, whatever the planner chooses."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Connection, Engine, event

from auditsaas.events.event_sources import PRODUCT, of_key
from auditsaas.events.reading import known_people
from auditsaas.workspaces.models import Workspace
from tests.support.factories import append_events, event_input, make_member, make_workspace, sign_in

FILTERS: list[dict[str, Any]] = [
    {},
    {"status": "error"},
    {"activity": ["a.x", "a.y", "a.z"]},
    {"activity": "a.*"},
    {"user": "u_1", "method": "POST"},
    {"ip": "203.0.113.7"},
    {"ip": "203.0.113.0/24"},
    {"range": "last_30_days", "min_ms": "10"},
    {"q": "invoice -status:error"},
    {"role": "admin", "user_status": "active"},
    {"source": ["product", "cli"]},
    {"source": "api:*"},
]
TENANT_TABLES = (
    "events",
    "event_counts",
    "event_days",
    "actors",
    "actor_emails",
    "actor_names",
    "log_heads",
)


@pytest.fixture(scope="module")
def acme(engine: Engine) -> Workspace:
    """A small workspace beside a larger one, in a log whose planner knows the sizes."""
    other, workspace = make_workspace("Other"), make_workspace("Acme")
    for _ in range(3):
        append_events(other, [event_input(activity=f"a.{n % 9}") for n in range(1000)])
    append_events(
        workspace,
        [
            event_input(
                activity=f"a.{n % 9}",
                request_id=f"r_{n % 30}",
                targets=[{"type": "invoice", "id": f"inv_{n % 30}"}],
            )
            for n in range(300)
        ],
    )
    return workspace


@pytest.mark.parametrize("args", FILTERS, ids=lambda args: urlencode(args, doseq=True) or "none")
def test_every_scan_of_the_page_is_bound_to_the_workspace(
    client: FlaskClient, acme: Workspace, owner_engine: Engine, args: dict[str, Any]
) -> None:
    sign_in(client, make_member(acme))
    query = urlencode(args, doseq=True)
    parts = ("", "/count", "/latency", "/facets", "/histogram", "/tail")
    addresses = [f"/w/{acme.slug}/audit-logs{part}?{query}" for part in parts]
    assert unbound(scans_while_opening(client, addresses, owner_engine)) == []


def test_every_scan_of_event_pages_and_suggestions_is_bound_to_the_workspace(
    client: FlaskClient, acme: Workspace, owner_engine: Engine
) -> None:
    sign_in(client, make_member(acme))
    base = f"/w/{acme.slug}/audit-logs"
    found = re.search(r'data-event-id="([^"]+)"', client.get(f"{base}?activity=a.1").text)
    assert found is not None
    one = f"{base}/{found[1]}"
    addresses = [
        one,
        f"{one}?status=success",
        *(f"{one}/related?by={by}" for by in ("actor", "request", "target")),
        f"{base}/users?term=ann",
        *(f"{base}/suggest?q={typed}" for typed in ("", "a", "activity:a", "user:ann", "role:")),
        "/me/activity",
    ]
    assert unbound(scans_while_opening(client, addresses, owner_engine)) == []


@pytest.mark.parametrize("few", [0, known_people.FEW])
def test_every_scan_of_go_to_is_bound_and_of_many_people_by_index(
    client: FlaskClient,
    acme: Workspace,
    owner_engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    few: int,
) -> None:
    monkeypatch.setattr(known_people, "FEW", few)
    sign_in(client, make_member(acme))
    addresses = [
        f"/go/found?in=/w/{acme.slug}&q={typed}" for typed in ("ann", "7", str(UUID(int=7)))
    ]
    scans = scans_while_opening(client, addresses, owner_engine)
    assert unbound(scans) == []
    whole = {scan["Relation Name"] for scan in scans if "Index Cond" not in str(scan)}
    assert whole <= ({"actors"} if few else set())


def scans_while_opening(
    client: FlaskClient, addresses: Sequence[str], owner_engine: Engine
) -> list[dict[str, Any]]:
    ran: list[tuple[str, Any]] = []

    def note(_c: Connection, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.lstrip().startswith(("SELECT", "WITH")):
            ran.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        for address in addresses:
            assert client.get(address).status_code in (200, 204), address
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    return [
        scan
        for statement, parameters in ran
        for scan in scans_of(owner_engine, statement, parameters)
    ]


def unbound(scans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    assert scans
    return [scan for scan in scans if not bound(scan)]


def scans_of(owner: Engine, statement: str, parameters: Any) -> list[dict[str, Any]]:
    """The nodes of a statement's plan that read a tenant's table.

    Planned by the owner without the policies, so that what bounds a scan is the statement itself.
    """
    if not any(table in statement for table in TENANT_TABLES):
        return []
    with owner.connect() as connection:
        for table in TENANT_TABLES:
            connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
        answer = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
        plan = answer.scalar_one()
        connection.rollback()
    found: list[dict[str, Any]] = []
    waiting = [(plan if isinstance(plan, list) else json.loads(plan))[0]["Plan"]]
    while waiting:
        node = waiting.pop()
        waiting += node.get("Plans", [])
        if node.get("Relation Name", "").startswith(TENANT_TABLES):
            found.append(node)
    return found


def bound(scan: dict[str, Any]) -> bool:
    """Tell whether the workspace is a condition of the index or of each row's check."""
    keys = ("Index Cond", "Recheck Cond", "Filter")
    return any("workspace_id" in str(scan.get(key, "")) for key in keys)


def test_unbound_scan_is_detected(acme: Workspace, owner_engine: Engine) -> None:
    scans = scans_of(owner_engine, "SELECT count(*) FROM events WHERE duration_ms > 1", ())
    assert any(not bound(scan) for scan in scans)


@pytest.mark.parametrize(
    ("args", "served"), [({"source": "product"}, True), ({"source": "api:*"}, False)]
)
def test_index_of_sources_serves_all_but_those_of_keys(
    client: FlaskClient, owner_engine: Engine, args: dict[str, Any], served: bool
) -> None:
    workspace = make_workspace("Sent to")
    for _ in range(5):
        append_events(workspace, [event_input() for _ in range(1000)], of_key(UUID(int=7)))
    append_events(workspace, [event_input()], PRODUCT)
    with owner_engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.exec_driver_sql("ANALYZE events")
    sign_in(client, make_member(workspace))
    address = f"/w/{workspace.slug}/audit-logs?{urlencode(args)}"
    scans = scans_while_opening(client, [address], owner_engine)
    used = any("source" in scan.get("Index Cond", "") for scan in scans)
    assert used is served
