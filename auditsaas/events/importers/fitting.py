"""Makes values of any source fit an event's fields: lengths, text that can be stored, metadata."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from auditsaas.events.importers.outcome import NOTHING
from auditsaas.events.schema import MAX_JSON_BYTES, MAX_JSON_DEPTH, too_deep
from auditsaas.text import normal_address

LONGEST_PATH = 4096
LONGEST_AGENT = 2048
LONGEST_ACTOR = 256
LONGEST_ACTIVITY = 128
LONGEST_REQUEST_ID = 128
LONGEST_METHOD = 32
MOST_TARGETS = 20
LONGEST_DURATION_MS = 86_400_000.0
# Below this a line cannot fill metadata's 32 KiB, whatever its bytes become as JSON.
SHORT = 4096
_CROWD = 512

EMAIL = re.compile(r"[^@\s]{1,64}@(?P<domain>[^@\s]{1,180}\.[^@\s.]{1,63})")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# `192.0.2.1:443`, `[2001:db8::1]:443`, `[2001:db8::1]`
_PORT = re.compile(
    r"\[(?P<six>[0-9A-Fa-f:.]{2,45})\](?::[0-9]{1,5})?|(?P<four>[0-9.]{7,15}):[0-9]{1,5}"
)


def email_in(text: str | None) -> str | None:
    """Return ``text`` if it is an e-mail address; ``ann@REALM.EXAMPLE`` of Kerberos is none."""
    found = EMAIL.fullmatch(text) if text else None
    return text if found and not found["domain"].isupper() else None


def word(value: object) -> str | None:
    """Read a value as text; None where it is no text or number, or says nothing (``-``)."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value).strip()
    return None if text in ("", "-") else text


def part(record: dict[str, Any], name: str) -> dict[str, Any]:
    """Return an inner object; empty where there is none."""
    inner = record.get(name)
    return inner if isinstance(inner, dict) else {}


def put(event: dict[str, Any], name: str, value: object, longest: int) -> None:
    """Set a text field, if there is a text; one too long is cut, and kept whole in metadata."""
    text = value if isinstance(value, str) else word(value)
    if not text or text == "-":
        return
    event[name] = text[:longest]
    if len(text) > longest:
        event["metadata"][name] = text


def put_address(event: dict[str, Any], value: object, name: str = "ip") -> None:
    """Set ``ip``; an address that is none, or has a port, is kept in metadata under ``name``."""
    text = word(value)
    if text is None:
        return
    address = without_port(text)
    if normal_address(address):
        event["ip"] = address
    if address != event.get("ip") or address != text:
        event["metadata"][name] = text


def without_port(address: str) -> str:
    """Return `192.0.2.1` for `192.0.2.1:443`, `2001:db8::1` for `[2001:db8::1]:443`."""
    found = _PORT.fullmatch(address)
    return (found["six"] or found["four"]) if found else address


def put_actor(
    event: dict[str, Any], *identities: object, name: object = None, email: object = None
) -> None:
    """Set the actor by the first of ``identities`` that says something, or else by ``unknown``."""
    found = next(filter(None, map(word, identities)), "unknown")
    event["actor"] = {"id": found[:LONGEST_ACTOR]}
    if len(found) > LONGEST_ACTOR:
        event["metadata"]["actor"] = found
    if called := word(name):
        event["actor"]["name"] = called[:LONGEST_ACTOR]
    if address := email_in(word(email)) or email_in(found):
        event["actor"]["email"] = address


def put_duration(event: dict[str, Any], value: object, unit_ms: float) -> None:
    """Set ``duration_ms`` from a number of units of so many ms; what is no duration stays away."""
    try:
        taken = float(value) * unit_ms  # type: ignore[arg-type]  # whatever it is
    except (TypeError, ValueError):
        return
    if 0 <= taken <= LONGEST_DURATION_MS:
        event["duration_ms"] = round(taken, 6)


def put_targets(event: dict[str, Any], targets: list[dict[str, str]]) -> None:
    """Set the first twenty targets; all are kept in metadata where there are more."""
    fitting = [
        {
            name: text[: 128 if name == "type" else LONGEST_ACTOR]
            for name, text in target.items()
            if text
        }
        for target in targets[:MOST_TARGETS]
    ]
    if fitting:
        event["targets"] = fitting
    if len(targets) > MOST_TARGETS:
        event["metadata"]["targets"] = targets


def rest(record: dict[str, Any], *used: str) -> dict[str, Any]:
    """Collect the fields of a record that no other field used and that say something."""
    return {
        name: value for name, value in record.items() if name not in used and value not in NOTHING
    }


def fit(metadata: dict[str, Any]) -> None:
    """Make metadata small and flat enough to store.

    What is nested too deeply becomes its JSON text. The largest values are cut, as text, until
    the whole fits, and named in ``metadata.cut``; a crowd of small ones becomes one text.
    """
    if too_deep(metadata):
        for name, value in metadata.items():
            metadata[name] = _flat(value, MAX_JSON_DEPTH - 1)
    cut: set[str] = set()
    while (size := _size(metadata, cut)) > MAX_JSON_BYTES:
        name = max(metadata, key=lambda key: _size(metadata[key]))
        if _size(metadata[name]) < _CROWD:
            whole = msgspec.json.encode(metadata).decode()
            metadata.clear()
            name, metadata["record"] = "record", whole
        text = _as_text(metadata[name])
        over = size - MAX_JSON_BYTES
        metadata[name] = text[: min(len(text) - 1, max(len(text) - over, len(text) * 3 // 4))]
        cut = (cut & metadata.keys()) | {name}
    if cut:
        metadata["cut"] = sorted(cut)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _size(value: Any, cut: set[str] | None = None) -> int:
    return len(msgspec.json.encode({**value, "cut": sorted(cut)} if cut else value))


def _flat(value: Any, levels: int) -> Any:
    if not isinstance(value, dict | list):
        return value
    if levels == 0:
        return msgspec.json.encode(value).decode()
    if isinstance(value, dict):
        return {name: _flat(inner, levels - 1) for name, inner in value.items()}
    return [_flat(inner, levels - 1) for inner in value]


def storable_copy(value: Any) -> Any:
    r"""Copy the value with NUL as ``\x00`` and halves of surrogate pairs as U+FFFD."""
    if isinstance(value, str):
        return _UNSTORABLE.sub(lambda m: "\\x00" if m[0] == "\x00" else "\ufffd", value)
    if isinstance(value, dict):
        return {storable_copy(name): storable_copy(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [storable_copy(inner) for inner in value]
    return value
