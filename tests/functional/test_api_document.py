"""The OpenAPI document, and the page made from it."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV31SpecValidator

from auditsaas.api.access import CALLS, OPEN, Rate
from auditsaas.api.events import DEFAULT_LIMIT, MAX_LIMIT
from auditsaas.api.feed import LONGEST_WAIT
from auditsaas.api.ingest.unpacking import MAX_BODY_BYTES
from auditsaas.api.limits import PER_MINUTE
from auditsaas.api.problems import KINDS, ProblemKind
from auditsaas.events.writing.append import MAX_BATCH
from tests.support.workers import ROOT


def test_the_document_is_openapi_and_needs_no_key(client: FlaskClient) -> None:
    answer = client.get("/api/v1/openapi.json")
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["openapi"].startswith("3.1")
    assert not list(OpenAPIV31SpecValidator(answer.json).iter_errors())


def test_every_call_of_the_api_is_described_and_has_a_scope(
    app: Flask, client: FlaskClient
) -> None:
    document = client.get("/api/v1/openapi.json").json
    assert document is not None
    described = {
        (f"/api/v1{path}", method.upper())
        for path, methods in document["paths"].items()
        for method in methods
    }
    served = {
        (re.sub(r"<uuid:\w+>", "{id}", rule.rule), method)
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("api.") and rule.endpoint not in OPEN
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert described == served
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()}
    assert {name for name in endpoints if name.startswith("api.")} == {*CALLS, *OPEN}


def test_api_page_loads_nothing_from_third_parties(client: FlaskClient) -> None:
    page = client.get("/api/docs")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    addresses = re.findall(r"(?:src|href)=\"([^\"]*)\"", page.text)
    assert all(address.startswith(("/", "#")) for address in addresses)
    assert "style=" not in page.text


@pytest.mark.parametrize("kind", KINDS, ids=[kind.anchor for kind in KINDS])
def test_api_page_has_a_remedy_for_every_error_type(client: FlaskClient, kind: ProblemKind) -> None:
    page = client.get("/api/docs")
    assert f'id="{kind.anchor}"' in page.text


@pytest.mark.parametrize("kind", KINDS, ids=[kind.anchor for kind in KINDS])
def test_handbook_has_the_same_remedies(kind: ProblemKind) -> None:
    handbook = (ROOT / "docs" / "api.md").read_text()
    assert f"| {kind.status} | {kind.title} | {kind.meaning} | {kind.cure} |" in handbook


def test_handbook_states_the_limits_in_force() -> None:
    handbook = (ROOT / "docs" / "api.md").read_text()
    ingest, read, export = (PER_MINUTE[rate] for rate in Rate)
    for limit in (
        f"| {MAX_BODY_BYTES:,} bytes |",
        f"| {MAX_BATCH:,} |",
        f"| {ingest:,} that send events, {read:,} that read, {export:,} that ask for exports |",
        f"| {MAX_LIMIT:,} ({DEFAULT_LIMIT:,} where `limit` is not given) |",
        f"| {LONGEST_WAIT} seconds |",
    ):
        assert limit in handbook


def test_problem_type_links_to_its_remedy(client: FlaskClient) -> None:
    answer = client.get("/api/v1/events", headers={"X-Request-ID": "mine-1"})
    assert answer.json is not None
    assert answer.json["type"] == "/api/docs#not-authenticated"
    assert answer.json["request_id"] == answer.headers["X-Request-ID"] == "mine-1"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_cross_origin_requests_get_no_cors_headers(client: FlaskClient) -> None:
    answer = client.options(
        "/api/v1/events",
        headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"},
    )
    assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]
