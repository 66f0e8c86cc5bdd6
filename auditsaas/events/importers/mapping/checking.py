"""Reads the JSON form of a mapping, and says of each thing that is wrong where it stands."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from auditsaas.errors import FieldError
from auditsaas.events.event_fields import SENT, Kind
from auditsaas.events.importers.mapping.faults import MOST, Faults, MappingError
from auditsaas.events.importers.mapping.form import Changes, Expression, Mapping, Need, Targets
from auditsaas.events.importers.mapping.paths import Path

LONGEST_TITLE = 128
MOST_BYTES = 64 * 1024
"""Of a form."""
DEEPEST = 4
"""Alternatives within alternatives."""
FIELDS = tuple(
    known.name
    for known in SENT
    if known.kind is not Kind.DOCUMENT and known.name != "idempotency_key"
)
METADATA = "metadata."
CASES = ("lower", "upper", "snake")
UNITS = {"ms": 1.0, "s": 1000.0, "us": 1e-3, "ns": 1e-6, "min": 60_000.0}
MEMBERS = (
    "title", "input", "fields", "targets", "changes", "id", "zone", "needs", "under", "unpack",
    "lift", "split", "pairs", "drop",
)  # fmt: skip
_SOURCES = ("path", "constant", "template", "first")
_EXPRESSION = (*_SOURCES, "when", "values", "otherwise", "case", "format", "unit")
_PIECE = re.compile(r"(?P<brace>\{\{|\}\})|\{(?P<path>[^{}]*)\}|(?P<text>[^{}]+)|(?P<odd>[{}])")


def mapping_from_json(raw: bytes | str, inputs: Iterable[str]) -> Mapping:
    """Read the mapping of a form's JSON text; ``inputs`` are the kinds of input there are.

    Raises:
        MappingError: it is none.
    """
    if len(raw) > MOST_BYTES:
        raise MappingError([FieldError("", f"is longer than {MOST_BYTES:,} bytes")])
    try:
        form = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise MappingError([FieldError("", f"is not JSON: {error}")]) from None
    return mapping_of(form, inputs)


def mapping_of(form: object, inputs: Iterable[str]) -> Mapping:
    """Check a form and return its mapping; see ``mapping_from_json``."""
    check = _Check()
    if not isinstance(form, dict):
        raise MappingError([FieldError("", "must be a JSON object")])
    members = check.members(form, MEMBERS, "")
    found = Mapping(
        title=check.text(members.get("title", "Mapping"), "title", LONGEST_TITLE),
        input=check.one_of(members.get("input", "json"), tuple(inputs), "input"),
        fields=check.fields(members.get("fields")),
        under=frozenset(check.each(members.get("under", []), "under", check.text)),
        unpack=check.paths(members.get("unpack", []), "unpack"),
        lift=check.paths(members.get("lift", []), "lift"),
        split=check.paths(members.get("split", []), "split"),
        pairs=check.paths(members.get("pairs", []), "pairs"),
        needs=check.each(members.get("needs", []), "needs", check.need),
        drop=check.paths(members.get("drop", []), "drop"),
        id=check.optional(members, "id"),
        zone=check.zone(members.get("zone")),
        targets=check.each(members.get("targets", []), "targets", check.targets),
        changes=check.each(members.get("changes", []), "changes", check.changes),
        form=members,
    )
    if check.errors:
        raise MappingError(check.errors)
    return found


class _Check(Faults):
    """The parts that only mappings have."""

    def fields(self, value: object) -> dict[str, Expression]:
        if not isinstance(value, dict) or not value:
            self.note("fields", "must be an object of an event's fields")
            return {}
        for name in ("occurred_at", "activity"):
            if name not in value and not (name == "activity" and "method" in value):
                self.note(f"fields.{name}", "is required")
        found = {}
        for name, expression in value.items():
            if name not in FIELDS and not name.startswith(METADATA):
                known = f"{', '.join(FIELDS)} and {METADATA}…"
                self.note(f"fields.{name}", f"is no field of an event; these are {known}")
            found[name] = self.expression(expression, f"fields.{name}")
        return found

    def optional(self, form: dict[str, Any], name: str, place: str = "") -> Expression | None:
        at = f"{place}.{name}" if place else name
        return self.expression(form[name], at) if form.get(name) is not None else None

    def expression(self, value: object, place: str, depth: int = 0) -> Expression:
        """Check a path, a template (a text with braces), or an object of both and more."""
        if isinstance(value, str):
            if "{" in value or "}" in value:
                return Expression(template=self.template(value, place))
            return Expression(path=self.path(value, place))
        if not isinstance(value, dict):
            self.note(place, "must be a path, or an object that says where the value comes from")
            return Expression()
        form = self.members(value, _EXPRESSION, place)
        sources = [name for name in _SOURCES if name in form]
        if len(sources) != 1:
            self.note(place, f"must have exactly one of {', '.join(_SOURCES)}")
            return Expression()
        return Expression(
            **self.source(sources[0], form[sources[0]], place, depth),
            values=self.table(form["values"], f"{place}.values") if "values" in form else {},
            otherwise=self.text_in(form, "otherwise", place),
            is_closed="otherwise" in form and form["otherwise"] is None,
            when=self.need(form["when"], f"{place}.when") if "when" in form else None,
            case=self.one_of(form["case"], CASES, f"{place}.case") if "case" in form else None,
            format=self.format(form, place),
            unit_ms=UNITS[self.one_of(form.get("unit", "ms"), tuple(UNITS), f"{place}.unit")],
        )

    def source(self, kind: str, value: object, place: str, depth: int) -> dict[str, Any]:
        at = f"{place}.{kind}"
        if kind == "path":
            return {kind: self.path(value, at)}
        if kind == "constant":
            return {kind: self.text(value, at)}
        if kind == "template":
            return {kind: self.template(value, at)}
        if depth == DEEPEST or value == []:
            self.note(at, "is empty" if value == [] else "is nested too deeply")
            return {}
        return {kind: self.each(value, at, lambda one, p: self.expression(one, p, depth + 1))}

    def template(self, value: object, place: str) -> tuple[str | Path, ...]:
        pieces: list[str | Path] = []
        for piece in _PIECE.finditer(self.text(value, place)):
            if piece["odd"]:
                self.note(place, f"the brace at character {piece.start() + 1} has no other half")
            elif piece["path"] is not None:
                pieces.append(self.path(piece["path"].strip(), place))
            else:
                pieces.append(piece["text"] or piece["brace"][0])
        return tuple(pieces)

    def text_in(self, form: dict[str, Any], name: str, place: str) -> str | None:
        return None if form.get(name) is None else self.text(form[name], f"{place}.{name}")

    def table(self, value: object, place: str) -> dict[str, str | None]:
        if not isinstance(value, dict) or not value or len(value) > MOST:
            self.note(place, f"must be an object of 1 to {MOST} texts")
            return {}
        return {
            key.lower(): None if text is None else self.text(text, f"{place}.{key}")
            for key, text in value.items()
        }

    def format(self, form: dict[str, Any], place: str) -> str | None:
        written = self.text_in(form, "format", place)
        if written is None:
            return None
        if not place.endswith("occurred_at") and ".occurred_at." not in f"{place}.":
            self.note(f"{place}.format", "is for a time, occurred_at, only")
        try:
            moment = datetime(2026, 11, 20, 10, tzinfo=UTC)
            bare = written.removesuffix("%Z").rstrip()
            datetime.strptime(moment.strftime(bare), bare)  # noqa: DTZ007  # only tried
        except ValueError:
            self.note(f"{place}.format", f"“{written}” is not made of signs such as %Y-%m-%d")
        return written

    def need(self, value: object, place: str) -> Need:
        """Check a path, some paths of which one is needed, or a path with its possible values."""
        if isinstance(value, str):
            return Need(paths=(self.path(value, place),))
        if isinstance(value, list):
            return Need(paths=self.paths(value, place))
        form = self.members(value, ("path", "is"), place)
        wanted = form.get("is")
        texts = wanted if isinstance(wanted, list) else [wanted]
        values = self.each(texts, f"{place}.is", self.text)
        return Need(
            paths=(self.path(form.get("path"), f"{place}.path"),),
            values=frozenset(text.lower() for text in values),
        )

    def targets(self, value: object, place: str) -> Targets:
        form = self.members(value, ("each", "type", "id", "name"), place)
        return Targets(
            type=self.expression(form.get("type"), f"{place}.type"),
            id=self.expression(form.get("id"), f"{place}.id"),
            name=self.optional(form, "name", place),
            each=self.path(form["each"], f"{place}.each") if "each" in form else None,
        )

    def changes(self, value: object, place: str) -> Changes:
        form = self.members(value, ("each", "field", "before", "after"), place)
        return Changes(
            field=self.expression(form.get("field"), f"{place}.field"),
            before=self.optional(form, "before", place),
            after=self.optional(form, "after", place),
            each=self.path(form["each"], f"{place}.each") if "each" in form else None,
        )

    def zone(self, value: object) -> str | None:
        if value is None:
            return None
        name = self.text(value, "zone")
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            self.note("zone", f"“{name}” is no zone, such as Europe/Berlin")
        return name
