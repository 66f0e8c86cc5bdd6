"""The mappings that come with the product, each a JSON form in ``presets``."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from auditsaas.events.importers.format import Format
from auditsaas.events.importers.mapping.checking import mapping_from_json
from auditsaas.events.importers.mapping.form import Mapping
from auditsaas.events.importers.mapping.inputs import INPUTS
from auditsaas.events.importers.mapping.parsing import format_of


@cache
def presets() -> dict[str, Mapping]:
    """Load every mapping that comes with the product, by its name."""
    folder = files("auditsaas.events.importers") / "presets"
    found = sorted(folder.iterdir(), key=lambda file: file.name)
    return {
        file.name.removesuffix(".json"): mapping_from_json(file.read_bytes(), INPUTS)
        for file in found
        if file.name.endswith(".json")
    }


@cache
def preset_formats() -> dict[str, Format]:
    return {name: format_of(name, mapping) for name, mapping in presets().items()}
