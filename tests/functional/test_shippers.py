"""The bodies that log shippers send by default, and the adapters of the page on senders."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from auditsaas.api.ingest import otlp_fields
from auditsaas.workspaces.models import Workspace
from tests.support.log_state import stored
from tests.support.serving import WebProcess

PAGE = (Path(__file__).parents[2] / "docs" / "senders.md").read_text()
EVENT = {"activity": "user.login", "status": "success", "actor": {"id": "u_1"}}


def compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


VECTOR = EVENT | {
    "host": "web-1",
    "message": "signed in",
    "path": "/var/log/app.log",
    "source_type": "file",
    "occurred_at": "2026-11-20T04:00:00.123456789+00:00",
}
FLUENT_BIT = {"date": 1763611200.123456} | EVENT | {"host": "web-1"}
RSYSLOG = EVENT | {"message": ' said "hello"', "host": "web-1", "request_id": "4711"}

BODIES: list[tuple[str, bytes, dict[str, str]]] = [
    ("Vector, json", compact([VECTOR, VECTOR]), {"Content-Type": "application/json"}),
    (
        "Vector, newline_delimited",
        compact(VECTOR) + b"\n" + compact(VECTOR),
        {"Content-Type": "application/x-ndjson"},
    ),
    (
        "Vector, gzip",
        gzip.compress(compact([VECTOR, VECTOR])),
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ),
    ("Fluent Bit, json", compact([FLUENT_BIT] * 2), {"Content-Type": "application/json"}),
    (
        "Fluent Bit, json_lines",
        (compact(FLUENT_BIT) + b"\n") * 2,
        {"Content-Type": "application/x-ndjson"},
    ),
    (
        "Fluent Bit, json_lines of older releases",
        (compact(FLUENT_BIT) + b"\n") * 2,
        {"Content-Type": "application/json"},
    ),
    (
        "rsyslog, jsonarray",
        compact([RSYSLOG, RSYSLOG]),
        {"Content-Type": "application/json; charset=utf-8"},
    ),
    (
        "rsyslog, newline",
        compact(RSYSLOG) + b"\n" + compact(RSYSLOG),
        {"Content-Type": "application/json; charset=utf-8"},
    ),
]


@pytest.mark.parametrize(("body", "headers"), [c[1:] for c in BODIES], ids=[c[0] for c in BODIES])
def test_default_output_of_log_shippers_is_stored(
    web: WebProcess, acme: Workspace, key: str, body: bytes, headers: dict[str, str]
) -> None:
    answer = requests.post(
        f"{web.url}/api/v1/events?unknown=metadata",
        data=body,
        headers=headers | {"Authorization": f"Bearer {key}"},
        timeout=30,
    )
    assert (answer.status_code, answer.json()["accepted"]) == (201, 2)
    assert [found.metadata["host"] for found in stored(acme)] == ["web-1", "web-1"]


def test_without_asking_the_fields_of_shippers_are_refused_by_name(
    web: WebProcess, key: str
) -> None:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    answer = requests.post(
        f"{web.url}/api/v1/events", data=compact([FLUENT_BIT]), headers=headers, timeout=30
    )
    errors = answer.json()["rejected"][0]["errors"]
    assert [error["field"] for error in errors] == ["date", "host"]


def test_documented_curl_sends_twice_and_stores_once(
    web: WebProcess, acme: Workspace, key: str
) -> None:
    recipe = _blocks("sh")[0].partition("\n\n")[0]
    environment = {"AUDITSAAS_URL": web.url, "AUDITSAAS_KEY": key, "PATH": "/usr/bin:/bin"}
    for _ in range(2):
        subprocess.run(["sh", "-c", recipe], env=environment, check=True, capture_output=True)
    assert [found.activity for found in stored(acme)] == ["deploy.finish"]


# The page


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def adapter(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The function of that name, as the page has it."""
    [code] = [block for block in _blocks("python") if f"def {name}(" in block]
    made: dict[str, Any] = {}
    exec(code, made)  # noqa: S102  # of our own page
    found: Callable[[dict[str, Any]], dict[str, Any]] = made[name]
    return found


