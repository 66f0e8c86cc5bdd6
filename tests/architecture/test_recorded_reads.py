"""Every route that people and keys may ask either leaves a read of the log, or reads none.

The table is made by asking; a route that is new, or that begins to read a log, is in it or fails.
Run with ``-s`` it is printed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete
from werkzeug.routing import Rule

from auditsaas.access import log_reading
from auditsaas.pages.audit_log.partials import FRAGMENTS
from auditsaas.reads.models import log_reads
from tests.architecture.needs import KEY, LOG_HASHES, MINE, PERSON, WORKSPACE
from tests.architecture.recorded_reads import QUERIES, READS
from tests.architecture.test_isolation_matrix import one_of_everything
from tests.support.company import Company
from tests.support.factories import csrf_token, make_api_key, scoped, sign_in
from tests.support.htmx import PARTIAL
from tests.support.reads import counted

CHANGES = {"POST", "PUT", "PATCH", "DELETE"}
BY_KEY = KEY.keys() | LOG_HASHES
ASKS = {"filter_field.refresh", "schedules.preview"}
"""Forms that are posted and change nothing."""


@pytest.fixture(scope="module")
def acme(app: Flask) -> Company:
    return Company.found(app)


@pytest.fixture(scope="module")
def known(acme: Company) -> dict[str, Any]:
    return one_of_everything(acme)


@pytest.fixture
def asking(app: Flask, acme: Company) -> FlaskClient:
    client = app.test_client()
    sign_in(client, acme.admin)
    return client


def rules(app: Flask) -> Iterator[Rule]:
    """Every address that is read by people or keys."""
    for rule in app.url_map.iter_rules():
        asked = rule.endpoint in WORKSPACE.keys() | KEY.keys() | LOG_HASHES | PERSON | MINE
        reads = not CHANGES & (rule.methods or set()) or rule.endpoint in ASKS
        if asked and reads and not rule.rule.startswith("/admin"):
            yield rule


def parts(
    client: FlaskClient, acme: Company, rule: Rule, values: dict[str, Any], key: str
) -> set[str]:
    """Ask for it as the admin, or by a key of all scopes; what its reads are called."""
    workspace = acme.workspace
    with scoped(workspace.id) as session:
        session.execute(delete(log_reads).where(log_reads.c.workspace_id == workspace.id))
        session.commit()
    if "slug" not in rule.arguments:
        values = values | {"view_id": values["everywhere"]}
    chosen = {name: values[name] for name in rule.arguments - {"slug"}}
    built = rule.build({"slug": workspace.slug, **chosen}, append_unknown=False)
    assert built is not None
    query = QUERIES.get(rule.endpoint, "")
    if rule.endpoint in ASKS:
        form = dict(pair.split("=") for pair in query.split("&"))
        token = {"csrf_token": csrf_token(client)}
        answer = client.post(built[1], data=form | token, headers=PARTIAL)
    else:
        headers = {"Authorization": f"Bearer {key}"} if rule.endpoint in BY_KEY else PARTIAL
        answer = client.get(f"{built[1]}?{query}", headers=headers)
    assert answer.status_code < 400, (rule.rule, answer.status_code)
    return {part for row in counted(workspace) for part in row.parts}


def export_of(key: str, client: FlaskClient, acme: Company) -> UUID:
    """Ask for a file by a key, which sees no other exports, and build it."""
    headers = {"Authorization": f"Bearer {key}"}
    answer = client.post("/api/v1/exports", json={"format": "csv", "proof": True}, headers=headers)
    assert answer.json is not None
    export_id = UUID(answer.json["id"])
    acme.build(export_id, proof=True)
    return export_id


def test_every_route_that_reads_a_log_is_recorded_and_every_other_is_not(
    app: Flask, acme: Company, known: dict[str, Any], asking: FlaskClient
) -> None:
    key = make_api_key(acme.workspace)
    of_key = known | {"export_id": export_of(key, asking, acme)}
    found = {}
    for rule in rules(app):
        values = of_key if rule.endpoint in BY_KEY else known
        found[rule.rule, rule.endpoint] = parts(asking, acme, rule, values, key)
    for (address, _), read in sorted(found.items()):
        print(f"{address:60} {', '.join(read) or 'reads no log'}")
    expected = {
        (address, endpoint): {READS[endpoint]} if endpoint in READS else set()
        for address, endpoint in found
    }
    assert found == expected
    assert {endpoint for _, endpoint in found} >= READS.keys()


@pytest.mark.parametrize("fragment", FRAGMENTS)
def test_every_fragment_of_the_log_is_recorded(
    app: Flask, acme: Company, asking: FlaskClient, known: dict[str, Any], fragment: str
) -> None:
    rule = next(rule for rule in rules(app) if rule.rule == "/w/<slug>/audit-logs/<fragment>")
    asked = {"users": "term=a", "without": "min_ms=86000000"}.get(fragment, "")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(QUERIES, "audit_logs.part", asked)
        read = parts(asking, acme, rule, known | {"fragment": fragment}, "")
    assert read == {fragment}


def test_view_that_says_nothing_is_recorded_all_the_same(
    app: Flask, acme: Company, asking: FlaskClient, known: dict[str, Any]
) -> None:
    """A fragment that is new, and whose author knows nothing of reads."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("chosen", "asked", "shown", "opened"):
            patch.setattr(log_reading, name, lambda *_, **__: None)
        rule = next(rule for rule in rules(app) if rule.rule == "/w/<slug>/audit-logs")
        assert parts(asking, acme, rule, known, "") == {"rows"}


def test_connections_that_are_not_watched_leave_no_read(
    app: Flask, acme: Company, asking: FlaskClient, known: dict[str, Any]
) -> None:
    """The control: it is the connections that notice."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_reading, "reads_log", lambda _: False)
        rule = next(rule for rule in rules(app) if rule.rule == "/w/<slug>/audit-logs")
        assert parts(asking, acme, rule, known, "") == set()
