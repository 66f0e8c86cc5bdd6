import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.unit.events.importers.reading_files import FIXTURES, events, outcomes, refusals

AT_8 = datetime(2026, 11, 16, 8, tzinfo=UTC)


def keys(found: list[Any]) -> list[str]:
    return [event["idempotency_key"] for event in events(found)]


def test_a_cloudtrail_record_becomes_an_event() -> None:
    event = events(outcomes(FIXTURES / "cloudtrail.json"))[0]
    metadata = event.pop("metadata")
    assert event == {
        "activity": "s3.put_object",
        "status": "success",
        "occurred_at": AT_8,
        "actor": {"id": "arn:aws:iam::123456789012:user/ann", "name": "ann"},
        "ip": "192.0.2.1",
        "user_agent": "[aws-cli/2.11.1 Linux/5]",
        "request_id": "R1",
        "targets": [{"type": "AWS::S3::Bucket", "id": "arn:aws:s3:::b"}],
        "idempotency_key": "cloudtrail:e-1",
    }
    assert metadata["requestParameters"] == {"bucketName": "b"}
    assert metadata["readOnly"] is False
    assert "responseElements" not in metadata


def test_cloudtrail_error_code_is_an_error_and_an_invalid_address_is_kept() -> None:
    event = events(outcomes(FIXTURES / "cloudtrail.json"))[1]
    assert (event["activity"], event["status"]) == ("ec2.describe_db_instances", "error")
    assert event["metadata"]["sourceIPAddress"] == "AWS Internal"
    assert "ip" not in event
    assert event["actor"]["email"] == "bob@acme.example"


def test_failed_console_sign_in_is_an_error_and_a_service_is_an_actor() -> None:
    event = events(outcomes(FIXTURES / "cloudtrail.json"))[2]
    assert event["status"] == "error"
    assert event["actor"] == {"id": "rolesanywhere.amazonaws.com"}


def cloudtrail_in(shape: str) -> str:
    records = json.loads((FIXTURES / "cloudtrail.json").read_text())["Records"]
    lines = [json.dumps(record) for record in records]
    return {
        "array": "[" + ",".join(lines) + "]",
        "lines": "\n".join(lines),
        "file on file": '{"Records":[' + lines[0] + ']}\n{"Records":[' + ",".join(lines[1:]) + "]}",
        "indented": "\n".join(json.dumps(record, indent=2) for record in records),
        "raw": json.dumps([{"_raw": line, "_time": 1} for line in lines]),
        "event bridge": "\n".join(
            json.dumps({"detail-type": "AWS API Call via CloudTrail", "id": "1", "detail": record})
            for record in records
        ),
        "subscription": json.dumps(
            {
                "messageType": "DATA_MESSAGE",
                "logEvents": [{"id": "1", "timestamp": 1, "message": line} for line in lines],
            }
        ),
        "export": "\n".join(f"2026-11-16T08:00:00.000Z {line}" for line in lines),
        "looked up": json.dumps({"Events": [{"CloudTrailEvent": line} for line in lines]}),
    }[shape]


@pytest.mark.parametrize(
    "shape",
    [
        "array",
        "lines",
        "file on file",
        "indented",
        "raw",
        "looked up",
        "event bridge",
        "subscription",
        "export",
    ],
)
def test_cloudtrail_in_every_shape_is_the_same_events(shape: str) -> None:
    assert events(outcomes(cloudtrail_in(shape))) == events(outcomes(FIXTURES / "cloudtrail.json"))


def test_lookup_events_output_is_read_from_its_embedded_records() -> None:
    (event,) = events(outcomes(FIXTURES / "lookup-events.json"))
    assert (event["idempotency_key"], event["occurred_at"]) == ("cloudtrail:e-1", AT_8)


def test_events_with_ids_of_their_own_do_not_depend_on_their_place_in_the_file() -> None:
    found = outcomes(FIXTURES / "cloudtrail.json")
    turned = outcomes(cloudtrail_in("lines").replace("\n", "\n\n"))
    assert keys(found) == keys(turned) == [f"cloudtrail:e-{n}" for n in (1, 2, 3)]
    assert {outcome.order for outcome in found if hasattr(outcome, "order")} == {None}


def test_a_github_audit_entry_becomes_an_event() -> None:
    event = events(outcomes(FIXTURES / "github-audit.jsonl"))[0]
    assert event == {
        "activity": "repo.create",
        "status": "success",
        "occurred_at": AT_8 + timedelta(milliseconds=553),
        "actor": {"id": "ann", "email": "ann@acme.example"},
        "ip": "192.0.2.1",
        "user_agent": "Mozilla/5.0",
        "targets": [
            {"type": "repository", "id": "acme/app"},
            {"type": "organization", "id": "acme"},
        ],
        "metadata": {"visibility": "private", "external_identity_nameid": "ann@acme.example"},
        "idempotency_key": "github:d-1",
    }