def sent(web: WebProcess, key: str, event: dict[str, Any]) -> int:
    headers = {"Authorization": f"Token token={key}", "Idempotency-Key": "w-1"}
    answer = requests.post(f"{web.url}/api/v1/events", json=event, headers=headers, timeout=30)
    return answer.status_code


def test_workos_event_is_stored_by_the_documented_adapter(
    web: WebProcess, acme: Workspace, key: str
) -> None:
    event = {
        "action": "user.signed_in",
        "occurred_at": "2026-11-20T10:00:00.000Z",
        "version": 1,
        "actor": {"type": "user", "id": "u1", "name": "Ann Lee", "metadata": {"role": "admin"}},
        "targets": [{"type": "team", "id": "t1", "metadata": {"owner": "u2"}}],
        "context": {"location": "203.0.113.7", "user_agent": "Chrome/104.0"},
        "metadata": {"plan": "pro"},
    }
    adapted = adapter("from_workos")(event)
    assert [sent(web, key, adapted), sent(web, key, adapted)] == [201, 200]
    [found] = stored(acme)
    assert (found.activity, found.actor_name, str(found.ip)) == (
        "user.signed_in",
        "Ann Lee",
        "203.0.113.7",
    )
    assert found.targets == [{"type": "team", "id": "t1"}]
    assert found.metadata == {
        "plan": "pro",
        "actor": {"type": "user", "role": "admin"},
        "targets": [{"owner": "u2"}],
    }


def test_retraced_event_is_stored_by_the_documented_adapter(
    web: WebProcess, acme: Workspace, key: str
) -> None:
    event = {
        "action": "report.create",
        "crud": "c",
        "created": "2026-11-20T10:00:00Z",
        "group": {"id": "g1", "name": "Acme"},
        "actor": {"id": "u1", "name": "Ann Lee", "href": "https://acme.example/u1"},
        "target": {"id": "t1", "name": "Q4", "type": "report"},
        "source_ip": "203.0.113.7",
        "is_failure": True,
        "fields": {"quarter": "4"},
    }
    assert sent(web, key, adapter("from_retraced")(event)) == 201
    anonymous = {"action": "page.view", "crud": "r", "is_anonymous": True}
    assert sent(web, key, adapter("from_retraced")(anonymous)) == 201
    [found, viewed] = stored(acme)
    assert (viewed.actor_id, viewed.metadata["crud"]) == ("anonymous", "r")
    assert (found.status, str(found.ip), found.metadata["crud"]) == ("error", "203.0.113.7", "c")
    assert found.targets == [{"type": "report", "id": "t1", "name": "Q4"}]


TABLE = {
    "activity": otlp_fields.ACTIVITY,
    "status": (*otlp_fields.STATUS, *otlp_fields.FAULT),
    "actor.id": otlp_fields.ACTOR,
    "actor.name": otlp_fields.ACTOR_NAME,
    "actor.email": otlp_fields.ACTOR_EMAIL,
    "actor.role": otlp_fields.ACTOR_ROLE,
    "ip": otlp_fields.ADDRESS,
    "method": otlp_fields.METHOD,
    "path": otlp_fields.PATH,
    "status_code": otlp_fields.STATUS_CODE,
    "user_agent": otlp_fields.AGENT,
    "request_id": otlp_fields.REQUEST_ID,
    "duration_ms": tuple(otlp_fields.DURATION),
    "idempotency_key": otlp_fields.KEY,
}


@pytest.mark.parametrize("field", TABLE)
def test_the_page_names_the_attributes_that_give_a_field(field: str) -> None:
    section = PAGE.partition("## OpenTelemetry")[2].partition("## CloudEvents")[0]
    [row] = [line for line in section.splitlines() if line.startswith(f"| `{field}` |")]
    source = row.split(" | ")[1]
    places = [source.index(f"`{name}`") for name in TABLE[field]]
    assert places == sorted(places)


def test_the_python_of_the_page_is_python() -> None:
    assert [compile(block, "senders.md", "exec") for block in _blocks("python")]
