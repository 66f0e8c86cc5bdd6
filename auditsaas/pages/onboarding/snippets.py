"""Snippets that send a first event, filled in with the address and the key of a workspace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

NO_KEY: Final = "aud_YOUR_KEY"
"""Stands for a key that is not shown (any more)."""


@dataclass(frozen=True)
class Snippet:
    """One way to send the first event; its text works as it stands."""

    name: str
    title: str
    text: str
    note: str = ""


CURL: Final = """\
curl {address}/api/v1/events \\
  -H "Authorization: Bearer {key}" \\
  --json '{{
    "activity": "user.login",
    "status": "success",
    "actor": {{ "id": "ann", "name": "Ann" }}
  }}'
"""
PYTHON: Final = """\
from auditsaas_client import Actor, AuditLog

with AuditLog("{address}", "{key}") as log:
    log.record("user.login", "success", Actor("ann", name="Ann"))
"""
NODE: Final = """\
const answer = await fetch("{address}/api/v1/events", {{
  method: "POST",
  headers: {{
    Authorization: "Bearer {key}",
    "Content-Type": "application/json",
  }},
  body: JSON.stringify({{
    activity: "user.login",
    status: "success",
    actor: {{ id: "ann", name: "Ann" }},
  }}),
}});
console.log(answer.status, await answer.text());
"""
OTEL: Final = """\
exporters:
  otlphttp/audit:
    logs_endpoint: {address}/v1/logs
    headers:
      Authorization: Bearer {key}
service:
  pipelines:
    logs/audit:
      receivers: [otlp]
      exporters: [otlphttp/audit]
"""

WAYS: Final = (
    Snippet("curl", "curl", CURL, "In a shell, with curl 7.82 or newer."),
    Snippet("python", "Python", PYTHON, "After: pip install ./sdk/python"),
    Snippet("node", "Node", NODE, "As send.mjs, with Node 18 or newer: node send.mjs"),
    Snippet(
        "otel", "OpenTelemetry", OTEL, "In the Collector’s configuration, beside its OTLP receiver."
    ),
)


def of(address: str, key: str | None) -> Sequence[Snippet]:
    """Fill in the address, and the key where it is at hand."""
    return [
        Snippet(way.name, way.title, way.text.format(address=address, key=key or NO_KEY), way.note)
        for way in WAYS
    ]
