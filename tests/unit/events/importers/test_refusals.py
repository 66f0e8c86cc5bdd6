"""Refusals of files of no format, and of records that are nearly of one."""

from __future__ import annotations

import json

import pytest

from auditsaas.events.importers.lines import SourceError
from tests.unit.events.importers.reading_files import events, outcomes, refusals

OKTA = {"eventType": "user.x", "published": "2026-11-20T10:00:00Z", "uuid": "1"}
TRAIL = {"eventName": "GetUser", "eventSource": "iam.amazonaws.com", "eventID": "1"}
WEBHOOK = {"action": "opened", "repository": {"id": 1}, "sender": {"login": "ann"}}


def refusal(content: str, format: str = "auto") -> str:
    with pytest.raises(SourceError) as caught:
        outcomes(content, format)
    return str(caught.value)


def test_cloudtrail_record_without_a_time_is_refused_with_the_reason() -> None:
    assert refusal(json.dumps(TRAIL)) == (
        "- is of no known format: it looks most like cloudtrail, but line 1: is no CloudTrail"
        " record: it has no eventTime; its first keys are eventName, eventSource and eventID"
    )


@pytest.mark.parametrize("format", ["auto", "okta"])
def test_okta_event_without_a_time_is_refused_with_the_reason(format: str) -> None:
    words = refusal(json.dumps({**OKTA, "published": ""}), format)
    assert "is no Okta event: it has no published; its first keys are eventType" in words


@pytest.mark.parametrize("indent", [None, 2])
def test_webhook_payload_is_refused_by_name(indent: int | None) -> None:
    words = refusal(json.dumps(WEBHOOK, indent=indent))
    assert "is a webhook's payload" in words


def test_access_line_with_only_a_client_is_refused_with_what_is_missing() -> None:
    words = refusal('203.0.113.7 [16/Nov/2026:08:00:00 +0000] "GET / HTTP/1.1" 200 5')
    assert "no ident and user (- -) between the client “203.0.113.7” and the time" in words


@pytest.mark.parametrize("indent", [None, 2])
def test_unknown_object_is_refused_with_its_first_keys(indent: int | None) -> None:
    words = refusal(json.dumps({"colour": "red", "size": 5}, indent=indent))
    assert words.endswith("it begins with an object; its first keys are colour and size")


@pytest.mark.parametrize("template", ["{0}\n{1}", "[{0},\n{1}]"], ids=["lines", "array"])
def test_time_without_a_zone_refuses_only_its_own_record(template: str) -> None:
    zoneless = json.dumps({**OKTA, "published": "2026-11-20T10:00:00"})
    found = outcomes(template.format(json.dumps(OKTA), zoneless))
    assert len(events(found)) == 1
    assert refusals(found)[0][1].endswith("has no zone, and none is assumed")


def test_address_with_a_port_is_parsed_and_kept_in_metadata() -> None:
    okta = {**OKTA, "client": {"ipAddress": "[2001:db8::1]:443"}}
    (event,) = events(outcomes(json.dumps(okta)))
    assert event["ip"] == "2001:db8::1"
    assert event["metadata"]["ipAddress"] == "[2001:db8::1]:443"


@pytest.mark.parametrize(("method", "field"), [("POST", "POST"), ("oauth", None)])
def test_github_method_is_taken_only_if_it_is_an_http_method(
    method: str, field: str | None
) -> None:
    entry = {"action": "api.request", "actor": "ann", "@timestamp": 1795176000000}
    (event,) = events(outcomes(json.dumps({**entry, "method": method})))
    assert event.get("method") == field
    assert event["metadata"] == ({} if field else {"method": "oauth"})
