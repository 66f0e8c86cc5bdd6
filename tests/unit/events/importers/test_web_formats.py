from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from auditsaas.events.importers.lines import SourceError
from tests.unit.events.importers.reading_files import FIXTURES, events, outcomes, refusals

AT_8 = datetime(2026, 11, 16, 8, tzinfo=UTC)


def only(event: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: event[name] for name in names if name in event}


def test_nginx_json_of_variables_becomes_an_event() -> None:
    found = outcomes(FIXTURES / "nginx.jsonl")
    assert events(found)[0] == {
        "activity": "http.post",
        "status": "success",
        "status_code": 201,
        "occurred_at": AT_8,
        "actor": {"id": "ann"},
        "method": "POST",
        "path": "/invoices?draft=1",
        "ip": "192.0.2.1",
        "user_agent": "curl/8.5.0",
        "duration_ms": 42.0,
        "request_id": "9f0c",
        "metadata": {"body_bytes_sent": "88"},
        "idempotency_key": "nginx-json:file:1",
    }


def test_nginx_json_takes_a_request_line_and_milliseconds_since_1970() -> None:
    event = events(outcomes(FIXTURES / "nginx.jsonl"))[1]
    assert event["occurred_at"] == AT_8 + timedelta(milliseconds=250)
    assert only(event, "method", "path", "status", "duration_ms") == {
        "method": "GET",
        "path": "/health",
        "status": "error",
        "duration_ms": 1500.0,
    }
    assert event["metadata"]["client"] == "not-an-address"


def test_invalid_json_line_refuses_only_itself() -> None:
    found = refusals(outcomes(FIXTURES / "nginx.jsonl"))
    assert [place for place, _ in found] == ["line 3", "line 4"]


def test_caddy_durations_are_seconds_and_its_time_a_fraction_since_1970() -> None:
    event = events(outcomes(FIXTURES / "caddy.jsonl"))[0]
    assert event["occurred_at"] == AT_8 + timedelta(microseconds=123456)
    assert event["duration_ms"] == 12.5
    assert event["actor"] == {"id": "ann@acme.example", "email": "ann@acme.example"}
    assert (event["ip"], event["user_agent"]) == ("192.0.2.1", "curl/8.5.0")
    assert event["metadata"]["headers"] == {"Accept": ["*/*"]}


def test_status_zero_is_an_error_and_kept_in_metadata() -> None:
    event = events(outcomes(FIXTURES / "caddy.jsonl"))[1]
    assert event["status"] == "error"
    assert "status_code" not in event
    assert event["metadata"]["status"] == "0"


def test_caddy_may_write_times_and_durations_as_text_and_ports_after_addresses() -> None:
    event = events(outcomes(FIXTURES / "caddy.jsonl"))[1]
    assert event["occurred_at"] == AT_8 + timedelta(seconds=1)
    assert (event["duration_ms"], event["ip"]) == (62_500.0, "2001:db8::7")


def test_collector_prefix_before_an_object_is_kept_in_metadata() -> None:
    plain = events(outcomes(FIXTURES / "caddy.jsonl"))
    lines = (FIXTURES / "caddy.jsonl").read_text().splitlines()
    found = events(outcomes("\n".join(f"web-1  | {line}" for line in lines)))
    assert [event["metadata"].pop("prefix") for event in found] == ["web-1  |"] * len(plain)
    assert found == plain


def test_record_that_is_no_request_is_refused_by_its_line() -> None:
    words = "it has no request and status; its first keys are level, ts, logger and msg"
    assert refusals(outcomes(FIXTURES / "caddy.jsonl")) == [("line 3", f"is no request: {words}")]


def test_traefik_durations_are_nanoseconds_and_the_first_host_is_the_client() -> None:
    (event,) = events(outcomes(FIXTURES / "traefik.jsonl"))
    assert event["duration_ms"] == 2.337877
    assert event["occurred_at"] == AT_8 + timedelta(microseconds=123456)
    assert (event["ip"], event["status_code"]) == ("192.0.2.1", 404)
    assert event["metadata"]["client"] == "192.0.2.1,10.0.0.2"


def test_a_gitlab_sign_in_that_failed_is_an_error() -> None:
    (event,) = events(outcomes(FIXTURES / "gitlab.jsonl"))
    assert (event["status"], event["metadata"]["status"]) == ("error", "0")
    assert only(event, "actor", "request_id", "duration_ms", "user_agent") == {
        "actor": {"id": "ann"},
        "request_id": "c-1",
        "duration_ms": 12.91,
        "user_agent": "curl/8.5.0",
    }