def test_github_conclusions_and_failed_verbs_are_errors_and_blocking_is_not() -> None:
    found = events(outcomes(FIXTURES / "github-audit.jsonl", zone=UTC))
    assert [(event["activity"], event["status"]) for event in found[1:]] == [
        ("workflows.completed_workflow_run", "error"),
        ("user.failed_login", "error"),
        ("org.block_user", "success"),
    ]


def test_github_record_without_a_time_is_refused_and_a_webhook_by_name() -> None:
    found = refusals(outcomes(FIXTURES / "github-audit.jsonl", zone=UTC))
    assert [place for place, _ in found] == ["line 5", "line 6"]
    assert found[0][1] == "has no time"
    assert "webhook" in found[1][1]


def test_public_github_event_type_and_action_name_the_activity() -> None:
    first, second = events(outcomes(FIXTURES / "github-public.jsonl"))
    assert (first["activity"], second["activity"]) == ("pull_request.opened", "push")
    assert [target["id"] for target in first["targets"]] == ["acme/app", "acme"]
    assert (second["actor"]["id"], second["idempotency_key"]) == ("fix[bot]", "github:17244207337")


def test_an_okta_event_becomes_an_event() -> None:
    event = events(outcomes(FIXTURES / "okta.json", zone=UTC))[0]
    metadata = event.pop("metadata")
    assert event == {
        "activity": "user.session.start",
        "status": "error",
        "occurred_at": AT_8 + timedelta(milliseconds=597),
        "actor": {"id": "00u1", "name": "Ann Lee", "email": "ann@acme.example"},
        "ip": "192.0.2.1",
        "user_agent": "Mozilla/5.0",
        "path": "/api/v1/authn",
        "request_id": "r1",
        "targets": [{"type": "AppInstance", "id": "0oa1", "name": "App"}],
        "idempotency_key": "okta:u-1",
    }
    assert metadata["outcome"] == {"result": "DENY", "reason": "POLICY"}


def test_okta_challenge_is_no_error_in_any_case_of_its_type() -> None:
    event = events(outcomes(FIXTURES / "okta.json", zone=UTC))[1]
    assert (event["activity"], event["status"]) == ("user.authentication.auth_via_mfa", "success")
    assert event["actor"]["id"] == "unknown"
    assert event["occurred_at"] == AT_8 + timedelta(milliseconds=496)


def test_a_record_of_a_document_is_refused_by_number_and_byte() -> None:
    content = (FIXTURES / "okta.json").read_bytes()
    found = refusals(outcomes(content, zone=UTC))
    byte = content.index(b'{"eventType":"user.session.end"')
    assert found == [(f"record 3 at byte {byte:,}", "“redacted” is not a time")]


def test_a_kubernetes_entry_becomes_an_event() -> None:
    event = events(outcomes(FIXTURES / "k8s.log"))[0]
    metadata = event.pop("metadata")
    assert event == {
        "activity": "pods.exec.create",
        "status": "success",
        "status_code": 101,
        "occurred_at": AT_8,
        "actor": {"id": "ann@acme.example", "email": "ann@acme.example"},
        "method": "POST",
        "path": "/api/v1/namespaces/default/pods/web/exec?command=sh",
        "ip": "192.0.2.1",
        "user_agent": "kubectl/v1.29",
        "duration_ms": 250.0,
        "targets": [{"type": "pods", "id": "default/web"}],
        "idempotency_key": "k8s:a-1:ResponseComplete",
    }
    assert metadata["impersonatedUser"] == {"username": "bob"}


def test_kubernetes_request_without_a_resource_targets_the_api() -> None:
    event = events(outcomes(FIXTURES / "k8s.log"))[1]
    assert (event["activity"], event["status"]) == ("api.get", "error")


@pytest.mark.parametrize(
    ("name", "activity", "status", "actor", "target"),
    [
        ("1password.json", "dlgdsess.dlgsess", "success", "ann@acme.example", "O1"),
        ("slack.json", "user_login_failed", "error", "ann@acme.example", "T1"),
        ("notion.jsonl", "user.login", "success", "ann@acme.example", None),
        ("zendesk.json", "api_token.create", "success", None, "9"),
    ],
)
def test_records_of_other_services_become_events(
    name: str, activity: str, status: str, actor: str | None, target: str | None
) -> None:
    (event,) = events(outcomes(FIXTURES / name))
    assert (event["activity"], event["status"]) == (activity, status)
    assert event["actor"].get("email") == actor
    assert [found["id"] for found in event.get("targets", [])] == ([target] if target else [])
    assert event["occurred_at"].replace(microsecond=0) == AT_8
