"""An event in the making: what the mapping's expressions say, and which of the record was used."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from auditsaas.events.importers import fitting
from auditsaas.events.importers.fitting import LONGEST_ACTIVITY, without_port
from auditsaas.events.importers.mapping.expressions import Said, said, text_of
from auditsaas.events.importers.mapping.form import Expression, Mapping
from auditsaas.events.importers.mapping.paths import Place
from auditsaas.events.importers.outcomes import status_of
from auditsaas.events.importers.request import ACTIVITIES
from auditsaas.text import normal_address

LONGEST = {
    "method": fitting.LONGEST_METHOD,
    "path": fitting.LONGEST_PATH,
    "user_agent": fitting.LONGEST_AGENT,
    "request_id": fitting.LONGEST_REQUEST_ID,
}
_NOES = {"false", "no"}


@dataclass
class Draft:
    mapping: Mapping
    record: dict[str, Any]
    event: dict[str, Any] = field(default_factory=dict)
    used: list[Place] = field(default_factory=list)
    """Paths of the record that a field of the event holds whole."""

    def said(self, name: str) -> Said | None:
        return said(self.mapping.fields.get(name), self.record)

    def use(self, found: Said) -> None:
        if found.is_whole:
            self.used.extend(found.places)

    def fitted(self, found: Said | None, longest: int) -> str | None:
        """Cut a text at ``longest``; count it as used if it was not cut."""
        text = None if found is None else found.text
        if found is None or text is None:
            return None
        if len(text) <= longest:
            self.use(found)
        return text[:longest]


def add_texts(draft: Draft) -> None:
    for name, longest in LONGEST.items():
        if (text := draft.fitted(draft.said(name), longest)) is not None:
            draft.event[name] = text


def add_activity(draft: Draft) -> bool:
    """Add the activity, or else `http.` and the method of a request; return whether it was told."""
    text = draft.fitted(draft.said("activity"), LONGEST_ACTIVITY)
    method = draft.event.get("method")
    if text is None and "method" in draft.mapping.fields:
        text = ACTIVITIES.get((method or "").upper(), "http.other")
    if text is None:
        return False
    draft.event["activity"] = text if text.isprintable() else " ".join(text.split())
    return True


def add_status(draft: Draft) -> None:
    """Add the status code, and the status: as told, by the code, or else success."""
    code = draft.said("status_code")
    number = _code(code)
    if code is not None and number is not None:
        draft.event["status_code"] = number
        draft.use(code)
    told = draft.said("status")
    if told is None:
        draft.event["status"] = "error" if number is not None and number >= 400 else "success"
        return
    draft.event["status"] = _status(told)
    if told.text in ("success", "error"):
        draft.use(told)


def add_duration(draft: Draft) -> None:
    expression = draft.mapping.fields.get("duration_ms")
    found = said(expression, draft.record)
    if expression is None or found is None:
        return
    fitting.put_duration(draft.event, found.text, expression.unit_ms)
    if "duration_ms" in draft.event:
        draft.use(found)


def add_address(draft: Draft) -> None:
    """Add the address; a list of several, a port, and what is no address stay in metadata."""
    found = draft.said("ip")
    text = None if found is None else found.text
    if found is None or text is None:
        return
    address = without_port(text.partition(",")[0].strip())
    if normal_address(address):
        draft.event["ip"] = address
        if address == text:
            draft.use(found)


def expression_text(expression: Expression | None, record: object) -> str | None:
    found = said(expression, record)
    return None if found is None else found.text


def _code(found: Said | None) -> int | None:
    text = (None if found is None else found.text) or ""
    is_code = len(text) == 3 and text.isdecimal() and "100" <= text <= "599"
    return int(text) if is_code else None


def _status(told: Said) -> str:
    if isinstance(told.value, bool):
        return "success" if told.value else "error"
    number = _code(told)
    if number is not None:
        return "error" if number >= 400 else "success"
    text = text_of(told.value) or ""
    return "error" if text.lower() in _NOES else status_of(text)