def test_alb_url_is_split_into_a_path_and_its_times_are_summed() -> None:
    event = events(outcomes(FIXTURES / "alb.log"))[0]
    assert only(event, "method", "path", "ip", "duration_ms", "request_id") == {
        "method": "GET",
        "path": "/a?b=c",
        "ip": "192.0.2.1",
        "duration_ms": 171.0,
        "request_id": "Root=1-2",
    }
    assert event["metadata"]["host"] == "app.example:443"
    assert event["occurred_at"] == AT_8 + timedelta(microseconds=463821)


def test_alb_time_of_minus_one_gives_no_duration() -> None:
    event = events(outcomes(FIXTURES / "alb.log"))[1]
    assert "duration_ms" not in event
    assert (event["ip"], event["user_agent"]) == ("2001:db8::7", 'a "quoted" agent')


def test_cloudfront_values_are_decoded_and_its_times_seconds() -> None:
    found = outcomes(FIXTURES / "cloudfront.log")
    (event,) = events(found)
    assert only(event, "path", "user_agent", "duration_ms", "request_id", "status_code") == {
        "path": "/a?b=c",
        "user_agent": "Mozilla/5.0 (X11)",
        "duration_ms": 113.0,
        "request_id": "req-1==",
        "status_code": 400,
    }
    assert refusals(found) == [("line 4", "has 2 fields between tabs, not 14")]


def test_iis_users_keep_their_domain_and_its_times_are_milliseconds() -> None:
    event = events(outcomes(FIXTURES / "iis.log"))[0]
    assert only(event, "actor", "ip", "path", "user_agent", "duration_ms", "occurred_at") == {
        "actor": {"id": "ACME\\ann"},
        "ip": "::1",
        "path": "/owa?a=b",
        "user_agent": "Mozilla/5.0 (X11; Linux)",
        "duration_ms": 65.0,
        "occurred_at": AT_8,
    }


def test_iis_header_may_change_within_a_file() -> None:
    found = outcomes(FIXTURES / "iis.log")
    _, second, third = events(found)
    assert (second["actor"], second["method"]) == ({"id": "ACME\\ann"}, "RPC_IN_DATA")
    assert (third["method"], third["status_code"]) == ("GET", 304)
    assert refusals(found) == [("line 5", "has 4 fields, not the 15 that #Fields names")]


def test_w3c_file_with_only_a_header_has_no_events() -> None:
    assert outcomes("#Version: 1.0\n#Fields: date time cs-method sc-status\n", "iis") == []


def test_openstack_requests_name_user_and_tenant_in_the_assumed_zone() -> None:
    found = outcomes(FIXTURES / "nova.log", zone=ZoneInfo("Europe/Berlin"))
    event = events(found)[0]
    assert event["occurred_at"] == datetime(2026, 11, 16, 7, 0, 1, 16000, tzinfo=UTC)
    assert only(event, "actor", "request_id", "duration_ms", "ip") == {
        "actor": {"id": "ann"},
        "request_id": "req-b7",
        "duration_ms": 1076.5741,
        "ip": "192.0.2.1",
    }
    assert event["metadata"]["tenant"] == "acme"
    assert events(found)[1]["actor"] == {"id": "127.0.0.1"}
    assert refusals(found) == [("line 1", "is a message of the server, not a request")]


@pytest.mark.parametrize("name", ["nova.log", "bitbucket.log"])
def test_time_without_a_zone_is_refused_unless_one_is_assumed(name: str) -> None:
    with pytest.raises(SourceError, match=r"has no zone, and none is assumed"):
        outcomes(FIXTURES / name)


def test_jira_line_gives_user_and_duration_in_milliseconds() -> None:
    first, second = events(outcomes(FIXTURES / "jira.log"))
    assert only(first, "actor", "ip", "duration_ms", "user_agent") == {
        "actor": {"id": "ann"},
        "ip": "0:0:0:0:0:0:0:1",
        "duration_ms": 350.0,
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64)",
    }
    assert second["occurred_at"] == datetime(
        2026, 11, 16, 8, 0, 2, tzinfo=timezone(timedelta(hours=-5))
    )
    assert second["metadata"]["client"] == "host.example"


def test_bitbucket_lines_over_http_and_ssh_become_events() -> None:
    found = outcomes(FIXTURES / "bitbucket.log", zone=UTC)
    http, ssh = events(found)
    assert only(http, "activity", "actor", "ip", "duration_ms", "path") == {
        "activity": "http.get",
        "actor": {"id": "ann"},
        "ip": "192.0.2.1",
        "duration_ms": 101.0,
        "path": "/git/a.git/info/refs",
    }
    assert only(ssh, "activity", "status", "path") == {
        "activity": "ssh.git_upload_pack",
        "status": "success",
        "path": "/a/b.git",
    }
    assert [place for place, _ in refusals(found)] == ["line 3"]
