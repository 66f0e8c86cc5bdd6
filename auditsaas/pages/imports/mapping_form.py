"""The form of a mapping: what was typed, the JSON that it says, and what a sample becomes by it."""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass, field, replace

import msgspec

from auditsaas.errors import FieldError
from auditsaas.events.importers.mapping.checking import mapping_from_json
from auditsaas.events.importers.mapping.faults import MappingError
from auditsaas.events.importers.mapping.inputs import INPUTS
from auditsaas.events.importers.mapping.simple import TEXTS, form_of, texts_of
from auditsaas.imports.trial import MOST_SAMPLE, Trial, tried

EMPTY = {"input": "csv", "duration_unit": "ms"}
UNTOLD = {"duration_unit"}
"""Inputs that say nothing of themselves."""


@dataclass(frozen=True, kw_only=True)
class MappingForm:
    name: str = ""
    original: str = ""
    """The name of the mapping that is changed; empty for a new one."""
    is_json: bool = False
    """Whether the JSON itself is written, and not the inputs."""
    json: str = ""
    texts: Table[str, str] = field(default_factory=lambda: dict(EMPTY))
    sample: str = ""

    @classmethod
    def posted(cls, fields: Table[str, str]) -> MappingForm:
        return cls(
            name=fields.get("name", "").strip(),
            original=fields.get("original", ""),
            is_json=fields.get("mode") == "json",
            json=fields.get("json", ""),
            texts={name: fields.get(name, "") for name in TEXTS},
            sample=fields.get("sample", "").replace("\r\n", "\n")[:MOST_SAMPLE],
        )

    @classmethod
    def of(cls, form: Table[str, object], *, name: str = "", original: str = "") -> MappingForm:
        """Fill the form from a mapping; as inputs where they can say it, else as JSON."""
        texts = texts_of(form)
        whole = cls(name=name, original=original, json=pretty(form))
        return replace(whole, is_json=True) if texts is None else replace(whole, texts=texts)

    @property
    def said(self) -> str:
        """The JSON of the mapping."""
        if self.is_json:
            return self.json
        told = {name: text for name, text in self.texts.items() if name not in UNTOLD}
        if told.get("duration_ms", "").strip():
            told["duration_unit"] = self.texts.get("duration_unit", "ms")
        return pretty(form_of(told))

    def as_json(self) -> MappingForm:
        return replace(self, is_json=True, json=self.said)

    def trial(self, redacted_keys: frozenset[str]) -> tuple[Trial | None, list[FieldError]]:
        """Try the mapping on the sample; or name what is wrong with a form that is no mapping."""
        try:
            mapping = mapping_from_json(self.said, INPUTS)
        except MappingError as error:
            return None, error.errors
        return tried(mapping, self.sample, redacted_keys), []


def pretty(form: Table[str, object]) -> str:
    return msgspec.json.format(msgspec.json.encode(form), indent=2).decode()
