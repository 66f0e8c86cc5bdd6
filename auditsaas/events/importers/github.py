"""GitHub: the audit log of an organisation or enterprise, and public events (as of GH Archive).

An audit entry's activity is its ``action``. A public event's is its kind and what happened:
``pull_request.opened``, ``create.branch``, ``push``. The payload of a webhook says neither when it
was sent nor which event it is (that is in the HTTP headers), and is refused.
"""

from __future__ import annotations

import re
from datetime import tzinfo
from typing import Any

from auditsaas.events.importers.cloudtrail import snake
from auditsaas.events.importers.fitting import (
    LONGEST_ACTIVITY,
    LONGEST_AGENT,
    LONGEST_METHOD,
    LONGEST_PATH,
    LONGEST_REQUEST_ID,
    part,
    put,
    put_actor,
    put_address,
    put_targets,
    rest,
    word,
)
from auditsaas.events.importers.format import record_format
from auditsaas.events.importers.outcome import LineError, lacking
from auditsaas.events.importers.outcomes import status_of
from auditsaas.events.importers.reading import Event
from auditsaas.events.importers.request import METHODS
from auditsaas.events.importers.times import read_time

# `failed_login` and `rejected_ref_update`; but `block_user` and `access_denied` are things done.
_FAILED_VERB = re.compile(r"(?:^|_)failed?(?:_|$)|^rejected_")
_TIMES = ("@timestamp", "created_at", "at_sign_timestamp")
_TARGETS = {"repo": "repository", "org": "organization", "team": "team", "user": "user"}


def read(record: dict[str, Any], zone: tzinfo | None) -> Event:
    if isinstance(record.get("sender", record.get("repository")), dict):
        raise LineError(
            "is a webhook's payload, which says neither its time nor the name of its event",
            near=2 if isinstance(record.get("sender"), dict) else 0,
        )
    if isinstance(record.get("actor"), dict) and "type" in record:
        return _public(record, zone)
    action = word(record.get("action"))
    if action is None or ("actor" not in record and "_document_id" not in record):
        raise lacking(record, "is no GitHub event", "action", "actor")
    return _audit(record, action, zone)


def own_id(record: dict[str, Any]) -> object:
    return word(record.get("_document_id")) or (
        word(record.get("id")) if isinstance(record.get("actor"), dict) else None
    )


def _audit(record: dict[str, Any], action: str, zone: tzinfo | None) -> Event:
    time = next((name for name in _TIMES if word(record.get(name))), "")
    event: Event = {
        "activity": action[:LONGEST_ACTIVITY],
        "status": _status(record, action),
        "occurred_at": read_time(record.get(time), zone),
        "metadata": rest(
            record, "action", "actor", "_document_id", "user_agent", "actor_ip", "request_id",
            *_TIMES, *_TARGETS,
        ),
    }  # fmt: skip
    _add_call(event, record)
    put_actor(event, record.get("actor"), email=record.get("external_identity_nameid"))
    put_address(event, record.get("actor_ip"), "actor_ip")
    put(event, "user_agent", record.get("user_agent"), LONGEST_AGENT)
    put(event, "request_id", record.get("request_id"), LONGEST_REQUEST_ID)
    targets = [
        {"type": kind, "id": identity}
        for name, kind in _TARGETS.items()
        for identity in _each(record.get(name))
    ]
    put_targets(event, targets)
    return event


def _add_call(event: Event, record: dict[str, Any]) -> None:
    """Add the request of an entry of the API; a method that HTTP has not stays metadata."""
    for name in ("request_method", "method"):
        if (word(record.get(name)) or "").upper() in METHODS:
            put(event, "method", event["metadata"].pop(name), LONGEST_METHOD)
            break
    put(event, "path", event["metadata"].pop("url_path", None), LONGEST_PATH)


def _status(record: dict[str, Any], action: str) -> str:
    """Return success unless the entry's verb or conclusion says otherwise."""
    verb = action.rpartition(".")[2]
    return "error" if _FAILED_VERB.search(verb) else status_of(record.get("conclusion"))


def _each(value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [text for text in map(word, values) if text]


def _public(record: dict[str, Any], zone: tzinfo | None) -> Event:
    kind = snake((word(record["type"]) or "other").removesuffix("Event"))
    payload = part(record, "payload")
    detail = word(payload.get("action")) or word(payload.get("ref_type"))
    actor = record["actor"]
    event: Event = {
        "activity": (f"{kind}.{detail}" if detail else kind)[:LONGEST_ACTIVITY],
        "status": "success",
        "occurred_at": read_time(record.get("created_at"), zone),
        "metadata": rest(record, "id", "type", "actor", "repo", "org", "created_at"),
    }
    put_actor(event, actor.get("login"), actor.get("id"), name=actor.get("display_login"))
    targets = [
        {"type": kind_of, "id": identity}
        for part_of, key, kind_of in (
            ("repo", "name", "repository"),
            ("org", "login", "organization"),
        )
        if (identity := word(part(record, part_of).get(key)))
    ]
    put_targets(event, targets)
    return event


FORMAT = record_format("github", "GitHub audit log and public events", read, own_id=own_id)
